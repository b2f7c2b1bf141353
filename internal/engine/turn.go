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

// turn is the decision of one turn, before it is carried out.
type turn struct {
	change  ledger.Change
	counts  counts       // of triggers with a count
	holds   failureHolds // of tasks that reached hold_after
	toCheck []string     // runs whose conditions are checked
	chained bool         // hooks request runs; the next turn decides when they start
}

// advance decides about the slots that are due up to now and the waiting runs, records the
// decision as one change, and then carries it out.
func (eng *Engine) advance(ctx context.Context, now time.Time) error {
	if eng.stopping {
		return errors.New("rota is stopping")
	}
	due, err := eng.handleMoments(ctx, eng.agenda.Due(now))
	if err != nil {
		return err
	}
	t, err := eng.decide(ctx, due, now)
	if err != nil {
		return err
	}
	done, err := eng.commitTurn(ctx, t)
	switch {
	case errors.Is(err, ledger.ErrQueueFull) && eng.registerQueued(ctx):
		return eng.advance(ctx, now) // with the requests recorded meanwhile
	case isGone(err):
		if err := eng.recount(ctx, t.counts); err != nil {
			return err
		}
		return eng.advance(ctx, now) // something else has just changed the same task or request
	case err != nil:
		return err
	}
	eng.agenda.Commit(now)
	eng.forgetAhead(now)
	eng.startSlots = nil
	eng.apply(t, done)
	eng.suspendAfterFinish(due, now)
	if t.chained {
		return eng.advance(ctx, now) // the chained runs are queued: decide when they start
	}
	return nil
}

// decide returns what becomes of the due slots and the waiting runs.
func (eng *Engine) decide(ctx context.Context, due []schedule.Due, now time.Time) (turn, error) {
	var t turn
	left, err := eng.withoutHandled(ctx, eng.withoutAhead(due), now)
	if err != nil {
		return t, err
	}
	slots := eng.makeSlots(left, now)
	awaited := eng.waitingForRoom
	eng.toCheck = nil
	eng.resetRoom()
	batch := runner.Decide(slots, &eng.view, now)
	t.toCheck = eng.toCheck
	switch {
	case eng.waitingForRoom && !awaited:
		eng.log.Warn(eng.room.waitText(eng.stateDir))
	case !eng.waitingForRoom && awaited:
		eng.log.Info("forked runs no longer wait for room on the disk")
	}
	eng.supersede(&batch)
	t.chained = eng.addChains(&batch)
	if t.holds, err = eng.holdsAfterSuperseded(ctx, batch); err != nil {
		return t, err
	}
	t.counts = eng.countRuns(left, batch, t.holds.changes())
	eng.clearAfter(&t.counts, batch)
	t.change = ledger.Change{Batch: batch, Moves: t.counts.moves, States: t.counts.states, Notices: eng.noticesOfBatch(batch, t.holds)}
	if len(slots) > 0 || eng.boot != eng.cursor.Boot {
		next := eng.cursorAt(now)
		next.Boot = eng.boot // the at_start slots are among slots
		t.change.Cursor = &ledger.CursorMove{From: eng.cursor, To: next}
	}
	return t, nil
}

// commitTurn records the decision of a turn, unless it is empty.
func (eng *Engine) commitTurn(ctx context.Context, t turn) (ledger.Committed, error) {
	if t.change.Cursor == nil && len(t.change.Batch.Claim) == 0 {
		return ledger.Committed{}, nil
	}
	return eng.commitMove(ctx, t.change)
}

// commitMove commits a change that may move the cursor. If another process moved it, it is
// read again.
func (eng *Engine) commitMove(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := eng.commitServing(ctx, c)
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

// apply updates the state to a decision that is recorded, and carries it out.
func (eng *Engine) apply(t turn, done ledger.Committed) {
	b := t.change.Batch
	claimed, tasks := make([]runner.Run, 0, len(done.Leases)), make([]string, 0, len(done.Leases))
	for _, lease := range done.Leases {
		claimed, tasks = append(claimed, lease.Run), append(tasks, lease.Run.Task)
		eng.agenda.Drop(maxWaitKey + lease.Run.ID)
		eng.leases.Store(lease.Run.ID, leasedRun{lease, eng.policyOf(lease.Run.Task)})
	}
	for _, e := range b.Ends {
		eng.unregister(e.ID)
	}
	eng.view.Apply(b, claimed)
	starts := make(map[string]bool, len(b.Claim))
	for _, id := range b.Claim {
		starts[id] = true
		if _, ok := eng.leases.Load(id); !ok {
			eng.view.Remove(id) // it no longer waits, or its slot was recorded before
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
				eng.putMoment(attemptKey+r.ID, r.NotBefore)
				continue
			}
			eng.expireAfterMaxWait(r)
		}
	}
	for _, e := range b.Stops {
		eng.runner.Stop(e)
	}
	eng.notifications.deliver(eng.startedOnly(done.Notices))
	eng.loadLastSuccesses(tasks...)
	for _, run := range claimed {
		eng.start(run)
	}
	eng.checkConditions(t.toCheck)
	eng.applyCounts(t.counts)
	for _, h := range t.holds {
		eng.applyHold(h.run, h.change)
	}
}

// startedOnly removes the pings for runs that did not start, as they were cancelled
// meanwhile.
func (eng *Engine) startedOnly(notices []ledger.Notice) []ledger.Notice {
	return slices.DeleteFunc(notices, func(n ledger.Notice) bool {
		if n.Kind != pingStart {
			return false
		}
		_, started := eng.leases.Load(n.Run.ID)
		if !started {
			eng.notifications.markDelivered(n.Number)
		}
		return !started
	})
}
