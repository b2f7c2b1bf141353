package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"rota/internal/ledger"
	"rota/runner"
)

// A task with after runs once each of the tasks that it names has been ok since it last ran.
// Which of them have been is part of its state: it is recorded in the commit of the end of
// their run, and cleared in that of its own start. So it depends neither on the clock nor on
// the retention of runs.

// afterEvent is the event in the ids of such runs.
const afterEvent = "after"

// afterEffect is the effect of the end of a run on the tasks that run after its task.
type afterEffect struct {
	states []ledger.StateChange
	asked  []runner.Run
}

// afterEffectOf returns the effect of a run that was ok. It may be called from any goroutine;
// if the commit conflicts with another end it must be called again.
func (eng *Engine) afterEffectOf(ctx context.Context, ok runner.Run) (g afterEffect, err error) {
	cfg := eng.inForce.Load()
	for _, name := range cfg.Followers(ok.Task) {
		prev, err := eng.ledger.Task(ctx, name)
		if err != nil {
			return g, err
		}
		next := prev
		if next.After, err = eng.afterState(ctx, prev.After); err != nil {
			return g, err
		}
		if next.After.Asked != "" { // that run has not started, and comes after this end, too
			continue
		}
		next.After.OK[ok.Task] = ok.ID
		if !slices.ContainsFunc(cfg.Tasks.Get(name).After, func(t string) bool { return next.After.OK[t] == "" }) {
			run := eng.newChain(ok, afterEvent, name)
			next.After = &ledger.After{OK: next.After.OK, Asked: run.ID}
			g.asked = append(g.asked, run)
		}
		g.states = append(g.states, ledger.StateChange{Name: name, Prev: prev, Next: next})
	}
	return g, nil
}

// afterState returns a copy of the After state of a task; an empty one if the run that it
// requested ended without having started.
func (eng *Engine) afterState(ctx context.Context, was *ledger.After) (*ledger.After, error) {
	if was == nil {
		return &ledger.After{OK: map[string]string{}}, nil
	}
	if was.Asked != "" {
		run, _, err := eng.ledger.Get(ctx, was.Asked)
		switch {
		case err == nil && run.Outcome == "":
			return was, nil
		case err != nil && !errors.Is(err, ledger.ErrNotFound):
			return nil, err
		}
		return &ledger.After{OK: map[string]string{}}, nil
	}
	all := maps.Clone(was.OK)
	if all == nil {
		all = map[string]string{}
	}
	return &ledger.After{OK: all}, nil
}

// applyAfterEffect applies a recorded gathering.
func (eng *Engine) applyAfterEffect(g afterEffect) {
	for _, s := range g.states {
		if s.Next.Version = s.Prev.Version + 1; eng.states[s.Name].Version < s.Next.Version {
			eng.states[s.Name] = s.Next
		}
	}
}

// commitOKEnd records the end of a run that was ok with its effect on the tasks that run
// after its task, and returns that effect and the notices in the outbox.
func (eng *Engine) commitOKEnd(ctx context.Context, ended runner.Run, end ledger.Change) (afterEffect, []ledger.Notice, error) {
	// One end at a time: of concurrent commits all but one would be refused.
	eng.afterMu.Lock()
	defer eng.afterMu.Unlock()
	for {
		g, err := eng.afterEffectOf(ctx, ended)
		if err != nil {
			return g, nil, err
		}
		c := end
		c.States = g.states
		c.Ends = slices.Clone(end.Ends)
		c.Ends[0].Next = slices.Concat(end.Ends[0].Next, g.asked)
		// If the engine has changed one of these states meanwhile, decide again.
		if done, err := eng.ledger.Commit(ctx, c); !errors.Is(err, ledger.ErrConflict) {
			return g, done.Notices, err
		}
	}
}

// clearAfter clears the After state of each task that a batch starts.
func (eng *Engine) clearAfter(c *counts, b runner.Batch) {
	for _, id := range b.Claim {
		if task, _ := runner.SplitID(id); eng.states[task].After != nil {
			c.next(eng, task).After = nil
		}
	}
}
