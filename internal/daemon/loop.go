package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
)

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

func newLoop(o Options, out *outputs, cfg *config.Config, stateDir string) *loop {
	l := &loop{
		surroundings: surroundings{
			o: o, out: out, log: out.log, stateDir: stateDir, hub: &api.Hub{},
			access: &webAccess{group: cfg.Rota.SocketGroup, rule: o.rule(), makeDir: o.makeSocketDir, log: out.log.Info},
		},
		configuration: configuration{cfg: cfg, first: cfg},
		memory: memory{
			boot: runner.BootID(), entries: map[string]plan.Entry{},
			success: map[string]time.Time{}, finished: map[string]time.Time{}, vanished: map[string]bool{},
		},
		course: course{over: make(chan struct{}), hurried: make(chan struct{})},
		inbox:  inbox{woken: make(chan struct{}, 1)},
	}
	l.grown = make(chan struct{}, 1)
	l.view.Held, l.view.Binding, l.view.Stopped, l.view.NoRoom = l.held, l.isBinding, l.stopped, l.lacksRoom
	l.view.Policy = func(name string) (runner.Policy, bool) {
		t, ok := l.cfg.Tasks[name]
		return t.Policy, ok
	}
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

// begin brings the loop from nothing to where it can run: the cursor, the runs
// that an earlier daemon left, the agenda.
func (l *loop) begin(ctx context.Context) error {
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
	l.event(ctx, ledger.Event{Time: now, Kind: "start", Text: l.o.Version})
	l.log.Info("started", "config", l.cfg.Path, "tasks", len(l.cfg.Tasks), "state", l.stateDir, "version", l.o.Version)
	for _, w := range l.cfg.Warnings {
		l.log.Warn("check", "warning", w.Error())
	}
	if l.broken != nil {
		l.event(ctx, ledger.Event{Time: now, Kind: "reload", Text: "refused: " + faults(l.broken), Data: ledger.EventData{Refused: faults(l.broken)}})
		l.out.complain(l.broken, "the file is wrong: started from the last good one")
		l.recordNotices(ctx, l.noticesOfBadConfig(l.cfg.Rota.OnBadConfig, l.broken.Error()))
	} else {
		l.keep(l.cfg)
	}
	l.next(now, 5)
	l.tell()
	sdNotify("READY=1")
	return nil
}

// run is the loop: wait for the next instant, decide, record, start.
func (l *loop) run(ctx context.Context) error {
	before, turn := l.since, time.Now()
	for {
		now, err := l.ledger.Now(ctx)
		passed := time.Since(turn)
		if err == nil {
			if !l.o.Once {
				l.noteLateness(now, before, passed)
			}
			err = l.follow(ctx, now, before, passed)
			before, turn = now, turn.Add(passed)
		}
		if err == nil && l.unplanned {
			err = l.plan(ctx, now)
		}
		l.posted() // whatever the ledger says: how rota is, it must tell
		if err == nil && l.o.Once {
			err = l.onlyOnce(ctx, now)
			now = l.started // what comes due from now on is for another time
		}
		if err == nil {
			err = l.advance(ctx, now)
		}
		switch {
		case l.fatal != nil:
			return l.fatal
		case err == nil && l.o.Once && l.onceOver():
			return l.onceResult()
		case errors.Is(err, ledger.ErrDamaged):
			return err // the next start sets it aside
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

// nextTurn is when the next turn is taken if nobody asks for one before; zero: then
// alone. One that failed, or could not start all for want of room, is tried again soon.
func (l *loop) nextTurn(failed bool) time.Time {
	until, again := l.agenda.At(), l.clock.Now().Add(time.Second)
	if l.o.Once {
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
