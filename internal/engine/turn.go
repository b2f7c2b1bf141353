package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// turn is what one turn of the loop has decided, before any of it is done.
type turn struct {
	change  ledger.Change
	counts  counts       // of triggers with a count
	holds   failureHolds // of tasks that failed once too often
	ask     []string     // runs whose conditions are asked
	chained bool         // hooks ask for runs, of which the next turn decides when they start
}

// advance decides what is due up to now, and what waits; records that as one change,
// and does it: before the record nothing is done.
func (l *loop) advance(ctx context.Context, now time.Time) error {
	if l.stopping {
		return errors.New("rota is stopping")
	}
	due, err := l.moments(ctx, l.agenda.Due(now))
	if err != nil {
		return err
	}
	t, err := l.decide(ctx, due, now)
	if err != nil {
		return err
	}
	done, err := l.commitTurn(ctx, t)
	switch {
	case errors.Is(err, ledger.ErrQueueFull) && l.takeQueued(ctx):
		return l.advance(ctx, now) // with what was asked for meanwhile
	case errors.Is(err, ledger.ErrConflict):
		if err := l.recount(ctx, t.counts); err != nil {
			return err
		}
		return l.advance(ctx, now) // another run has just held the task that this would hold
	case err != nil:
		return err
	}
	l.agenda.Commit(now)
	l.starts = nil
	l.apply(t, done)
	l.fired(due, now)
	if t.chained {
		return l.advance(ctx, now) // when they start is decided now that they wait
	}
	return nil
}

// decide says what becomes of what is due and of what waits.
func (l *loop) decide(ctx context.Context, due []schedule.Due, now time.Time) (turn, error) {
	var t turn
	left, err := l.unsettled(ctx, due, now)
	if err != nil {
		return t, err
	}
	slots := l.slots(left, now)
	awaited := l.roomAwaited
	l.toAsk = nil
	l.lookForRoom()
	batch := runner.Decide(slots, &l.view, now)
	t.ask = l.toAsk
	switch {
	case l.roomAwaited && !awaited:
		l.log.Warn(l.room.awaits(l.stateDir))
	case !l.roomAwaited && awaited:
		l.log.Info("no forked run waits for room on the disk any more")
	}
	l.giveWay(&batch)
	t.chained = l.addChains(&batch)
	if t.holds, err = l.holdsAfterSuperseded(ctx, batch); err != nil {
		return t, err
	}
	t.counts = l.countRuns(left, batch, t.holds.changes())
	l.waitAnew(&t.counts, batch)
	t.change = ledger.Change{Batch: batch, Moves: t.counts.moves, States: t.counts.states, Notices: l.noticesOfBatch(batch, t.holds)}
	if len(slots) > 0 || l.boot != l.cursor.Boot {
		next := l.cursorAt(now)
		next.Boot = l.boot // all at_start slots are among these
		t.change.Cursor = &ledger.CursorMove{From: l.cursor, To: next}
	}
	return t, nil
}

// commitTurn records what a turn has decided, if that is anything.
func (l *loop) commitTurn(ctx context.Context, t turn) (ledger.Committed, error) {
	if t.change.Cursor == nil && len(t.change.Batch.Claim) == 0 {
		return ledger.Committed{}, nil
	}
	return l.commitMove(ctx, t.change)
}

// commitMove commits a change that may move the cursor; if someone else moved that it
// is read again.
func (l *loop) commitMove(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := l.ledger.Commit(ctx, c)
	if errors.Is(err, ledger.ErrStale) {
		if cursor, err := l.ledger.Cursor(ctx); err == nil {
			l.cursor = cursor
		}
	}
	if err == nil && c.Cursor != nil {
		l.cursor = c.Cursor.To
	}
	return done, err
}

// apply brings what the loop knows in line with what is recorded, and does it.
func (l *loop) apply(t turn, done ledger.Committed) {
	b := t.change.Batch
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
	l.askConditions(t.ask)
	l.counted(t.counts)
	for _, h := range t.holds {
		l.heldAfterFailures(h.run, h.change)
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
