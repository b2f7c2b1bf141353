package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// recover takes over what an earlier daemon left, in the ledger and among the
// living: forked runs are adopted, what is left of others is stopped, what
// waited waits again. What runs is seen from processes, never from a record.
func (eng *Engine) recover(ctx context.Context) error {
	forked, err := eng.runner.Find()
	if err != nil { // or those that live would be taken for dead
		return fmt.Errorf("cannot list the forked runs: %w", err)
	}
	type attempt struct {
		run    string
		number int
	}
	found := map[attempt]bool{}
	for _, f := range forked {
		found[attempt{f.Run.ID, f.Run.Attempts}] = true
	}
	running, err := eng.ledger.List(ctx, ledger.Filter{States: []runner.State{runner.Running}})
	if err != nil {
		return err
	}
	for _, run := range running {
		if found[attempt{run.ID, run.Attempts}] {
			continue
		}
		if err := eng.abandon(ctx, run); err != nil {
			return err
		}
	}
	for _, f := range forked {
		if err := eng.takeOver(ctx, f); err != nil {
			eng.log.Error("cannot take over a forked run", "run", f.Run.ID, "error", err)
		}
	}
	runs, err := eng.ledger.List(ctx, ledger.Filter{States: waiting})
	if err != nil {
		return err
	}
	for _, run := range runs {
		eng.restorePending(ctx, run)
	}
	return nil
}

// restorePending takes in a run that an earlier daemon left waiting.
func (eng *Engine) restorePending(ctx context.Context, run runner.Run) {
	if why, void := eng.void(run); void {
		_ = eng.cancel(ctx, run, why)
		return
	}
	if _, there := eng.view.Find(run.ID); !there {
		eng.register(run)
	}
}

// lastOutcome is how the attempt ended after which a run waits for another one; ""
// if there was none.
func lastOutcome(run runner.Run) runner.Outcome {
	if run.Attempts == 0 {
		return ""
	}
	// Of what an earlier version recorded nothing but the text is known.
	return cmp.Or(run.Reason.Last, runner.Failed)
}

// gone is why the waiting runs of a task end that was taken out of the file.
var gone = runner.Reason{Code: runner.ReasonTaskGone}

// void tells why a run that waits must not start any more; false: it may. What
// somebody asked for is of the user that the task had then: neither the parameters
// nor the input are for another one. Slots and hooks are the file's.
func (eng *Engine) void(run runner.Run) (why runner.Reason, void bool) {
	task, known := eng.cfg.Tasks[run.Task]
	switch {
	case !known:
		return gone, !eng.mayReturn(run.Task)
	case task.User == run.User, !asked(run):
		return why, false
	}
	return runner.Reason{Code: runner.ReasonUserChanged, Detail: run.User, By: task.User}, true
}

// asked reports whether a run is a request or one of a recurring request.
func asked(run runner.Run) bool {
	return run.Cause == runner.CauseManual || run.IsSlot() && run.Parent != ""
}

// endVoid cancels the pending runs that must not start any more, a few in each turn
// of the engine: no slot waits for thousands.
func (eng *Engine) endVoid(ctx context.Context) {
	var ids []string
	for run := range eng.view.Pending() {
		if _, void := eng.void(*run); void {
			ids = append(ids, run.ID)
		}
	}
	slices.Sort(ids)
	eng.endSome(ctx, ids)
}

// endSome is one turn of endVoid.
func (eng *Engine) endSome(ctx context.Context, ids []string) {
	now := eng.clock.Now()
	var moves []ledger.Move
	for _, id := range ids[:min(len(ids), batchSize)] {
		run, there := eng.view.Find(id)
		if why, void := eng.void(run); there && void && run.State != runner.Running {
			m := ledger.Cancel(id, why)
			m.To.Time = now
			moves = append(moves, m)
		}
	}
	err := eng.moveAll(ctx, moves, func(m ledger.Move, gone bool) {
		if gone {
			eng.unregister(m.ID) // somebody else ended it
			return
		}
		run, _ := eng.view.Find(m.ID)
		eng.endedPending(run, runner.Cancelled, m.To.Reason, now)
	})
	switch again := func() { eng.post(func() { eng.endSome(ctx, ids) }) }; {
	case err != nil: // as on a full disk: again once there is room
		eng.log.Error("cannot cancel what waits of a task; trying again", "error", err)
		time.AfterFunc(time.Second, again)
	case len(ids) > batchSize:
		eng.post(func() { eng.endSome(ctx, ids[batchSize:]) })
	}
}

// waiting are the states in which a run waits for something to come.
var waiting = []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring}

// cancel ends a run that waits.
func (eng *Engine) cancel(ctx context.Context, run runner.Run, why runner.Reason) error {
	if err := eng.move(ctx, run.ID, "", runner.Transition{Outcome: runner.Cancelled}.Because(why)); err != nil {
		if errors.Is(err, ledger.ErrConflict) { // it has begun or ended
			return err
		}
		eng.log.Error("cannot cancel", "run", run.ID, "error", err)
		return err
	}
	eng.endedPending(run, runner.Cancelled, why, eng.clock.Now())
	return nil
}

// abandon ends a run whose daemon died: what is left of it is stopped, and only
// then is it lost.
func (eng *Engine) abandon(ctx context.Context, run runner.Run) error {
	if err := eng.lease(ctx, run, eng.policyOf(run.Task)); err != nil {
		return err
	}
	eng.log.Warn("found a run of an earlier daemon that was killed", "task", run.Task, "run", run.ID)
	eng.runner.Abandon(run, eng.policyOf(run.Task))
	return nil
}

// lease makes a run that is under way already one of this daemon's.
func (eng *Engine) lease(ctx context.Context, run runner.Run, p runner.Policy) error {
	leases, err := eng.claim(ctx, []string{run.ID})
	if err != nil {
		return err
	}
	for _, lease := range leases {
		eng.leases.Store(run.ID, underway{lease, p})
	}
	eng.view.Add(run)
	return nil
}

// takeOver has a forked run in the ledger, then follows it, or lets it start
// again if it never did.
func (eng *Engine) takeOver(ctx context.Context, f runner.Found) error {
	run := f.Run
	known, err := eng.recorded(ctx, &f)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return eng.runner.Drop(f) // nobody knows what it was
	case err != nil:
		return err
	case known.State != runner.Running || known.Attempts != run.Attempts:
		return eng.runner.Drop(f) // its end was written down, or that it is to be tried again
	}
	if f.Unreadable != nil {
		run, f.Run = known, known
	}
	if err := eng.lease(ctx, run, f.Policy); err != nil {
		return err
	}
	if !f.Begun {
		eng.log.Info("a forked run never began; it is started now", "task", run.Task, "run", run.ID)
		if err := eng.runner.Drop(f); err != nil {
			return err
		}
		u, _ := eng.leases.Load(run.ID)
		eng.start(u.(underway).Lease)
		return nil
	}
	eng.watchLate(ctx, known)
	eng.log.Info("adopted a forked run of an earlier daemon", "task", run.Task, "run", run.ID)
	eng.metrics.Adopt(run)
	eng.runner.Resume(eng.runs, f)
	return nil
}

// recorded has a forked run in the ledger, and returns it as it stands there. One that
// cannot be read is what the ledger says, and has the policy in force.
func (eng *Engine) recorded(ctx context.Context, f *runner.Found) (runner.Run, error) {
	if f.Unreadable == nil {
		return eng.admitted(ctx, f.Run)
	}
	eng.log.Error("cannot read what is recorded of a forked run; it is known by the name of its directory", "run", f.Run.ID, "error", f.Unreadable)
	f.Policy = eng.policyOf(f.Run.Task)
	run, _, err := eng.ledger.Get(ctx, f.Run.ID)
	if errors.Is(err, ledger.ErrNotFound) && f.Begun {
		return eng.admitted(ctx, f.Run)
	}
	return run, err
}

// policyOf is the policy in force of a task; of one that is no more, a plain one.
func (eng *Engine) policyOf(task string) runner.Policy {
	if p, ok := eng.view.Policy(task); ok {
		return p
	}
	return runner.Policy{StopSignal: "TERM", KillAfter: 10 * time.Second}
}
