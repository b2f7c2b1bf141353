package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/runner"
)

// Get implements [Ledger].
func (m *Memory) Get(ctx context.Context, id string) (run runner.Run, steps []runner.Transition, err error) {
	err = m.do(ctx, func(u rules, _ *memoryTable) error {
		r, err := u.mustFind(id)
		if err != nil {
			return err
		}
		run, steps = r.export(), slices.Clone(r.transitions)
		return nil
	})
	return run, steps, err
}

// List implements [Ledger].
func (m *Memory) List(ctx context.Context, f Filter) (runs []runner.Run, err error) {
	err = m.do(ctx, func(_ rules, t *memoryTable) error {
		for _, r := range t.list(f) {
			if f.Brief {
				runs = append(runs, r.run.Brief())
				continue
			}
			runs = append(runs, r.export())
		}
		return nil
	})
	return runs, err
}

// Find implements [Reader].
func (m *Memory) Find(ctx context.Context, owner string, at time.Time) (run runner.Run, steps []runner.Transition, err error) {
	task, key := runner.SplitID(owner)
	err = m.do(ctx, func(u rules, t *memoryTable) error {
		epochs := map[int]bool{}
		if h := t.tasks[task]; h != nil {
			for _, r := range h.rows {
				if r.slot.request == key {
					epochs[r.slot.epoch] = true
				}
			}
		}
		delete(epochs, 0) // of requests
		for _, epoch := range slices.Backward(slices.Sorted(maps.Keys(epochs))) {
			if r, _ := u.find(idAt(owner, at, epoch)); r != nil {
				run, steps = r.export(), slices.Clone(r.transitions)
				return nil
			}
		}
		return fmt.Errorf("%w: %s at %s", ErrNotFound, owner, at)
	})
	return run, steps, err
}

// Newest implements [Reader].
func (m *Memory) Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error) {
	found := map[string]runner.Run{}
	return found, m.do(ctx, func(_ rules, t *memoryTable) error {
		for task, h := range t.named(tasks) {
			var best *row
			for _, r := range h.rows {
				if r.mayBeNewest() && (best == nil || best.olderThan(r)) {
					best = r
				}
			}
			if best != nil {
				found[task] = cloneRun(best.run.Brief())
			}
		}
		return nil
	})
}

// Events implements [Reader].
func (m *Memory) Events(ctx context.Context, f EventFilter) (events []Event, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error {
		for _, e := range slices.Backward(m.events) {
			if f.Limit > 0 && len(events) == f.Limit {
				break
			}
			if f.selects(e) {
				events = append(events, e)
			}
		}
		return nil
	})
	slices.Reverse(events)
	return events, err
}

// selects reports whether the filter selects the event.
func (f EventFilter) selects(e Event) bool {
	return (f.Task == "" || e.Task == "" || e.Task == f.Task) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.Since.IsZero() || !e.Time.Before(normalizeTime(f.Since))) &&
		(f.Until.IsZero() || e.Time.Before(normalizeTime(f.Until)))
}

// Past implements [Ledger].
func (m *Memory) Past(ctx context.Context, tasks ...string) (map[string]Past, error) {
	all := map[string]Past{}
	return all, m.do(ctx, func(_ rules, t *memoryTable) error {
		for task, h := range t.named(tasks) {
			runs, _ := h.byEnd()
			var p Past
			for _, r := range runs {
				switch r.run.Outcome {
				case runner.OK:
					p = Past{Success: r.run.Finished}
				case runner.Failed, runner.TimedOut, runner.Lost:
					p.Failures++
				}
			}
			if len(runs) > 0 {
				all[task] = p
			}
		}
		return nil
	})
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
func (m *Memory) Retain(ctx context.Context, keep Retention) (removed Removed, err error) {
	err = m.do(ctx, func(u rules, t *memoryTable) error {
		for name, h := range t.tasks {
			runs, summaries := t.retain(h, keep.Task(name), u.o.Now())
			removed.Runs += runs
			removed.Summaries += summaries
		}
		return nil
	})
	return removed, err
}
