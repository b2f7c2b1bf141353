package ledger

import (
	"context"
	"fmt"
	"io"
	"slices"

	"rota/runner"
)

// Get implements [Ledger].
func (m *Memory) Get(ctx context.Context, id string) (run runner.Run, steps []runner.Transition, err error) {
	err = m.do(ctx, func(u rules, _ *memoryTable) error {
		r, err := u.known(id)
		if err != nil {
			return err
		}
		run, steps = r.copy(), slices.Clone(r.steps)
		return nil
	})
	return run, steps, err
}

// List implements [Ledger].
func (m *Memory) List(ctx context.Context, f Filter) (runs []runner.Run, err error) {
	err = m.do(ctx, func(_ rules, t *memoryTable) error {
		for _, r := range t.list(f) {
			runs = append(runs, r.copy())
		}
		return nil
	})
	return runs, err
}

// Past implements [Ledger].
func (m *Memory) Past(ctx context.Context, task string) (p Past, err error) {
	err = m.do(ctx, func(_ rules, t *memoryTable) error {
		h := t.tasks[task]
		if h == nil {
			return nil
		}
		runs, _ := h.byEnd()
		for _, r := range runs {
			switch r.run.Outcome {
			case runner.OK:
				p = Past{Success: r.run.Finished}
			case runner.Failed, runner.TimedOut, runner.Lost:
				p.Failures++
			}
		}
		return nil
	})
	return p, err
}

// OpenLog implements [Ledger].
func (m *Memory) OpenLog(ctx context.Context, id string) (io.ReadCloser, error) {
	return nil, m.do(ctx, func(rules, *memoryTable) error { return fmt.Errorf("%w: %s has no output", ErrNotFound, id) })
}

// OpenResult implements [Ledger].
func (m *Memory) OpenResult(ctx context.Context, id string) (io.ReadCloser, error) {
	return m.OpenLog(ctx, id)
}

// Forget implements [Ledger].
func (m *Memory) Forget(ctx context.Context, f Filter) (n int, err error) {
	err = m.do(ctx, func(_ rules, t *memoryTable) error {
		for _, r := range t.list(f) {
			if r.run.State == "" {
				t.remove(t.tasks[r.run.Task], []*row{r})
				n++
			}
		}
		return nil
	})
	return n, err
}

// Retain implements [Ledger].
func (m *Memory) Retain(ctx context.Context, keep Retention) (gone Removed, err error) {
	err = m.do(ctx, func(u rules, t *memoryTable) error {
		for name, h := range t.tasks {
			runs, folds := t.retain(h, keep.Task(name), u.o.Now())
			gone.Runs += runs
			gone.Folds += folds
		}
		return nil
	})
	return gone, err
}
