package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/metrics"
	"rota/internal/plan"
	"rota/internal/runlog"
	"rota/runner"
)

// Engine decides what runs when. Its fields belong to the goroutine of Run, except those of
// [shared]; other goroutines use the [inbox].
type Engine struct {
	dependencies
	configuration
	state
	progress
	shared
	inbox
}

// New returns an engine that has not begun.
func New(o Options) *Engine {
	eng := &Engine{
		dependencies:  dependencies{options: o, log: o.Log, stateDir: o.StateDir, clock: o.Clock, hub: &api.Hub{}},
		configuration: configuration{cfg: o.Config, broken: o.Broken},
		state: state{
			boot: runner.BootID(), entries: map[string]plan.Entry{},
			lastSuccesses: map[string]time.Time{}, lastFinishes: map[string]time.Time{}, vanished: map[string]bool{},
			relativeStarts: map[string]bool{}, conditions: map[string]*condition{},
		},
		progress: progress{closed: make(chan struct{}), forced: make(chan struct{})},
		inbox:    newInbox(),
	}
	eng.sleepTime = machineSleepTime
	eng.lastSleepTime = eng.sleepTime()
	eng.freeRoom = func() room { return measureRoom(eng.stateDir) }
	eng.metrics = metrics.New(o.Version)
	eng.recorders = []runner.Recorder{publisher{eng.hub}, eng.metrics}
	eng.retentionRequested = make(chan struct{}, 1)
	eng.view.Held, eng.view.Binding, eng.view.Stopped, eng.view.NoRoom, eng.view.Ready = eng.holdReason, eng.isHoldBinding, eng.isQueueStopped, eng.lacksRoom, eng.conditionState
	eng.view.Policy = func(name string) (runner.Policy, bool) {
		t, ok := eng.cfg.Tasks.Find(name)
		return t.Policy, ok
	}
	eng.inForce.Store(o.Config)
	eng.options.Config = nil // a reload replaces it, and then its memory must be free
	eng.alarms.damage = o.Damage
	if eng.ledger = o.Ledger; o.Ledger != nil {
		eng.ledger = notNowLedger{failureCounting{o.Ledger, eng.metrics.WriteFailed}}
	}
	eng.notifications = newNotifications(&eng.inForce, o.StateDir, eng.ledger, eng.log, eng.setTargetError, eng.metrics.NotifyFailed, eng.notificationTimeout())
	run := o.Runner
	run.StateDir, run.Done, run.Returned, run.Echo = o.StateDir, eng.recordAttemptEnd, eng.actionReturned, eng.echo
	eng.runner = runner.New(run)
	return eng
}

// Begin builds the state from the ledger: the cursor, the runs that an earlier daemon left,
// the agenda. Goroutines that follow forked runs end with the context runs.
func (eng *Engine) Begin(ctx, runs context.Context) error {
	eng.runs = runs
	now, err := eng.ledger.Now(ctx)
	if err != nil {
		return err
	}
	if eng.cursor, err = eng.ledger.Cursor(ctx); err != nil {
		return err
	}
	if eng.boot == "" {
		eng.boot = eng.cursor.Boot
	}
	if eng.cursor.Through.IsZero() {
		if err := eng.commit(ctx, ledger.Cursor{Epoch: 1, Through: now, Revision: eng.cfg.Revision}); err != nil {
			return err
		}
	}
	eng.epochStart, eng.started = now, now
	if eng.states, err = eng.ledger.Tasks(ctx); err != nil {
		return err
	}
	eng.setConfig(eng.cfg)
	eng.loadMetrics(eng.cfg)
	if err := eng.notifications.resume(ctx); err != nil {
		return err
	}
	if err := eng.recover(ctx); err != nil {
		return err
	}
	if err := eng.plan(ctx, now); err != nil {
		return err
	}
	if err := eng.restoreAhead(ctx); err != nil {
		return err
	}
	if err := eng.restoreHolds(ctx, now); err != nil {
		return err
	}
	eng.watchStaleness()
	eng.startSlots = eng.atStart(now)
	eng.event(ctx, ledger.Event{Time: now, Kind: "start", Text: eng.options.Version})
	eng.log.Info("started", "config", eng.cfg.Path, "tasks", len(eng.cfg.Tasks), "state", eng.stateDir, "version", eng.options.Version)
	for _, w := range eng.cfg.Warnings {
		eng.log.Warn("check", "warning", w.Error())
	}
	eng.logUpcoming(now, 5)
	eng.reportStatus()
	return nil
}

// Run takes turns until ctx ends, or it cannot continue. The error is [ErrRunsFailed] with
// Once if a run has failed.
func (eng *Engine) Run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	others.Go(func() { eng.retain(ctx) })
	if events, err := eng.ledger.Watch(ctx); err == nil {
		others.Go(func() {
			for e := range events {
				eng.onLedgerEvent(e)
			}
		})
	}
	return eng.turns(ctx)
}

// turns takes turns: it waits for the next instant, decides, records and starts runs.
func (eng *Engine) turns(ctx context.Context) error {
	eng.stateComplete = true
	before, turn := eng.epochStart, time.Now()
	for {
		now, err := eng.ledger.Now(ctx)
		passed := time.Since(turn)
		if err == nil {
			if !eng.options.Once {
				eng.noteLateness(now, before, passed)
			}
			err = eng.checkClock(ctx, now, before, passed)
			before, turn = now, turn.Add(passed)
		}
		if err = eng.takeTurn(ctx, now, err); eng.isOver(err) {
			return cmp.Or(eng.fatal, err, eng.onceResult())
		}
		eng.logRecordError(err)
		eng.raiseAlarms(ctx)
		eng.reportStatus()
		if _, _, err := eng.clock.Wait(ctx, eng.nextTurn(err != nil)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("clock: %w", err)
		}
	}
}

// takeTurn takes a turn. After err, which failed before in this turn, it only calls the
// posted functions. It returns the first error.
func (eng *Engine) takeTurn(ctx context.Context, now time.Time, err error) error {
	eng.beginDue(now)
	if err == nil && eng.needsPlan {
		err = eng.plan(ctx, now)
	}
	eng.runPosted() // also if the ledger fails: the status must be answered
	if err == nil && eng.options.Once {
		err = eng.onceTurn(ctx, now)
		now = eng.started // slots after the start are not due for --once
	}
	if err == nil {
		if err = eng.advance(ctx, now); err == nil {
			eng.recordAhead(ctx, now)
		}
	}
	return err
}

// isOver reports whether a turn that ended with err was the last one. A damaged ledger is
// set aside at the next start.
func (eng *Engine) isOver(err error) bool {
	return eng.fatal != nil || errors.Is(err, ledger.ErrDamaged) || err == nil && eng.options.Once && eng.onceDone()
}

// nextTurn returns when the next turn is taken unless a call is posted before; zero: only
// when one is. A turn that failed, or left runs waiting for disk space, is repeated soon.
func (eng *Engine) nextTurn(failed bool) time.Time {
	until, again := eng.agenda.At(), eng.clock.Now().Add(time.Second)
	if ahead := eng.aheadTime(until); !ahead.IsZero() {
		until = ahead
	}
	if eng.options.Once {
		until = eng.nextOnceTurn()
	}
	if failed || eng.needsPlan || eng.waitingForRoom && (until.IsZero() || until.After(again)) {
		return again
	}
	return until
}

// logRecordError logs once that the ledger cannot be written, and once that it can again.
func (eng *Engine) logRecordError(err error) {
	switch {
	case err != nil && eng.recordError == "":
		eng.log.Error("cannot record due runs; scheduling is paused until the ledger is writable", "error", err)
	case err == nil && eng.recordError != "":
		eng.log.Info("due runs can be recorded again; scheduling continues")
	}
	if eng.recordError = ""; err != nil {
		eng.recordError = err.Error()
	}
}

// files returns the store of the files of runs.
func (eng *Engine) files() runlog.Store { return runlog.Store{StateDir: eng.stateDir} }

// claim claims runs for execution, in a commit of their own.
func (eng *Engine) claim(ctx context.Context, ids []string) ([]ledger.Lease, error) {
	done, err := eng.ledger.Commit(ctx, ledger.Change{Batch: runner.Batch{Claim: ids}})
	return done.Leases, err
}

// cursorAt returns the cursor for when all slots up to an instant are recorded.
func (eng *Engine) cursorAt(through time.Time) ledger.Cursor {
	next := eng.cursor
	next.Through, next.Revision = through, eng.cfg.Revision
	return next
}

// commit moves only the cursor.
func (eng *Engine) commit(ctx context.Context, next ledger.Cursor) error {
	_, err := eng.commitMove(ctx, ledger.Change{Cursor: &ledger.CursorMove{From: eng.cursor, To: next}})
	return err
}
