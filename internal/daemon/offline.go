package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// Offline returns a Reader for while no daemon runs, which reads what the last
// one left, and what to close at the end.
func Offline(ctx context.Context, cfg *config.Config) (api.Reader, io.Closer, error) {
	dir := StateDir(cfg)
	book, err := ledger.OpenRead(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		book, err = ledger.NewMemory(ledger.Options{}), nil // nothing ever happened
	}
	if err != nil {
		return nil, nil, err
	}
	return offline{&reader{book: book, stateDir: dir, config: func() *config.Config { return cfg }, now: time.Now}}, book, nil
}

// offline is a reader for others, who are shown what a daemon would show them.
type offline struct{ *reader }

// Tasks implements [api.Reader].
func (o offline) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	tasks, err := o.reader.Tasks(ctx, names...)
	for i := range tasks {
		if last := tasks[i].Last; last != nil {
			*last = api.Shown(*last)
		}
		for k, r := range tasks[i].Standing {
			tasks[i].Standing[k] = api.Shown(r)
		}
	}
	return tasks, err
}

// Runs implements [api.Reader].
func (o offline) Runs(ctx context.Context, q api.RunQuery) ([]runner.Run, error) {
	runs, err := o.reader.Runs(ctx, q)
	for i, r := range runs {
		runs[i] = api.Shown(r)
	}
	return runs, err
}

// Run implements [api.Reader].
func (o offline) Run(ctx context.Context, id string) (api.Run, error) {
	r, err := o.reader.Run(ctx, id)
	r.Run = api.Shown(r.Run)
	return r, err
}

// Why implements [api.Reader].
func (o offline) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	w, err := o.reader.Why(ctx, task, at)
	if w.Run != nil {
		*w.Run = api.Shown(*w.Run)
	}
	return w, err
}
