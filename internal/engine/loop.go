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
	"rota/runner"
)

// Engine decides what runs when. It is used by several goroutines, and owned by that of
// [Engine.Run].
type Engine = loop

// loop is the one goroutine that decides. What it holds is its own, but for what
// [shared] has; others ask it by post.
type loop struct {
	surroundings
	configuration
	memory
	course
	shared
	inbox
}

// New returns an engine that has not begun.
func New(o Options) *Engine {
	l := &loop{
		surroundings:  surroundings{options: o, log: o.Log, stateDir: o.StateDir, clock: o.Clock, hub: &api.Hub{}},
		configuration: configuration{cfg: o.Config, broken: o.Broken},
		memory: memory{
			boot: runner.BootID(), entries: map[string]plan.Entry{},
			success: map[string]time.Time{}, finished: map[string]time.Time{}, vanished: map[string]bool{},
			spans: map[string]bool{}, conditions: map[string]*condition{},
		},
		course: course{over: make(chan struct{}), hurried: make(chan struct{})},
		inbox:  inbox{woken: make(chan struct{}, 1)},
	}
	l.asleep = machineSlept
	l.slept = l.asleep()
	l.roomLeft = func() room { return roomIn(l.stateDir) }
	l.metrics = metrics.New(o.Version)
	l.recorders = []runner.Recorder{publisher{l.hub}, l.metrics}
	l.grown = make(chan struct{}, 1)
	l.view.Held, l.view.Binding, l.view.Stopped, l.view.NoRoom, l.view.Ready = l.held, l.isBinding, l.stopped, l.lacksRoom, l.ready
	l.view.Policy = func(name string) (runner.Policy, bool) {
		t, ok := l.cfg.Tasks[name]
		return t.Policy, ok
	}
	l.inForce.Store(o.Config)
	l.alarms.damage = o.Damage
	if l.ledger = o.Ledger; o.Ledger != nil {
		l.ledger = answering{failureCounting{o.Ledger, l.metrics.WriteFailed}}
	}
	l.notifications = newNotifications(&l.inForce, o.StateDir, l.ledger, l.log, l.targetFails, l.metrics.NotifyFailed)
	run := o.Runner
	run.StateDir, run.Done, run.Returned, run.Echo = o.StateDir, l.done, l.returned, l.echo
	l.runner = runner.New(run)
	return l
}

// post has f called by the loop, soon. Anyone may call it.
func (l *loop) post(f func()) {
	l.mu.Lock()
	l.posts = append(l.posts, f)
	l.mu.Unlock()
	select {
	case l.woken <- struct{}{}:
	default:
	}
	l.clock.Wake()
}

// posted calls what was posted.
func (l *loop) posted() {
	l.mu.Lock()
	posts := l.posts
	l.posts = nil
	l.mu.Unlock()
	for _, f := range posts {
		f()
	}
}

// Begin makes the state from the ledger: the cursor, the runs that an earlier daemon
// left, the agenda. What follows forked runs does so until runs ends.
func (l *loop) Begin(ctx, runs context.Context) error {
	l.runs = runs
	now, err := l.ledger.Now(ctx)
	if err != nil {
		return err
	}
	if l.cursor, err = l.ledger.Cursor(ctx); err != nil {
		return err
	}
	if l.boot == "" {
		l.boot = l.cursor.Boot
	}
	if l.cursor.Through.IsZero() {
		if err := l.commit(ctx, ledger.Cursor{Epoch: 1, Through: now, Revision: l.cfg.Revision}); err != nil {
			return err
		}
	}
	l.since, l.started = now, now
	if l.states, err = l.ledger.Tasks(ctx); err != nil {
		return err
	}
	l.install(l.cfg)
	l.measure(l.cfg)
	if err := l.notifications.resume(ctx); err != nil {
		return err
	}
	if err := l.recover(ctx); err != nil {
		return err
	}
	if err := l.plan(ctx, now); err != nil {
		return err
	}
	if err := l.holdings(ctx, now); err != nil {
		return err
	}
	l.freshness()
	l.starts = l.atStart(now)
	l.event(ctx, ledger.Event{Time: now, Kind: "start", Text: l.options.Version})
	l.log.Info("started", "config", l.cfg.Path, "tasks", len(l.cfg.Tasks), "state", l.stateDir, "version", l.options.Version)
	for _, w := range l.cfg.Warnings {
		l.log.Warn("check", "warning", w.Error())
	}
	l.next(now, 5)
	l.tell()
	return nil
}

// Run takes turns until ctx ends, or it cannot go on. The error is [ErrRunsFailed] with
// Once if a run has failed.
func (l *loop) Run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	others.Go(func() { l.retain(ctx) })
	if events, err := l.ledger.Watch(ctx); err == nil {
		others.Go(func() {
			for e := range events {
				l.ledgerSays(e)
			}
		})
	}
	return l.turns(ctx)
}

// turns waits for the next instant, decides, records and starts, again and again.
func (l *loop) turns(ctx context.Context) error {
	before, turn := l.since, time.Now()
	for {
		now, err := l.ledger.Now(ctx)
		passed := time.Since(turn)
		if err == nil {
			if !l.options.Once {
				l.noteLateness(now, before, passed)
			}
			err = l.follow(ctx, now, before, passed)
			before, turn = now, turn.Add(passed)
		}
		if err = l.takeTurn(ctx, now, err); l.isOver(err) {
			return cmp.Or(l.fatal, err, l.onceResult())
		}
		l.trouble(err)
		l.raiseAlarms(ctx)
		l.tell()
		if _, _, err := l.clock.Wait(ctx, l.nextTurn(err != nil)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("clock: %w", err)
		}
	}
}

// takeTurn takes a turn, as far as that can be after what failed before; nil: nothing did.
// It returns what failed first.
func (l *loop) takeTurn(ctx context.Context, now time.Time, err error) error {
	if err == nil && l.unplanned {
		err = l.plan(ctx, now)
	}
	l.posted() // whatever the ledger says: how rota is, it must tell
	if err == nil && l.options.Once {
		err = l.onlyOnce(ctx, now)
		now = l.started // what comes due from now on is for another time
	}
	if err == nil {
		err = l.advance(ctx, now)
	}
	return err
}

// isOver reports whether a turn that ended with err was the last one. After damage the
// next start sets the ledger aside.
func (l *loop) isOver(err error) bool {
	return l.fatal != nil || errors.Is(err, ledger.ErrDamaged) || err == nil && l.options.Once && l.onceOver()
}

// nextTurn is when the next turn is taken if nobody asks for one before; zero: then
// alone. One that failed, or could not start all for want of room, is tried again soon.
func (l *loop) nextTurn(failed bool) time.Time {
	until, again := l.agenda.At(), l.clock.Now().Add(time.Second)
	if l.options.Once {
		until = l.onceUntil()
	}
	if failed || l.unplanned || l.roomAwaited && (until.IsZero() || until.After(again)) {
		return again
	}
	return until
}

// trouble tells, once, that nothing can be written down, and when it can again.
func (l *loop) trouble(err error) {
	switch {
	case err != nil && l.failing == "":
		l.log.Error("cannot record due runs; scheduling is paused until the ledger is writable", "error", err)
	case err == nil && l.failing != "":
		l.log.Info("due runs can be recorded again; scheduling continues")
	}
	if l.failing = ""; err != nil {
		l.failing = err.Error()
	}
}

// claim takes runs for execution, and does nothing else.
func (l *loop) claim(ctx context.Context, ids []string) ([]ledger.Lease, error) {
	done, err := l.ledger.Commit(ctx, ledger.Change{Batch: runner.Batch{Claim: ids}})
	return done.Leases, err
}

// cursorAt is the cursor once all slots up to an instant are recorded.
func (l *loop) cursorAt(through time.Time) ledger.Cursor {
	next := l.cursor
	next.Through, next.Revision = through, l.cfg.Revision
	return next
}

// commit moves the cursor alone.
func (l *loop) commit(ctx context.Context, next ledger.Cursor) error {
	_, err := l.commitMove(ctx, ledger.Change{Cursor: &ledger.CursorMove{From: l.cursor, To: next}})
	return err
}
