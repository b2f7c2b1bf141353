package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/runlog"
	"rota/runner"
)

// start begins a run that was claimed, with the definition in force now.
func (eng *Engine) start(lease ledger.Lease) {
	run := lease.Run
	if err := eng.files().Clear(run.ID, run.Attempts); err != nil {
		eng.log.Error("cannot remove what an earlier run of this id left", "run", run.ID, "error", err)
	}
	if why, may := eng.mayStart(run); !may {
		go func() { _ = eng.done(run, runner.Result{Outcome: runner.Cancelled, Finished: time.Now()}.Because(why)) }()
		return
	}
	if eng.endedByCondition(run) {
		eng.record(run)
		return
	}
	task := eng.cfg.Tasks[run.Task]
	if eng.diskLow() || eng.lacksInodes() {
		task.Output = runlog.NoRoom // what is left of the disk is for the record
	}
	launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: eng.lastSuccess(run.Task), Vars: eng.options.Vars, Begin: eng.beginAt(run)}
	if launch.Begin == nil {
		if run.Cause == runner.CauseSchedule && run.Attempts == 1 && run.NotBefore.IsZero() {
			eng.lag.Store(run.Started.Sub(run.Scheduled).Microseconds())
		}
		eng.record(run)
	}
	eng.watchLate(context.Background(), run)
	if eng.options.Token != nil {
		launch.Token = eng.options.Token(run)
	}
	if run.Cause == runner.CauseChain {
		eng.inherit(&launch)
	}
	eng.runner.Start(eng.runs, launch)
}

// record tells everybody what became of a run.
func (eng *Engine) record(run runner.Run) {
	call(eng.options.Record, run)
	for _, r := range eng.recorders {
		_ = r.Record(run)
	}
	if run.Outcome != "" {
		eng.onceEnded(run)
		eng.calls.ended(run.ID)
		eng.requestRetention()
	}
}

// echo passes on a line of a run's output, to stdout and to those who watch.
func (eng *Engine) echo(run runner.Run, line []byte) {
	if eng.options.Echo != nil {
		eng.options.Echo(run, line)
	}
	if eng.hub.Watched() {
		eng.hub.PublishLine(api.LogLine{Time: time.Now(), Run: run.ID, User: run.User, Line: strings.ToValidUTF8(string(line), "\uFFFD")})
	}
}

// publishEvents tells those who watch what happened to rota itself.
func (eng *Engine) publishEvents(events ...ledger.Event) {
	for _, e := range events {
		if eng.events.Add(1)%manyEvents == 0 {
			eng.requestRetention()
		}
		eng.hub.Publish(api.Message{Event: &api.Event{Time: e.Time, Kind: e.Kind, Task: e.Task, Who: e.Who, Text: e.Text}})
	}
}

// lastSuccess is when a task last ended ok; zero if it never did.
func (eng *Engine) lastSuccess(task string) time.Time {
	at, known := eng.success[task]
	if !known {
		past, err := eng.ledger.Past(context.Background(), task)
		if err != nil {
			eng.log.Error("cannot read when a task last ended well", "task", task, "error", err)
			return at // not to be remembered
		}
		at = past[task].Success
		eng.success[task] = at
	}
	return at
}

// done writes down the end of an attempt. It is called from the run's own
// goroutine, so that many can be written at once. While that cannot be, as on a
// full disk, the run counts as under way, and it is tried again until rota has
// stopped.
func (eng *Engine) done(run runner.Run, res runner.Result) error {
	v, ok := eng.leases.Load(run.ID)
	if !ok {
		return fmt.Errorf("run %s: %w", run.ID, ledger.ErrNotFound)
	}
	ctx, u := context.Background(), v.(underway)
	recovered, written := eng.recovers(ctx, run, res)
	defer written()
	err := eng.writeEnd(ctx, u, res, recovered)
	if err == nil {
		return nil
	}
	eng.log.Error("cannot record the end of a run", "run", run.ID, "outcome", res.Outcome, "error", err)
	eng.unwritten.Add(1)
	defer eng.unwritten.Add(-1)
	for !isPermanent(err) {
		select {
		case <-time.After(time.Second):
		case <-eng.forced:
			return err
		}
		if err = eng.writeEnd(ctx, u, res, recovered); err == nil {
			eng.log.Info("recorded the end of a run", "run", run.ID, "outcome", res.Outcome)
			return nil
		}
	}
	eng.post(func() { eng.ended(withResult(run, res), res) })
	return err
}

// isPermanent reports whether it is of no use to write the same again.
func isPermanent(err error) bool {
	return slices.ContainsFunc([]error{ledger.ErrFenced, ledger.ErrNotFound, ledger.ErrDamaged, ledger.ErrClosed}, func(e error) bool { return errors.Is(err, e) })
}

// writeEnd writes down the end of an attempt, and what follows from it.
func (eng *Engine) writeEnd(ctx context.Context, u underway, res runner.Result, recovered bool) error {
	if again, err := eng.retry(ctx, u, res); again || err != nil {
		return err
	}
	ended := withResult(u.Run, res)
	hooks := eng.hooksOf(ended, recovered)
	asked := eng.chains(ended, hooks)
	end := ledger.Change{Ends: []ledger.End{{Lease: u.Lease, Result: res, Next: asked}}, Notices: eng.noticesOfEnd(ended, hooks)}
	var held *ledger.StateChange
	var notices []ledger.Notice
	var g gathering
	var err error
	if ended.Outcome == runner.OK && len(eng.inForce.Load().Followers(ended.Task)) > 0 {
		g, notices, err = eng.finishOK(ctx, ended, end)
	} else {
		held, notices, err = eng.finish(ctx, u.policy, ended, end)
	}
	if err != nil {
		return err
	}
	asked = eng.written(ctx, slices.Concat(asked, g.asked))
	eng.post(func() {
		eng.ended(ended, res)
		eng.gathered(g)
		eng.takeChains(ctx, asked)
		eng.notifications.deliver(notices)
		if held != nil {
			eng.heldAfterFailures(ended, *held)
		}
	})
	return nil
}

// finish records the end of a run and, in the same commit, the hold of its task if it
// is one failure too many; nil: it is not. It returns the notices that are in the
// outbox because of both.
func (eng *Engine) finish(ctx context.Context, p runner.Policy, ended runner.Run, end ledger.Change) (*ledger.StateChange, []ledger.Notice, error) {
	if p.HoldAfter == 0 || !ended.Outcome.IsFailure() {
		done, err := eng.ledger.Commit(ctx, end)
		return nil, done.Notices, err
	}
	// One end at a time, or two failures at once would not count each other.
	turn, _ := eng.recovery.LoadOrStore(ended.Task, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	for {
		held, err := eng.holdAfterFailures(ctx, ended, p, 1)
		if err != nil {
			return nil, nil, err
		}
		c := end
		if held != nil {
			c.States = []ledger.StateChange{*held}
			c.Notices = slices.Concat(end.Notices, eng.noticesOfHold(ended, *held))
		}
		// Somebody may hold or release the task just now; then it is decided again.
		if done, err := eng.ledger.Commit(ctx, c); !errors.Is(err, ledger.ErrConflict) {
			return held, done.Notices, err
		}
	}
}

// withResult is a run after its end.
func withResult(run runner.Run, res runner.Result) runner.Run {
	run.State, run.Outcome, run.Reason, run.Why, run.Finished = "", res.Outcome, res.Reason, res.Why, res.Finished
	run.Exit, run.Signal, run.Error, run.Result, run.Usage = res.Exit, res.Signal, res.Error, res.Result, res.Usage
	return run
}

// ended takes the run out of what is under way.
func (eng *Engine) ended(run runner.Run, res runner.Result) {
	if res.Outcome == runner.OK {
		eng.success[run.Task] = res.Finished
		eng.expect(run.Task)
	}
	eng.endLease(run.ID)
	eng.finished[run.Task] = res.Finished
	if !res.Stuck {
		eng.view.Remove(run.ID)
		eng.restartInterval(run.Task, res.Finished)
	}
	eng.record(run)
	eng.calls.drained(eng)
}

// returned frees the task of an action that came back long after its run had
// ended.
func (eng *Engine) returned(id string) {
	eng.post(func() {
		eng.log.Info("returned", "run", id, "why", "the action came back after its time-out; the task is free again")
		eng.view.Remove(id)
		task, _ := runner.SplitID(id)
		eng.restartInterval(task, time.Now())
	})
}
