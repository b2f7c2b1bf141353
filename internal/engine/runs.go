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
	"rota/runner"
)

// start begins a run that was claimed, with the definition in force now.
func (l *loop) start(lease ledger.Lease) {
	run := lease.Run
	if err := ledger.Clear(l.stateDir, run); err != nil {
		l.log.Error("cannot remove what an earlier run of this id left", "run", run.ID, "error", err)
	}
	if why, may := l.mayStart(run); !may {
		go func() { _ = l.done(run, runner.Result{Outcome: runner.Cancelled, Finished: time.Now()}.Because(why)) }()
		return
	}
	if l.endedByCondition(run) {
		l.record(run)
		return
	}
	task := l.cfg.Tasks[run.Task]
	if l.diskLow() || l.lacksInodes() {
		task.Output = runner.NoRoom // what is left of the disk is for the record
	}
	if run.Cause == runner.CauseSchedule && run.Attempts == 1 && run.NotBefore.IsZero() {
		l.lag.Store(run.Started.Sub(run.Scheduled).Microseconds())
	}
	l.record(run)
	l.watchLate(context.Background(), run)
	launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: l.lastSuccess(run.Task), Vars: l.options.Vars}
	if l.options.Token != nil {
		launch.Token = l.options.Token(run)
	}
	if run.Cause == runner.CauseChain {
		l.inherit(&launch)
	}
	l.runner.Start(l.runs, launch)
}

// record tells everybody what became of a run.
func (l *loop) record(run runner.Run) {
	call(l.options.Record, run)
	for _, r := range l.recorders {
		_ = r.Record(run)
	}
	if run.Outcome != "" {
		l.onceEnded(run)
		l.calls.ended(run.ID)
		l.grow()
	}
}

// echo passes on a line of a run's output, to stdout and to those who watch.
func (l *loop) echo(run runner.Run, line []byte) {
	if l.options.Echo != nil {
		l.options.Echo(run, line)
	}
	if l.hub.Watched() {
		l.hub.PublishLine(api.LogLine{Time: time.Now(), Run: run.ID, User: run.User, Line: strings.ToValidUTF8(string(line), "\uFFFD")})
	}
}

// happened tells those who watch what happened to rota itself.
func (l *loop) happened(events ...ledger.Event) {
	for _, e := range events {
		if l.events.Add(1)%manyEvents == 0 {
			l.grow()
		}
		l.hub.Publish(api.Message{Event: &api.Event{Time: e.Time, Kind: e.Kind, Task: e.Task, Who: e.Who, Text: e.Text}})
	}
}

// lastSuccess is when a task last ended ok; zero if it never did.
func (l *loop) lastSuccess(task string) time.Time {
	at, known := l.success[task]
	if !known {
		past, err := l.ledger.Past(context.Background(), task)
		if err != nil {
			l.log.Error("cannot read when a task last ended well", "task", task, "error", err)
			return at // not to be remembered
		}
		at = past.Success
		l.success[task] = at
	}
	return at
}

// done writes down the end of an attempt. It is called from the run's own
// goroutine, so that many can be written at once. While that cannot be, as on a
// full disk, the run counts as under way, and it is tried again until rota has
// stopped.
func (l *loop) done(run runner.Run, res runner.Result) error {
	v, ok := l.leases.Load(run.ID)
	if !ok {
		return fmt.Errorf("run %s: %w", run.ID, ledger.ErrNotFound)
	}
	ctx, u := context.Background(), v.(underway)
	recovered, written := l.recovers(ctx, run, res)
	defer written()
	err := l.writeEnd(ctx, u, res, recovered)
	if err == nil {
		return nil
	}
	l.log.Error("cannot record the end of a run", "run", run.ID, "outcome", res.Outcome, "error", err)
	l.unwritten.Add(1)
	defer l.unwritten.Add(-1)
	for !lasting(err) {
		select {
		case <-time.After(time.Second):
		case <-l.hurried:
			return err
		}
		if err = l.writeEnd(ctx, u, res, recovered); err == nil {
			l.log.Info("recorded the end of a run", "run", run.ID, "outcome", res.Outcome)
			return nil
		}
	}
	l.post(func() { l.ended(withResult(run, res), res) })
	return err
}

// lasting reports whether it is of no use to write the same again.
func lasting(err error) bool {
	return slices.ContainsFunc([]error{ledger.ErrFenced, ledger.ErrNotFound, ledger.ErrDamaged, ledger.ErrClosed}, func(e error) bool { return errors.Is(err, e) })
}

// writeEnd writes down the end of an attempt, and what follows from it.
func (l *loop) writeEnd(ctx context.Context, u underway, res runner.Result, recovered bool) error {
	if again, err := l.retry(ctx, u, res); again || err != nil {
		return err
	}
	ended := withResult(u.Run, res)
	hooks := l.hooksOf(ended, recovered)
	asked := l.chains(ended, hooks)
	end := ledger.Change{Ends: []ledger.End{{Lease: u.Lease, Result: res, Next: asked}}, Notices: l.noticesOfEnd(ended, hooks)}
	var held *ledger.StateChange
	var notices []ledger.Notice
	var g gathering
	var err error
	if ended.Outcome == runner.OK && len(l.inForce.Load().Followers(ended.Task)) > 0 {
		g, notices, err = l.finishOK(ctx, ended, end)
	} else {
		held, notices, err = l.finish(ctx, u.policy, ended, end)
	}
	if err != nil {
		return err
	}
	asked = l.written(ctx, slices.Concat(asked, g.asked))
	l.post(func() {
		l.ended(ended, res)
		l.gathered(g)
		l.takeChains(ctx, asked)
		l.notifications.deliver(notices)
		if held != nil {
			l.heldAfterFailures(ended, *held)
		}
	})
	return nil
}

// finish records the end of a run and, in the same commit, the hold of its task if it
// is one failure too many; nil: it is not. It returns the notices that are in the
// outbox because of both.
func (l *loop) finish(ctx context.Context, p runner.Policy, ended runner.Run, end ledger.Change) (*ledger.StateChange, []ledger.Notice, error) {
	if p.HoldAfter == 0 || !ended.Outcome.IsFailure() {
		done, err := l.ledger.Commit(ctx, end)
		return nil, done.Notices, err
	}
	// One end at a time, or two failures at once would not count each other.
	turn, _ := l.recovery.LoadOrStore(ended.Task, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	for {
		held, err := l.holdAfterFailures(ctx, ended, p, 1)
		if err != nil {
			return nil, nil, err
		}
		c := end
		if held != nil {
			c.States = []ledger.StateChange{*held}
			c.Notices = slices.Concat(end.Notices, l.noticesOfHold(ended, *held))
		}
		// Somebody may hold or release the task just now; then it is decided again.
		if done, err := l.ledger.Commit(ctx, c); !errors.Is(err, ledger.ErrConflict) {
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
func (l *loop) ended(run runner.Run, res runner.Result) {
	if res.Outcome == runner.OK {
		l.success[run.Task] = res.Finished
		l.expect(run.Task)
	}
	l.endLease(run.ID)
	l.finished[run.Task] = res.Finished
	if !res.Stuck {
		l.view.Remove(run.ID)
		l.again(run.Task, res.Finished)
	}
	l.record(run)
	l.calls.drained(l)
}

// returned frees the task of an action that came back long after its run had
// ended.
func (l *loop) returned(id string) {
	l.post(func() {
		l.log.Info("returned", "run", id, "why", "the action came back after its time-out; the task is free again")
		l.view.Remove(id)
		task, _ := runner.SplitID(id)
		l.again(task, time.Now())
	})
}
