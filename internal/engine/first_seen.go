package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// statesPerCommit limits the states in one commit: enough that ten thousand new tasks need
// few commits, and few enough that other writers do not wait for long.
const statesPerCommit = 1000

// recordFirstSeen records when each trigger of each task was first seen. A trigger that is no
// longer in the file is forgotten: if it returns, it counts from then.
func (eng *Engine) recordFirstSeen(ctx context.Context, now time.Time) error {
	err := eng.reconcileStates(ctx, now)
	if errors.Is(err, ledger.ErrConflict) {
		// A state has changed, or the answer to a commit was lost.
		if eng.states, err = eng.ledger.Tasks(ctx); err == nil {
			err = eng.reconcileStates(ctx, now)
		}
	}
	return err
}

// reconcileStates adapts the states of all tasks to the file, and records them.
func (eng *Engine) reconcileStates(ctx context.Context, now time.Time) error {
	var changed []ledger.StateChange
	for name, task := range eng.cfg.Tasks.All() {
		prev := eng.states[name]
		seen, on := plan.FirstSeen(task, prev.FirstSeen, now), prev.Reschedule
		if !prev.FirstSeen.Equal(seen) || on != nil && !plan.Applies(task, on) {
			changed = append(changed, ledger.StateChange{Name: name, Prev: prev, Next: eng.reconcileState(name, prev, seen)})
		}
	}
	for name, prev := range eng.states {
		if _, ok := eng.cfg.Tasks[name]; !ok && len(prev.FirstSeen) > 0 {
			changed = append(changed, ledger.StateChange{Name: name, Prev: prev, Next: eng.reconcileState(name, prev, nil)})
		}
	}
	// In the order of their rows, each page of the ledger is written once.
	slices.SortFunc(changed, func(a, b ledger.StateChange) int { return strings.Compare(a.Name, b.Name) })
	for some := range slices.Chunk(changed, statesPerCommit) {
		if _, err := eng.ledger.Commit(ctx, ledger.Change{States: some}); err != nil {
			return err
		}
		for _, s := range some {
			s.Next.Version = s.Prev.Version + 1
			eng.states[s.Name] = s.Next
		}
	}
	return nil
}

// reconcileState returns the state of a task adapted to the file: with when its triggers
// were first seen, and without a reschedule of triggers that it no longer has. Skipped slots
// stay skipped: they are instants, of whatever trigger.
func (eng *Engine) reconcileState(name string, s ledger.TaskState, seen ledger.Seen) ledger.TaskState {
	s.FirstSeen = seen
	if s.Reschedule != nil && !plan.Applies(eng.cfg.Tasks.Get(name), s.Reschedule) {
		eng.log.Info("the reschedule has ended: the file's triggers changed", "task", name, "was", s.Reschedule.Expr)
		s.Reschedule = nil
	}
	s.Counted = plan.StillCounted(s.Counted, seen, s.Reschedule != nil)
	return s
}

// lastEnd returns when a run of a task last ended; zero: never, as far as is known.
func (eng *Engine) lastEnd(ctx context.Context, task string) time.Time {
	at, known := eng.lastFinishes[task]
	if known {
		return at
	}
	runs, err := eng.ledger.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 20})
	if err != nil {
		eng.log.Error("cannot read when a task last ended", "task", task, "error", err)
	}
	for _, run := range runs {
		if !run.IsSummary() && !run.Started.IsZero() && run.Finished.After(at) {
			at = run.Finished
		}
	}
	return at
}
