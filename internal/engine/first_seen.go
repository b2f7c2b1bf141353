package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// statesAtOnce is how many states one commit writes: ten thousand new tasks cost few
// waits for the disk, and others who write wait for none of them for long.
const statesAtOnce = 1000

// firstSeen returns when each trigger of each task was first seen, and remembers
// it. What is seen no more is forgotten: if it ever comes back it counts from
// then.
func (eng *Engine) firstSeen(ctx context.Context, now time.Time) (map[string]ledger.Seen, error) {
	states, err := eng.ledger.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	eng.states = states
	seen := make(map[string]ledger.Seen, len(eng.cfg.Tasks))
	var changed []string
	for name, task := range eng.cfg.Tasks {
		seen[name] = plan.FirstSeen(task, states[name].Seen, now)
		on := states[name].On
		if !states[name].Seen.Equal(seen[name]) || on != nil && !plan.Applies(task, on) {
			changed = append(changed, name)
		}
	}
	for name, state := range states {
		if _, ok := eng.cfg.Tasks[name]; !ok && len(state.Seen) > 0 {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed) // in the order of their rows, each page of the ledger is written once
	return seen, eng.remember(ctx, changed, states, seen)
}

// followed is the state of a task after the file: with its first sights, and
// without a reschedule of triggers that it has no more. A slot that is left out
// stays so: it is an instant, whatever comes due then.
func (eng *Engine) followed(name string, s ledger.TaskState, seen ledger.Seen) ledger.TaskState {
	s.Seen = seen
	if s.On != nil && !plan.Applies(eng.cfg.Tasks[name], s.On) {
		eng.log.Info("the reschedule has ended: the file's triggers changed", "task", name, "was", s.On.Expr)
		s.On = nil
	}
	s.Counted = plan.StillCounted(s.Counted, seen, s.On != nil)
	return s
}

// remember writes the first sights of those tasks.
func (eng *Engine) remember(ctx context.Context, names []string, states map[string]ledger.TaskState, seen map[string]ledger.Seen) error {
	for some := range slices.Chunk(names, statesAtOnce) {
		var c ledger.Change
		for _, name := range some {
			c.States = append(c.States, ledger.StateChange{Name: name, Prev: states[name], Next: eng.followed(name, states[name], seen[name])})
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

// lastEnd is when a task last ended; zero if it is not known that it ever did.
func (eng *Engine) lastEnd(ctx context.Context, task string) time.Time {
	at, known := eng.finished[task]
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
