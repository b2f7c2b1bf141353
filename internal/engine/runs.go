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

// start starts a claimed run, with the definition in force now.
func (eng *Engine) start(run runner.Run) {
	if err := eng.files().Clear(run.ID, run.Attempts); err != nil {
		eng.log.Error("cannot remove the files of an earlier run with this id", "run", run.ID, "error", err)
	}
	if why, may := eng.mayStart(run); !may {
		eng.endUnstarted(run, runner.Result{Outcome: runner.Cancelled, Finished: time.Now()}.Because(why))
		return
	}
	if eng.endByCondition(run) {
		eng.record(run)
		return
	}
	task := eng.cfg.Tasks.Get(run.Task)
	if eng.diskLow() || eng.lacksInodes() {
		task.Output = runlog.NoRoom // the rest of the disk is for the ledger
	}
	launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: eng.lastSuccess(run.Task), Vars: eng.options.Vars, Begin: eng.beginAt(run)}
	if launch.Begin == nil {
		if run.Cause == runner.CauseSchedule && run.Attempts == 1 && run.NotBefore.IsZero() {
			eng.lag.Store(run.Started.Sub(run.Scheduled).Microseconds())
		}
		eng.record(run)
	}
	eng.watchLateness(context.Background(), run)
	if eng.options.Token != nil {
		launch.Token = eng.options.Token(run)
	}
	if run.Cause == runner.CauseChain {
		eng.setParent(&launch)
	}
	eng.runner.Start(eng.runs, launch)
}

// endUnstarted ends a claimed run that is not started.
func (eng *Engine) endUnstarted(run runner.Run, res runner.Result) {
	go func() { _ = eng.recordAttemptEnd(run, res) }()
}

// record passes a change of a run to all recorders and waiting calls.
func (eng *Engine) record(run runner.Run) {
	call(eng.options.Record, run)
	for _, r := range eng.recorders {
		_ = r.Record(run)
	}
	if run.Outcome != "" {
		eng.countOnceFailure(run)
		eng.waiters.notifyEnd(run.ID)
		eng.requestRetention()
	}
}

// echo passes a line of a run's output to stdout and to the subscribers of Watch.
func (eng *Engine) echo(run runner.Run, line []byte) {
	if eng.options.Echo != nil {
		eng.options.Echo(run, line)
	}
	if eng.hub.Watched() {
		eng.hub.PublishLine(api.LogLine{Time: time.Now(), Run: run.ID, User: run.User, Line: strings.ToValidUTF8(string(line), "\uFFFD")})
	}
}

// publishEvents passes events of rota itself to the subscribers of Watch.
func (eng *Engine) publishEvents(events ...ledger.Event) {
	for _, e := range events {
		if eng.eventCount.Add(1)%manyEvents == 0 {
			eng.requestRetention()
		}
		eng.hub.Publish(api.Message{Event: &api.Event{Time: e.Time, Kind: e.Kind, Task: e.Task, Who: e.Who, Text: e.Text}})
	}
}

// lastSuccess returns when a task last ended ok; zero: never.
func (eng *Engine) lastSuccess(task string) time.Time {
	eng.loadLastSuccesses(task)
	return eng.lastSuccesses[task]
}

// loadLastSuccesses reads when tasks last ended ok, where that is not known.
func (eng *Engine) loadLastSuccesses(tasks ...string) {
	var unknown []string
	for _, task := range tasks {
		if _, known := eng.lastSuccesses[task]; !known {
			unknown = append(unknown, task)
		}
	}
	for tasks := range slices.Chunk(unknown, movesPerCommit) {
		past, err := eng.ledger.Past(context.Background(), tasks...)
		if err != nil { // not cached
			eng.log.Error("cannot read the last success of tasks", "tasks", len(tasks), "error", err)
			continue
		}
		for _, task := range tasks {
			eng.lastSuccesses[task] = past[task].Success
		}
	}
}

// recordAttemptEnd records the end of an attempt. It is called from the run's own goroutine,
// so that many are committed together. While that fails, as on a full disk, the run counts
// as under way, and it is tried again until rota has stopped.
func (eng *Engine) recordAttemptEnd(run runner.Run, res runner.Result) error {
	v, ok := eng.leases.Load(run.ID)
	if !ok {
		return fmt.Errorf("run %s: %w", run.ID, ledger.ErrNotFound)
	}
	ctx, u := context.Background(), v.(leasedRun)
	recovered, unlock := eng.recovers(ctx, run, res)
	defer unlock()
	err := eng.recordEnd(ctx, u, res, recovered)
	if err == nil {
		return nil
	}
	eng.log.Error("cannot record the end of a run", "run", run.ID, "outcome", res.Outcome, "error", err)
	eng.unrecordedEnds.Add(1)
	defer eng.unrecordedEnds.Add(-1)
	for !isPermanent(err) {
		select {
		case <-time.After(time.Second):
		case <-eng.forced:
			return err
		}
		if err = eng.recordEnd(ctx, u, res, recovered); err == nil {
			eng.log.Info("recorded the end of a run", "run", run.ID, "outcome", res.Outcome)
			return nil
		}
	}
	eng.post(func() { eng.applyEnd(withResult(run, res), res) })
	return err
}

// isPermanent reports whether it is useless to try the same commit again.
func isPermanent(err error) bool {
	return slices.ContainsFunc([]error{ledger.ErrFenced, ledger.ErrNotFound, ledger.ErrDamaged, ledger.ErrClosed}, func(e error) bool { return errors.Is(err, e) })
}

// recordEnd records the end of an attempt with all that follows from it.
func (eng *Engine) recordEnd(ctx context.Context, u leasedRun, res runner.Result, recovered bool) error {
	if again, err := eng.retry(ctx, u, res); again || err != nil {
		return err
	}
	ended := withResult(u.Run, res)
	hooks := eng.hooksOf(ended, recovered)
	asked := eng.chains(ended, hooks)
	end := ledger.Change{Ends: []ledger.End{{Lease: u.Lease, Result: res, Next: asked}}, Notices: eng.noticesOfEnd(ended, hooks)}
	var held *ledger.StateChange
	var notices []ledger.Notice
	var g afterEffect
	var err error
	if ended.Outcome == runner.OK && len(eng.inForce.Load().Followers(ended.Task)) > 0 {
		g, notices, err = eng.commitOKEnd(ctx, ended, end)
	} else {
		held, notices, err = eng.commitEnd(ctx, u.policy, ended, end)
	}
	if err != nil {
		return err
	}
	asked = eng.recordedChains(ctx, slices.Concat(asked, g.asked))
	eng.post(func() {
		eng.applyEnd(ended, res)
		eng.applyAfterEffect(g)
		eng.registerChains(ctx, asked)
		eng.notifications.deliver(notices)
		if held != nil {
			eng.applyHold(ended, *held)
		}
	})
	return nil
}

// commitEnd records the end of a run and, in the same commit, the hold of its task if that
// reaches hold_after; nil: it does not. It returns the notices that both put into the outbox.
func (eng *Engine) commitEnd(ctx context.Context, p runner.Policy, ended runner.Run, end ledger.Change) (*ledger.StateChange, []ledger.Notice, error) {
	if p.HoldAfter == 0 || !ended.Outcome.IsFailure() {
		// Other ends of the task wait for one that may be its recovery, see recovers.
		end.CanWait = ended.Outcome != runner.OK || len(eng.inForce.Load().Tasks.Get(ended.Task).Hooks.OnRecover) == 0
		done, err := eng.ledger.Commit(ctx, end)
		return nil, done.Notices, err
	}
	// One end at a time: two concurrent failures would not count each other.
	turn, _ := eng.taskLocks.LoadOrStore(ended.Task, new(sync.Mutex))
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
		// If the task was held or released meanwhile, decide again.
		if done, err := eng.ledger.Commit(ctx, c); !errors.Is(err, ledger.ErrConflict) {
			return held, done.Notices, err
		}
	}
}

// withResult returns a run with the result of its end.
func withResult(run runner.Run, res runner.Result) runner.Run {
	run.State, run.Outcome, run.Reason, run.Why, run.Finished = "", res.Outcome, res.Reason, res.Why, res.Finished
	run.Exit, run.Signal, run.Error, run.Result, run.Usage = res.Exit, res.Signal, res.Error, res.Result, res.Usage
	return run
}

// applyEnd applies the recorded end of a run to the state.
func (eng *Engine) applyEnd(run runner.Run, res runner.Result) {
	if res.Outcome == runner.OK {
		eng.lastSuccesses[run.Task] = res.Finished
		eng.watchStalenessOf(run.Task)
	}
	eng.endLease(run.ID)
	eng.lastFinishes[run.Task] = res.Finished
	if !res.Stuck {
		eng.view.Remove(run.ID)
		eng.restartInterval(run.Task, res.Finished)
	}
	eng.record(run)
	eng.waiters.notifyIdle(eng)
}

// actionReturned unblocks the task of an action that returned long after its run had ended.
func (eng *Engine) actionReturned(id string) {
	eng.post(func() {
		eng.log.Info("returned", "run", id, "why", "the action returned after its time-out; the task is no longer blocked")
		eng.view.Remove(id)
		task, _ := runner.SplitID(id)
		eng.restartInterval(task, time.Now())
	})
}
