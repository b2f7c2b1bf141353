package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"rota/internal/ledger"
	"rota/runner"
)

// A task with after runs once each of the tasks that it names has been ok since it last
// ran. Which of them have been is part of its state: recorded in the commit that records
// the end of their run, and forgotten in the one with which it starts itself. So it does
// not depend on the clock, nor on rows that are no longer kept.

// afterEvent is what the id of a run that was asked for like this begins with.
const afterEvent = "after"

// gathering is what the end of a run means for the tasks that run after its task.
type gathering struct {
	states []ledger.StateChange
	asked  []runner.Run
}

// gather works out what follows from a run that was ok. It may be called from any
// goroutine; whoever commits it decides again if another end was first.
func (eng *Engine) gather(ctx context.Context, ok runner.Run) (g gathering, err error) {
	cfg := eng.inForce.Load()
	for _, name := range cfg.Followers(ok.Task) {
		prev, err := eng.ledger.Task(ctx, name)
		if err != nil {
			return g, err
		}
		next := prev
		if next.After, err = eng.waitedFor(ctx, prev.After); err != nil {
			return g, err
		}
		if next.After.Asked != "" { // that run will see what this one has done
			continue
		}
		next.After.OK[ok.Task] = ok.ID
		if !slices.ContainsFunc(cfg.Tasks[name].After, func(t string) bool { return next.After.OK[t] == "" }) {
			run := eng.chain(ok, afterEvent, name)
			next.After = &ledger.After{OK: next.After.OK, Asked: run.ID}
			g.asked = append(g.asked, run)
		}
		g.states = append(g.states, ledger.StateChange{Name: name, Prev: prev, Next: next})
	}
	return g, nil
}

// waitedFor is a copy of what a task has waited for; nothing, if the run that was asked
// for then is gone without having started.
func (eng *Engine) waitedFor(ctx context.Context, was *ledger.After) (*ledger.After, error) {
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

// gathered takes in what was recorded of a gathering.
func (eng *Engine) gathered(g gathering) {
	for _, s := range g.states {
		if s.Next.Version = s.Prev.Version + 1; eng.states[s.Name].Version < s.Next.Version {
			eng.states[s.Name] = s.Next
		}
	}
}

// finishOK records the end of a run that was ok with what the tasks gather that run after
// its task, and returns that and the notices that are in the outbox.
func (eng *Engine) finishOK(ctx context.Context, ended runner.Run, end ledger.Change) (gathering, []ledger.Notice, error) {
	// One end at a time: of many at once all but one would be refused.
	eng.gathers.Lock()
	defer eng.gathers.Unlock()
	for {
		g, err := eng.gather(ctx, ended)
		if err != nil {
			return g, nil, err
		}
		c := end
		c.States = g.states
		c.Ends = slices.Clone(end.Ends)
		c.Ends[0].Next = slices.Concat(end.Ends[0].Next, g.asked)
		// The engine may change one of these states just now; then it is decided again.
		if done, err := eng.ledger.Commit(ctx, c); !errors.Is(err, ledger.ErrConflict) {
			return g, done.Notices, err
		}
	}
}

// waitAnew forgets, of each task that a batch starts, what it has waited for.
func (eng *Engine) waitAnew(c *counts, b runner.Batch) {
	for _, id := range b.Claim {
		if task, _ := runner.SplitID(id); eng.states[task].After != nil {
			c.next(eng, task).After = nil
		}
	}
}
