package query

import (
	"cmp"
	"context"
	"slices"

	"rota/internal/api"
	"rota/internal/ledger"
)

// Events implements [api.Reader].
func (r *Reader) Events(ctx context.Context, q api.EventQuery) ([]api.Event, error) {
	kept, err := r.Ledger.Events(ctx, ledger.EventFilter{Task: q.Task, Since: q.Since, Limit: cmp.Or(q.N, maxRuns)})
	if err != nil {
		return nil, err
	}
	if q.Task != "" && !slices.ContainsFunc(kept, func(e ledger.Event) bool { return e.Task == q.Task }) {
		if err := r.known(ctx, q.Task); err != nil {
			return nil, err
		}
	}
	events := make([]api.Event, 0, len(kept))
	for _, e := range slices.Backward(kept) {
		events = append(events, api.Event{Time: e.Time, Kind: e.Kind, Task: e.Task, Who: e.Who, Text: e.Text})
	}
	return events, nil
}
