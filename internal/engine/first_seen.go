package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// statesPerCommit limits the states in one commit: enough that ten thousand new tasks need
// few commits, and few enough that other writers do not wait for long.
const statesPerCommit = 1000

// firstSeen returns when each trigger of each task was first seen, and records it. A trigger
// that is no longer in the file is forgotten: if it returns, it counts from then.
func (eng *Engine) firstSeen(ctx context.Context, now time.Time) (map[string]ledger.Seen, error) {
	states, err := eng.ledger.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	eng.states = states
	seen := make(map[string]ledger.Seen, len(eng.cfg.Tasks))
	var changed []string
	for name, task := range eng.cfg.Tasks.All() {
		seen[name] = plan.FirstSeen(task, states[name].FirstSeen, now)
		on := states[name].Reschedule
		if !states[name].FirstSeen.Equal(seen[name]) || on != nil && !plan.Applies(task, on) {
			changed = append(changed, name)
		}
	}
	for name, state := range states {
		if _, ok := eng.cfg.Tasks[name]; !ok && len(state.FirstSeen) > 0 {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed) // in the order of their rows, each page of the ledger is written once
	return seen, eng.recordFirstSeen(ctx, changed, states, seen)
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

// recordFirstSeen records when the triggers of tasks were first seen.
func (eng *Engine) recordFirstSeen(ctx context.Context, names []string, states map[string]ledger.TaskState, seen map[string]ledger.Seen) error {
	for some := range slices.Chunk(names, statesPerCommit) {
		var c ledger.Change
		for _, name := range some {
			c.States = append(c.States, ledger.StateChange{Name: name, Prev: states[name], Next: eng.reconcileState(name, states[name], seen[name])})
		}
		if _, err := eng.ledger.Commit(ctx, c); err != nil {
			return err
		}
		for _, s := range c.States {
			s.Next.Version = s.Prev.Version + 1
			states[s.Name] = s.Next
		}
	}
	return nil
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
