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

// turn is what one turn of the engine has decided, before any of it is done.
type turn struct {
	change  ledger.Change
	counts  counts       // of triggers with a count
	holds   failureHolds // of tasks that failed once too often
	ask     []string     // runs whose conditions are asked
	chained bool         // hooks ask for runs, of which the next turn decides when they start
}

// advance decides what is due up to now, and what waits; records that as one change,
// and does it: before the record nothing is done.
func (eng *Engine) advance(ctx context.Context, now time.Time) error {
	if eng.stopping {
		return errors.New("rota is stopping")
	}
	due, err := eng.moments(ctx, eng.agenda.Due(now))
	if err != nil {
		return err
	}
	t, err := eng.decide(ctx, due, now)
	if err != nil {
		return err
	}
	done, err := eng.commitTurn(ctx, t)
	switch {
	case errors.Is(err, ledger.ErrQueueFull) && eng.takeQueued(ctx):
		return eng.advance(ctx, now) // with what was asked for meanwhile
	case errors.Is(err, ledger.ErrConflict):
		if err := eng.recount(ctx, t.counts); err != nil {
			return err
		}
		return eng.advance(ctx, now) // another run has just held the task that this would hold
	case err != nil:
		return err
	}
	eng.agenda.Commit(now)
	eng.forgetAhead(now)
	eng.starts = nil
	eng.apply(t, done)
	eng.fired(due, now)
	if t.chained {
		return eng.advance(ctx, now) // when they start is decided now that they wait
	}
	return nil
}

// decide says what becomes of what is due and of what waits.
func (eng *Engine) decide(ctx context.Context, due []schedule.Due, now time.Time) (turn, error) {
	var t turn
	left, err := eng.unsettled(ctx, eng.notAhead(due), now)
	if err != nil {
		return t, err
	}
	slots := eng.slots(left, now)
	awaited := eng.roomAwaited
	eng.toAsk = nil
	eng.forgetRoom()
	batch := runner.Decide(slots, &eng.view, now)
	t.ask = eng.toAsk
	switch {
	case eng.roomAwaited && !awaited:
		eng.log.Warn(eng.room.awaits(eng.stateDir))
	case !eng.roomAwaited && awaited:
		eng.log.Info("no forked run waits for room on the disk any more")
	}
	eng.supersede(&batch)
	t.chained = eng.addChains(&batch)
	if t.holds, err = eng.holdsAfterSuperseded(ctx, batch); err != nil {
		return t, err
	}
	t.counts = eng.countRuns(left, batch, t.holds.changes())
	eng.waitAnew(&t.counts, batch)
	t.change = ledger.Change{Batch: batch, Moves: t.counts.moves, States: t.counts.states, Notices: eng.noticesOfBatch(batch, t.holds)}
	if len(slots) > 0 || eng.boot != eng.cursor.Boot {
		next := eng.cursorAt(now)
		next.Boot = eng.boot // all at_start slots are among these
		t.change.Cursor = &ledger.CursorMove{From: eng.cursor, To: next}
	}
	return t, nil
}

// commitTurn records what a turn has decided, if that is anything.
func (eng *Engine) commitTurn(ctx context.Context, t turn) (ledger.Committed, error) {
	if t.change.Cursor == nil && len(t.change.Batch.Claim) == 0 {
		return ledger.Committed{}, nil
	}
	return eng.commitMove(ctx, t.change)
}

// commitMove commits a change that may move the cursor; if someone else moved that it
// is read again.
func (eng *Engine) commitMove(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := eng.ledger.Commit(ctx, c)
	if errors.Is(err, ledger.ErrStale) {
		if cursor, err := eng.ledger.Cursor(ctx); err == nil {
			eng.cursor = cursor
		}
	}
	if err == nil && c.Cursor != nil {
		eng.cursor = c.Cursor.To
	}
	return done, err
}

// apply brings what the engine knows in line with what is recorded, and does it.
func (eng *Engine) apply(t turn, done ledger.Committed) {
	b := t.change.Batch
	var claimed []runner.Run
	for _, lease := range done.Leases {
		claimed = append(claimed, lease.Run)
		eng.agenda.Drop(maxWaitKey + lease.Run.ID)
		eng.leases.Store(lease.Run.ID, underway{lease, eng.policyOf(lease.Run.Task)})
	}
	for _, e := range b.Ends {
		eng.unregister(e.ID)
	}
	eng.view.Apply(b, claimed)
	starts := make(map[string]bool, len(b.Claim))
	for _, id := range b.Claim {
		starts[id] = true
		if _, ok := eng.leases.Load(id); !ok {
			eng.view.Remove(id) // it waits no more, or came of a slot written down before
		}
	}
	for _, r := range b.Summaries {
		eng.record(r)
	}
	for _, e := range b.Ends {
		task, _ := runner.SplitID(e.ID)
		eng.record(runner.Run{ID: e.ID, Task: task, Outcome: e.Outcome, Reason: e.Reason, Why: e.Why})
	}
	for _, r := range b.Runs {
		if !starts[r.ID] {
			eng.record(r)
			if r.State == runner.Delayed {
				eng.put(attemptKey+r.ID, r.NotBefore)
				continue
			}
			eng.expireAfterMaxWait(r)
		}
	}
	for _, e := range b.Stops {
		eng.runner.Stop(e)
	}
	eng.notifications.deliver(eng.startedOnly(done.Notices))
	for _, lease := range done.Leases {
		eng.start(lease)
	}
	eng.askConditions(t.ask)
	eng.counted(t.counts)
	for _, h := range t.holds {
		eng.heldAfterFailures(h.run, h.change)
	}
}

// startedOnly leaves out the pings of starts that did not come to be, as those of runs
// that somebody cancelled meanwhile.
func (eng *Engine) startedOnly(notices []ledger.Notice) []ledger.Notice {
	return slices.DeleteFunc(notices, func(n ledger.Notice) bool {
		if n.Kind != pingStart {
			return false
		}
		_, started := eng.leases.Load(n.Run.ID)
		if !started {
			eng.notifications.discard(n.Number)
		}
		return !started
	})
}
