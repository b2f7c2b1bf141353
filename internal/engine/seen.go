package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// statesAtOnce is how many states one commit writes: ten thousand new tasks cost few
// waits for the disk, and others who write wait for none of them for long.
const statesAtOnce = 1000

// sights returns when each trigger of each task was first seen, and remembers
// it. What is seen no more is forgotten: if it ever comes back it counts from
// then.
func (l *loop) sights(ctx context.Context, now time.Time) (map[string]map[string]time.Time, error) {
	states, err := l.ledger.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	l.states = states
	seen := make(map[string]map[string]time.Time, len(l.cfg.Tasks))
	var changed []string
	for name, task := range l.cfg.Tasks {
		seen[name] = plan.FirstSeen(task, states[name].Seen, now)
		on := states[name].On
		if !maps.EqualFunc(states[name].Seen, seen[name], time.Time.Equal) || on != nil && !plan.Applies(task, on) {
			changed = append(changed, name)
		}
	}
	for name, state := range states {
		if _, ok := l.cfg.Tasks[name]; !ok && len(state.Seen) > 0 {
			changed = append(changed, name)
		}
	}
	return seen, l.remember(ctx, changed, states, seen)
}

// followed is the state of a task after the file: with its first sights, and
// without a reschedule of triggers that it has no more. A slot that is left out
// stays so: it is an instant, whatever comes due then.
func (l *loop) followed(name string, s ledger.TaskState, seen map[string]time.Time) ledger.TaskState {
	s.Seen = seen
	if s.On != nil && !plan.Applies(l.cfg.Tasks[name], s.On) {
		l.log.Info("the reschedule has ended: the file's triggers changed", "task", name, "was", s.On.Expr)
		s.On = nil
	}
	s.Counted = plan.StillCounted(s.Counted, seen, s.On != nil)
	return s
}

// remember writes the first sights of those tasks.
func (l *loop) remember(ctx context.Context, names []string, states map[string]ledger.TaskState, seen map[string]map[string]time.Time) error {
	for some := range slices.Chunk(names, statesAtOnce) {
		var c ledger.Change
		for _, name := range some {
			c.States = append(c.States, ledger.StateChange{Name: name, Prev: states[name], Next: l.followed(name, states[name], seen[name])})
		}
		if _, err := l.ledger.Commit(ctx, c); err != nil {
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
func (l *loop) lastEnd(ctx context.Context, task string) time.Time {
	at, known := l.finished[task]
	if known {
		return at
	}
	runs, err := l.ledger.List(ctx, ledger.Filter{Brief: true, Task: task, Limit: 20})
	if err != nil {
		l.log.Error("cannot read when a task last ended", "task", task, "error", err)
	}
	for _, run := range runs {
		if !run.IsSummary() && !run.Started.IsZero() && run.Finished.After(at) {
			at = run.Finished
		}
	}
	return at
}
