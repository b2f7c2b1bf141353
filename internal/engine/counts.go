package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// A trigger with a count is over after so many runs. How many there were is part of
// the state of its task, recorded in the commit that records the run. Of a recurring
// request it is the request's trigger that counts down, and the request ends with the
// last run.

// leftOf is how many runs are left of an entry.
func (eng *Engine) leftOf(key string) int {
	e := eng.entries[key]
	if e.Request != "" { // whose trigger says what is left
		return plan.RunsLeft(e.Spec, ledger.TaskState{}, key)
	}
	return plan.RunsLeft(e.Spec, eng.states[e.Task], key)
}

// ranOut reports whether a trigger of a task has had all its runs.
func (eng *Engine) ranOut(task string, t plan.Term) bool {
	return plan.RunsLeft(t.Spec, eng.states[task], t.Key) == 0
}

// limitEach leaves of what came due of triggers with a count the newest slots, as many
// as there are runs left.
func (eng *Engine) limitEach(due []schedule.Due, from time.Time) []schedule.Due {
	var all []schedule.Due
	for _, d := range due {
		if n := eng.leftOf(d.Key); n != plan.NoCount && d.N > n {
			at := instants([]schedule.Due{d}, from, n)
			if len(at) == 0 {
				continue
			}
			d.First, d.N = at[0], len(at)
		}
		all = append(all, d)
	}
	return all
}

// counts is what a batch counts.
type counts struct {
	states []ledger.StateChange
	moves  []ledger.Move // of recurring requests
	tasks  []string      // of states, those that change for what the batch starts
	over   []string      // keys of the agenda
	moved  map[string]runner.Transition
}

// countRuns counts the runs that a batch makes of what came due. A change of the same
// task's state for another reason takes its count along.
func (eng *Engine) countRuns(due []schedule.Due, b runner.Batch, others []ledger.StateChange) counts {
	c := counts{states: others, moved: map[string]runner.Transition{}}
	for _, d := range due {
		e, left := eng.entries[d.Key], eng.leftOf(d.Key)
		if left == plan.NoCount {
			continue
		}
		n, last := 0, time.Time{}
		for _, r := range b.Runs {
			if r.Task == e.Task && r.Parent == e.Request && (e.Request != "" || e.Spec.Next(r.Scheduled.Add(-time.Second)).Equal(r.Scheduled)) {
				n, last = n+1, later(last, r.Scheduled)
			}
		}
		switch {
		case n == 0:
			continue
		case e.Request != "":
			c.moved[e.Request] = countDown(e.Spec, left-n)
			c.moves = append(c.moves, ledger.Move{ID: e.Request, From: runner.Recurring, To: c.moved[e.Request]})
			continue
		case n >= left:
			c.over = append(c.over, d.Key)
		}
		next := c.next(eng, e.Task)
		key := plan.CountKey(d.Key)
		next.Counted = maps.Clone(next.Counted)
		if next.Counted == nil {
			next.Counted = map[string]ledger.Counted{}
		}
		next.Counted[key] = ledger.Counted{Runs: next.Counted[key].Runs + n, Last: last}
	}
	return c
}

// next is the state of a task after the batch, to be changed.
func (c *counts) next(l *Engine, task string) *ledger.TaskState {
	i := slices.IndexFunc(c.states, func(s ledger.StateChange) bool { return s.Name == task })
	if i < 0 {
		i = len(c.states)
		c.states = append(c.states, ledger.StateChange{Name: task, Prev: l.states[task], Next: l.states[task]})
	}
	if !slices.Contains(c.tasks, task) {
		c.tasks = append(c.tasks, task)
	}
	return &c.states[i].Next
}

// countDown is what becomes of a recurring request of which so many runs are left.
func countDown(spec schedule.Spec, left int) runner.Transition {
	if left <= 0 {
		return runner.Transition{Outcome: runner.Cancelled}.Because(runner.Reason{Code: runner.ReasonCount})
	}
	return runner.Transition{State: runner.Recurring, On: spec.WithCount(left).String()}.Because(runner.Reason{Code: runner.ReasonCountsDown, Next: left})
}

// counted takes in what was recorded of a count.
func (eng *Engine) counted(c counts) {
	for _, s := range c.states {
		if !slices.Contains(c.tasks, s.Name) {
			continue
		}
		if s.Next.Version = s.Prev.Version + 1; eng.states[s.Name].Version < s.Next.Version {
			eng.states[s.Name] = s.Next
		}
	}
	for _, key := range c.over {
		delete(eng.entries, key)
		eng.agenda.Drop(key)
	}
	for id, t := range c.moved {
		run, ok := eng.view.ParkedAs(id, runner.Recurring)
		if !ok {
			continue
		}
		if run.Because(t.Reason); t.Outcome != "" {
			eng.unregister(id)
			run.State, run.Outcome = "", t.Outcome
		} else {
			run.On = t.On
			eng.register(run)
		}
		eng.record(run)
	}
}

// recount reads the states again that a refused change was made from.
func (eng *Engine) recount(ctx context.Context, c counts) error {
	for _, task := range c.tasks {
		state, err := eng.ledger.Task(ctx, task)
		if err != nil {
			return err
		}
		eng.states[task] = state
	}
	return nil
}
