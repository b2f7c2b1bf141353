package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/suggest"
	"rota/runner"
)

// Reader answers queries from the ledger and a configuration. It changes nothing. The
// daemon uses it, and so do commands while no daemon runs.
type Reader struct {
	Ledger   ledger.Reader
	StateDir string
	Config   func() *config.Config // returns the configuration in force
	Now      func() time.Time
	Agenda   func(ctx context.Context, names []string) ([]Upcoming, error) // the agenda of the daemon; nil: no daemon runs, and the slots are computed from the ledger
	States   func(context.Context) (map[string]ledger.TaskState, error)    // the states in the daemon; nil: those in the ledger
	NoRoom   func(task string) bool                                        // reports whether the disk lacks room to start runs of a task; nil: it has room
}

var _ api.Reader = (*Reader)(nil)

// Status implements [api.Reader] without a daemon.
func (r *Reader) Status(ctx context.Context) (api.Status, error) {
	cfg := r.Config()
	s := api.Status{Config: cfg.Path, StateDir: r.StateDir, Timezone: cfg.Rota.Timezone.String(), Tasks: len(cfg.Tasks)}
	cursor, err := r.Ledger.Cursor(ctx)
	if err != nil {
		return s, err
	}
	s.Epoch, s.Through, s.Revision = cursor.Epoch, cursor.Through, cfg.Revision
	states, err := r.Ledger.Tasks(ctx)
	if err != nil {
		return s, err
	}
	now := r.Now()
	for name := range cfg.Tasks {
		if states[name].HoldAt(now) != nil {
			s.Held++
		}
	}
	alive, err := r.Ledger.List(ctx, ledger.Filter{Brief: true, States: []runner.State{runner.Running, runner.Queued, runner.Delayed, runner.Held}})
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
	s.LedgerBytes = r.LedgerBytes()
	s.OutputBytes = r.logs().Bytes()
	return s, ctx.Err()
}

// LedgerBytes returns the size of the ledger on the disk.
func (r *Reader) LedgerBytes() (bytes int64) {
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(r.StateDir, "rota.db"+ending)); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// NoTask returns the error for a task that is not in the file.
func NoTask[T any](tasks map[string]T, name string) error {
	hint := ""
	if near := suggest.Nearest(name, slices.Sorted(maps.Keys(tasks))); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return api.Errorf(api.NotFound, hint, "no task %q", name)
}

// noRun returns the error for an unknown id of a run.
func noRun(cfg *config.Config, id string) error {
	task, _ := runner.SplitID(id)
	if _, ok := cfg.Tasks[task]; !ok {
		return NoTask(cfg.Tasks, task)
	}
	return api.Errorf(api.NotFound, "to see what there is: rota history "+task, "no run %q", id)
}

// absent reports whether an error of the ledger means that the record does not exist.
func absent(err error) bool { return errors.Is(err, ledger.ErrNotFound) }

// statesOf returns the states of the named tasks and queues; without names, of all.
func (r *Reader) statesOf(ctx context.Context, names ...string) (map[string]ledger.TaskState, error) {
	const few = 100
	if len(names) == 0 || len(names) > few {
		return r.allStates(ctx)
	}
	states := make(map[string]ledger.TaskState, len(names))
	for _, name := range names {
		state, err := r.Ledger.Task(ctx, name)
		if err != nil {
			return nil, err
		}
		states[name] = state
	}
	return states, nil
}

// allStates returns the states of all tasks and queues.
func (r *Reader) allStates(ctx context.Context) (map[string]ledger.TaskState, error) {
	if r.States != nil {
		return r.States(ctx)
	}
	return r.Ledger.Tasks(ctx)
}
