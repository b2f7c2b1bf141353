package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// A trigger with a count ends after that number of runs. The number so far is part of the
// state of the task, recorded in the commit that records the run. In a recurring request
// the count of the request's trigger is decremented, and the request ends with the last
// run.

// runsLeft returns the number of runs left of an entry.
func (eng *Engine) runsLeft(key string) int {
	e := eng.entries[key]
	if e.Request != "" { // the count in its trigger is what is left
		return plan.RunsLeft(e.Spec, ledger.TaskState{}, key)
	}
	return plan.RunsLeft(e.Spec, eng.states[e.Task], key)
}

// isExhausted reports whether a trigger of a task has no runs left.
func (eng *Engine) isExhausted(task string, t plan.Term) bool {
	return plan.RunsLeft(t.Spec, eng.states[task], t.Key) == 0
}

// limitEach limits due entries with a count to their newest slots, as many as there are runs
// left.
func (eng *Engine) limitEach(due []schedule.Due, from time.Time) []schedule.Due {
	var all []schedule.Due
	for _, d := range due {
		if n := eng.runsLeft(d.Key); n != plan.NoCount && d.N > n {
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

// counts is the effect of a batch on triggers with a count.
type counts struct {
	states    []ledger.StateChange
	moves     []ledger.Move // of recurring requests
	tasks     []string      // the names in states that change because of runs of the batch
	exhausted []string      // keys of triggers without runs left
	moved     map[string]runner.Transition
}

// countRuns counts the runs in a batch that result from due entries. Counts are added to
// others, the changes of task states for other reasons.
func (eng *Engine) countRuns(due []schedule.Due, b runner.Batch, others []ledger.StateChange) counts {
	c := counts{states: others, moved: map[string]runner.Transition{}}
	for _, d := range due {
		e, left := eng.entries[d.Key], eng.runsLeft(d.Key)
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
			request, _ := eng.view.ParkedAs(e.Request, runner.Recurring)
			c.moves = append(c.moves, ledger.Move{ID: e.Request, From: runner.Recurring, Content: request.Content, To: c.moved[e.Request]})
			continue
		case n >= left:
			c.exhausted = append(c.exhausted, d.Key)
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

// next returns the state of a task after the batch, for modification.
func (c *counts) next(eng *Engine, task string) *ledger.TaskState {
	i := slices.IndexFunc(c.states, func(s ledger.StateChange) bool { return s.Name == task })
	if i < 0 {
		i = len(c.states)
		c.states = append(c.states, ledger.StateChange{Name: task, Prev: eng.states[task], Next: eng.states[task]})
	}
	if !slices.Contains(c.tasks, task) {
		c.tasks = append(c.tasks, task)
	}
	return &c.states[i].Next
}

// countDown returns the transition of a recurring request with so many runs left.
func countDown(spec schedule.Spec, left int) runner.Transition {
	if left <= 0 {
		return runner.Transition{Outcome: runner.Cancelled}.Because(runner.Reason{Code: runner.ReasonCount})
	}
	return runner.Transition{State: runner.Recurring, On: spec.WithCount(left).String()}.Because(runner.Reason{Code: runner.ReasonCountsDown, Next: left})
}

// applyCounts applies recorded counts.
func (eng *Engine) applyCounts(c counts) {
	for _, s := range c.states {
		if !slices.Contains(c.tasks, s.Name) {
			continue
		}
		if s.Next.Version = s.Prev.Version + 1; eng.states[s.Name].Version < s.Next.Version {
			eng.states[s.Name] = s.Next
		}
	}
	for _, key := range c.exhausted {
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

// recount reads the tasks and recurring requests of a refused change again.
func (eng *Engine) recount(ctx context.Context, c counts) error {
	for _, task := range c.tasks {
		state, err := eng.ledger.Task(ctx, task)
		if err != nil {
			return err
		}
		eng.states[task] = state
	}
	for id := range c.moved {
		switch run, _, err := eng.ledger.Get(ctx, id); {
		case errors.Is(err, ledger.ErrNotFound):
			eng.unregister(id)
		case err != nil:
			return err
		case run.State != runner.Recurring:
			eng.unregister(id)
			eng.record(run)
		default:
			eng.register(run)
		}
	}
	return nil
}
