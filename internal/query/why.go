package query

import (
	"context"
	"time"

	"rota/internal/api"
	"rota/internal/why"
	"rota/runner"
)

// Why implements [api.Reader]. task may also be the id of a run. An instant at a whole
// minute stands for the first slot in that minute.
func (r *Reader) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	name, _ := runner.SplitID(task)
	if err := r.known(ctx, name); err != nil {
		return api.Why{}, err
	}
	cfg := r.Config()
	next, err := r.firstSlots(ctx, cfg, []string{name})
	if err != nil {
		return api.Why{}, err
	}
	noRoom := r.NoRoom != nil && r.NoRoom(name)
	answer, err := why.Of(ctx, why.Source{Ledger: r.Ledger, Config: cfg, Now: r.Now(), Next: next[name], Daemon: r.Agenda != nil, NoRoom: noRoom}, task, at)
	if absent(err) {
		return answer, noRun(cfg, task)
	}
	return answer, err
}
