package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// run is the loop: wait for the next instant, decide, write down, start.
func (l *loop) run(ctx context.Context) error {
	before, turn := l.since, time.Now()
	for {
		now, err := l.ledger.Now(ctx)
		passed := time.Since(turn)
		if err == nil {
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
		if l.fatal != nil {
			return l.fatal
		}
		if err == nil && l.o.Once && l.onceOver() {
			return l.onceResult()
		}
		until := l.agenda.At()
		if l.o.Once {
			until = l.onceUntil()
		}
		if errors.Is(err, ledger.ErrDamaged) {
			return err // the next start sets it aside
		}
		if (err != nil || l.unplanned) && ctx.Err() == nil {
			until = l.clock.Now().Add(time.Second)
		}
		if again := l.clock.Now().Add(time.Second); l.roomAwaited && ctx.Err() == nil && (until.IsZero() || until.After(again)) {
			until = again
		}
		l.trouble(err)
		l.tell()
		if _, _, err := l.clock.Wait(ctx, until); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("clock: %w", err)
		}
	}
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

// advance decides what is due up to now, and what waits, and starts what may.
func (l *loop) advance(ctx context.Context, now time.Time) error {
	if l.stopping {
		return errors.New("rota is stopping")
	}
	due, err := l.moments(ctx, l.agenda.Due(now))
	if err != nil {
		return err
	}
	left, err := l.unsettled(ctx, due, now)
	if err != nil {
		return err
	}
	slots := l.slots(left, now)
	awaited := l.roomAwaited
	l.roomAwaited = false
	batch := runner.Decide(slots, &l.view, now)
	if l.roomAwaited && !awaited {
		l.log.Warn("the disk is full: forked runs wait for room")
	}
	l.giveWay(&batch)
	chained := l.addChains(&batch)
	holds, err := l.holdsAfterSuperseded(ctx, batch)
	if err != nil {
		return err
	}
	var done ledger.Committed
	c := ledger.Change{Batch: batch, States: holds.changes(), Notices: l.noticesOfBatch(batch, holds)}
	switch {
	case len(slots) > 0 || l.boot != l.cursor.Boot:
		next := l.cursorAt(now)
		next.Boot = l.boot // all at_start slots are among these
		done, err = l.write(ctx, next, c)
	case len(batch.Claim) > 0:
		done, err = l.ledger.Commit(ctx, c)
	}
	if errors.Is(err, ledger.ErrQueueFull) && l.takeQueued(ctx) {
		return l.advance(ctx, now) // with what was asked for meanwhile
	}
	if errors.Is(err, ledger.ErrConflict) {
		return l.advance(ctx, now) // another run has just held the task that this would hold
	}
	if err != nil {
		return err
	}
	l.agenda.Commit(now)
	l.starts = nil
	l.apply(batch, done)
	for _, h := range holds {
		l.heldAfterFailures(h.run, h.change)
	}
	l.fired(due, now)
	if chained {
		return l.advance(ctx, now) // when they start is decided now that they wait
	}
	return nil
}

// write commits a change and moves the cursor; if someone else moved that it is read
// again.
func (l *loop) write(ctx context.Context, next ledger.Cursor, c ledger.Change) (ledger.Committed, error) {
	c.Cursor = &ledger.CursorMove{From: l.cursor, To: next}
	done, err := l.ledger.Commit(ctx, c)
	if errors.Is(err, ledger.ErrStale) {
		cursor, err2 := l.ledger.Cursor(ctx)
		if err2 == nil {
			l.cursor = cursor
		}
	}
	if err == nil {
		l.cursor = next
	}
	return done, err
}

// claim takes runs for execution, and does nothing else.
func (l *loop) claim(ctx context.Context, ids []string) ([]ledger.Lease, error) {
	done, err := l.ledger.Commit(ctx, ledger.Change{Batch: runner.Batch{Claim: ids}})
	return done.Leases, err
}

// move takes a pending run from one state to another, or to an outcome.
func (l *loop) move(ctx context.Context, id string, from runner.State, to runner.Transition) error {
	_, err := l.ledger.Commit(ctx, ledger.Change{Moves: []ledger.Move{{ID: id, From: from, To: to}}})
	return err
}

// cursorAt is the cursor once all slots up to an instant are recorded.
func (l *loop) cursorAt(through time.Time) ledger.Cursor {
	next := l.cursor
	next.Through, next.Revision = through, l.cfg.Revision
	return next
}

// commit moves the cursor alone.
func (l *loop) commit(ctx context.Context, next ledger.Cursor) error {
	_, err := l.write(ctx, next, ledger.Change{})
	return err
}

// apply does what was written down.
func (l *loop) apply(b runner.Batch, done ledger.Committed) {
	var claimed []runner.Run
	for _, lease := range done.Leases {
		claimed = append(claimed, lease.Run)
		l.agenda.Drop(patienceKey + lease.Run.ID)
		l.leases.Store(lease.Run.ID, underway{lease, l.policyOf(lease.Run.Task)})
	}
	for _, e := range b.Ends {
		l.unregister(e.ID)
	}
	l.view.Apply(b, claimed)
	starts := make(map[string]bool, len(b.Claim))
	for _, id := range b.Claim {
		starts[id] = true
		if _, ok := l.leases.Load(id); !ok {
			l.view.Remove(id) // it waits no more, or came of a slot written down before
		}
	}
	for _, r := range b.Summaries {
		l.record(r)
	}
	for _, e := range b.Ends {
		task, _ := runner.SplitID(e.ID)
		l.record(runner.Run{ID: e.ID, Task: task, Outcome: e.Outcome, Reason: e.Reason, Why: e.Why})
	}
	for _, r := range b.Runs {
		if !starts[r.ID] {
			l.record(r)
			if r.State == runner.Delayed {
				l.put(attemptKey+r.ID, r.NotBefore)
				continue
			}
			l.patience(r)
		}
	}
	for _, e := range b.Stops {
		l.runner.Stop(e)
	}
	l.notifications.deliver(l.startedOnly(done.Notices))
	for _, lease := range done.Leases {
		l.start(lease)
	}
}

// startedOnly leaves out the pings of starts that did not come to be, as those of runs
// that somebody cancelled meanwhile.
func (l *loop) startedOnly(notices []ledger.Notice) []ledger.Notice {
	return slices.DeleteFunc(notices, func(n ledger.Notice) bool {
		if n.Kind != pingStart {
			return false
		}
		_, started := l.leases.Load(n.Run.ID)
		if !started {
			l.notifications.discard(n.Number)
		}
		return !started
	})
}
