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

// recover takes over the runs of an earlier daemon: forked runs are adopted, the remaining
// processes of others are stopped, waiting runs wait again. Whether a run is alive is
// determined by its processes, never by the ledger.
func (eng *Engine) recover(ctx context.Context) error {
	forked, err := eng.runner.Find()
	if err != nil { // else live runs would be taken for dead
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
		if err := eng.endOrphan(ctx, run); err != nil {
			return err
		}
	}
	for _, f := range forked {
		if err := eng.adopt(ctx, f); err != nil {
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

// restorePending registers a waiting run of an earlier daemon.
func (eng *Engine) restorePending(ctx context.Context, run runner.Run) {
	if why, void := eng.voidReason(run); void {
		_ = eng.cancel(ctx, run, why)
		return
	}
	if _, there := eng.view.Find(run.ID); !there {
		eng.register(run)
	}
}

// lastOutcome returns the outcome of the last attempt of a run that waits for another one;
// "": it had none.
func lastOutcome(run runner.Run) runner.Outcome {
	if run.Attempts == 0 {
		return ""
	}
	// Earlier versions recorded only a text.
	return cmp.Or(run.Reason.Last, runner.Failed)
}

// taskGone is the reason with which the waiting runs of a removed task end.
var taskGone = runner.Reason{Code: runner.ReasonTaskGone}

// voidReason returns why a waiting run must not start any more; false: it may. A request
// belongs to the user that the task had then: its parameters and input are not for another
// user. Slots and runs of hooks follow the file.
func (eng *Engine) voidReason(run runner.Run) (why runner.Reason, void bool) {
	task, known := eng.cfg.Tasks.Find(run.Task)
	switch {
	case !known:
		return taskGone, !eng.mayReturn(run.Task)
	case task.User == run.User, !isRequested(run):
		return why, false
	}
	return runner.Reason{Code: runner.ReasonUserChanged, Detail: run.User, By: task.User}, true
}

// isRequested reports whether a run is a request or a slot of a recurring request.
func isRequested(run runner.Run) bool {
	return run.Cause == runner.CauseManual || run.IsSlot() && run.Parent != ""
}

// cancelVoid cancels the pending runs that must not start any more, a few in each turn, so
// that no slot waits for thousands of them.
func (eng *Engine) cancelVoid(ctx context.Context) {
	var ids []string
	for run := range eng.view.Pending() {
		if _, void := eng.voidReason(*run); void {
			ids = append(ids, run.ID)
		}
	}
	slices.Sort(ids)
	eng.cancelSomeVoid(ctx, ids)
}

// cancelSomeVoid cancels one batch of cancelVoid, and posts the next.
func (eng *Engine) cancelSomeVoid(ctx context.Context, ids []string) {
	now := eng.clock.Now()
	var moves []ledger.Move
	for _, id := range ids[:min(len(ids), batchSize)] {
		run, there := eng.view.Find(id)
		if why, void := eng.voidReason(run); there && void && run.State != runner.Running {
			m := ledger.Cancel(id, why)
			m.To.Time = now
			moves = append(moves, m)
		}
	}
	err := eng.moveAll(ctx, moves, func(m ledger.Move, gone bool) {
		if gone {
			eng.unregister(m.ID) // it was ended before
			return
		}
		run, _ := eng.view.Find(m.ID)
		eng.applyPendingEnd(run, runner.Cancelled, m.To.Reason, now)
	})
	switch again := func() { eng.post(func() { eng.cancelSomeVoid(ctx, ids) }) }; {
	case err != nil: // as on a full disk: try again
		eng.log.Error("cannot cancel the waiting runs of a task; trying again", "error", err)
		time.AfterFunc(time.Second, again)
	case len(ids) > batchSize:
		eng.post(func() { eng.cancelSomeVoid(ctx, ids[batchSize:]) })
	}
}

// waiting are the states of waiting runs.
var waiting = []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring}

// cancel cancels a waiting run.
func (eng *Engine) cancel(ctx context.Context, run runner.Run, why runner.Reason) error {
	if err := eng.move(ctx, run.ID, "", runner.Transition{Outcome: runner.Cancelled}.Because(why)); err != nil {
		if errors.Is(err, ledger.ErrConflict) { // it has started or ended
			return err
		}
		eng.log.Error("cannot cancel", "run", run.ID, "error", err)
		return err
	}
	eng.applyPendingEnd(run, runner.Cancelled, why, eng.clock.Now())
	return nil
}

// endOrphan ends a run whose daemon died: its remaining processes are stopped, and then it is
// lost.
func (eng *Engine) endOrphan(ctx context.Context, run runner.Run) error {
	if err := eng.lease(ctx, run, eng.policyOf(run.Task)); err != nil {
		return err
	}
	eng.log.Warn("found a run of an earlier daemon that was killed", "task", run.Task, "run", run.ID)
	eng.runner.Abandon(run, eng.policyOf(run.Task))
	return nil
}

// lease claims a run that is under way already for this daemon.
func (eng *Engine) lease(ctx context.Context, run runner.Run, p runner.Policy) error {
	leases, err := eng.claim(ctx, []string{run.ID})
	if err != nil {
		return err
	}
	for _, lease := range leases {
		eng.leases.Store(run.ID, leasedRun{lease, p})
	}
	eng.view.Add(run)
	return nil
}

// adopt ensures that a forked run is in the ledger, and then follows it, or starts it again
// if its process never started.
func (eng *Engine) adopt(ctx context.Context, f runner.Found) error {
	run := f.Run
	known, err := eng.ensureRecorded(ctx, &f)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return eng.runner.Drop(f) // not known to the ledger
	case err != nil:
		return err
	case known.State != runner.Running || known.Attempts != run.Attempts:
		return eng.runner.Drop(f) // its end is recorded, or that it is to be retried
	}
	if f.Unreadable != nil {
		run, f.Run = known, known
	}
	if err := eng.lease(ctx, run, f.Policy); err != nil {
		return err
	}
	if !f.Begun {
		eng.log.Info("a forked run never started; starting it now", "task", run.Task, "run", run.ID)
		if err := eng.runner.Drop(f); err != nil {
			return err
		}
		u, _ := eng.leases.Load(run.ID)
		eng.start(u.(leasedRun).Run)
		return nil
	}
	eng.watchLateness(ctx, known)
	eng.log.Info("adopted a forked run of an earlier daemon", "task", run.Task, "run", run.ID)
	eng.metrics.Adopt(run)
	eng.runner.Resume(eng.runs, f)
	return nil
}

// ensureRecorded records a forked run if the ledger does not have it, and returns it as
// recorded. For one whose directory cannot be read it uses the ledger, and the policy in
// force.
func (eng *Engine) ensureRecorded(ctx context.Context, f *runner.Found) (runner.Run, error) {
	if f.Unreadable == nil {
		return eng.commitRequest(ctx, f.Run)
	}
	eng.log.Error("cannot read the files of a forked run; it is identified by the name of its directory", "run", f.Run.ID, "error", f.Unreadable)
	f.Policy = eng.policyOf(f.Run.Task)
	run, _, err := eng.ledger.Get(ctx, f.Run.ID)
	if errors.Is(err, ledger.ErrNotFound) && f.Begun {
		return eng.commitRequest(ctx, f.Run)
	}
	return run, err
}

// policyOf returns the policy in force of a task; of a removed task, a default one.
func (eng *Engine) policyOf(task string) runner.Policy {
	if p, ok := eng.view.Policy(task); ok {
		return p
	}
	return runner.Policy{StopSignal: "TERM", KillAfter: 10 * time.Second}
}
