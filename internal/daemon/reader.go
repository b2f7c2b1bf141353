package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// reader answers questions from the ledger and a configuration. It changes
// nothing, and knows no loop: the daemon uses it, and so does a command while no
// daemon runs.
type reader struct {
	book     ledger.Reader
	stateDir string
	config   func() *config.Config // the one in force
	now      func() time.Time
	agenda   func(ctx context.Context, names []string) ([]coming, error) // of a daemon; nil: none runs, and it is worked out from the ledger
	states   func(context.Context) (map[string]ledger.TaskState, error)  // of a daemon; nil: the ledger's
}

var _ api.Reader = (*reader)(nil)

// Status implements [api.Reader], where no daemon runs.
func (r *reader) Status(ctx context.Context) (api.Status, error) {
	cfg := r.config()
	s := api.Status{Config: cfg.Path, StateDir: r.stateDir, Timezone: cfg.Rota.Timezone.String(), Tasks: len(cfg.Tasks)}
	cursor, err := r.book.Cursor(ctx)
	if err != nil {
		return s, err
	}
	s.Epoch, s.Through, s.Revision = cursor.Epoch, cursor.Through, cfg.Revision
	states, err := r.book.Tasks(ctx)
	if err != nil {
		return s, err
	}
	now := r.now()
	for name := range cfg.Tasks {
		if holdAt(states[name], now) != nil {
			s.Held++
		}
	}
	alive, err := r.book.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Running, runner.Queued, runner.Delayed, runner.Held}})
	if err != nil {
		return s, err
	}
	for _, run := range alive {
		if run.State == runner.Running {
			s.Running++
		} else {
			s.Waiting++
		}
	}
	slots, err := r.Next(ctx, api.NextQuery{})
	if err != nil {
		return s, err
	}
	if len(slots) > 0 {
		s.Next = &slots[0]
	}
	s.LedgerBytes = r.ledgerBytes()
	s.OutputBytes = sizeOf(filepath.Join(r.stateDir, "logs"))
	return s, ctx.Err()
}

// ledgerBytes is the size of the ledger on the disk.
func (r *reader) ledgerBytes() (bytes int64) {
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(r.stateDir, "rota.db"+ending)); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// sizeOf is how many bytes the files below a directory have.
func sizeOf(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil // what is gone meanwhile has no size
	})
	return bytes
}

// holdAt returns the hold of a task at an instant; nil: there is none. Where no daemon
// runs, a planned one may have begun.
func holdAt(state ledger.TaskState, at time.Time) *ledger.Hold {
	if h := state.Planned; h != nil && !at.Before(h.Since) && holds(h, at) != nil {
		return h
	}
	return holds(state.Hold, at)
}

// holds returns a hold if it is one at that time.
func holds(h *ledger.Hold, at time.Time) *ledger.Hold {
	if h == nil || !h.Until.IsZero() && !at.Before(h.Until) {
		return nil
	}
	return h
}

// noRun is the answer to an id that no run has.
func noRun(cfg *config.Config, id string) error {
	task, _ := runner.SplitID(id)
	if _, ok := cfg.Tasks[task]; !ok {
		return noTask(cfg.Tasks, task)
	}
	return api.Errorf(api.NotFound, "to see what there is: rota history "+task, "there is no run %q", id)
}

// absent reports whether the ledger has not got what was asked for.
func absent(err error) bool { return errors.Is(err, ledger.ErrNotFound) }

// statesOf returns the states of some tasks and queues, or without names of all.
func (r *reader) statesOf(ctx context.Context, names ...string) (map[string]ledger.TaskState, error) {
	const few = 100
	if len(names) == 0 || len(names) > few {
		return r.allStates(ctx)
	}
	states := make(map[string]ledger.TaskState, len(names))
	for _, name := range names {
		state, err := r.book.Task(ctx, name)
		if err != nil {
			return nil, err
		}
		states[name] = state
	}
	return states, nil
}

// allStates returns the states of all tasks and queues.
func (r *reader) allStates(ctx context.Context) (map[string]ledger.TaskState, error) {
	if r.states != nil {
		return r.states(ctx)
	}
	return r.book.Tasks(ctx)
}
