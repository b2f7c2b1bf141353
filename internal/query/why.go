package query

import (
	"context"
	"time"

	"rota/internal/api"
	"rota/internal/why"
	"rota/runner"
)

// Why implements [api.Reader]. In the place of a task there may be the id of a run, and
// an instant on a whole minute stands for the first slot in it.
func (r *Reader) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	name, _ := runner.SplitID(task)
	if err := r.known(ctx, name); err != nil {
		return api.Why{}, err
	}
	cfg := r.Config()
	next, err := r.firsts(ctx, cfg, []string{name})
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
