package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// Besides the triggers of tasks the agenda holds moments: single instants of one run or one
// task. Their keys begin with a byte that no name contains.
const (
	attemptKey       = "\x00attempt "    // the start of a delayed run
	maxWaitKey       = "\x00max_wait "   // a queued run has waited for its max_wait
	holdKey          = "\x00hold "       // the start of a task's planned hold
	releaseKey       = "\x00release "    // the end of a task's hold
	rescheduleEndKey = "\x00reschedule " // the end of a task's reschedule
	stalenessKey     = "\x00staleness "  // a task had no success for too long
	undrainKey       = "\x00drain "      // the end of a drain
	conditionKey     = "\x00condition "  // a run's condition is checked again
	lateKey          = "\x00late "       // a running run exceeds warn_after
	vanishedKey      = "\x00vanished "   // a task has been missing from the file for too long
)

// moment is a schedule of one instant.
type moment time.Time

func (m moment) Next(after time.Time) time.Time {
	if at := time.Time(m); at.After(after) {
		return at
	}
	return time.Time{}
}

// putMoment adds a moment to the agenda, rounded up to a second.
func (eng *Engine) putMoment(key string, at time.Time) {
	if whole := at.Truncate(time.Second); whole.Before(at) {
		at = whole.Add(time.Second)
	}
	eng.agenda.Put(schedule.Entry{Key: key, When: moment(at), Last: at.Add(-time.Second)})
}

// movesPerCommit limits the moves in one commit.
const movesPerCommit = 500

// move moves a pending run to another state, or to an outcome.
func (eng *Engine) move(ctx context.Context, id string, from runner.State, to runner.Transition) error {
	_, err := eng.commitServing(ctx, ledger.Change{Moves: []ledger.Move{{ID: id, From: from, To: to}}})
	return err
}

// moveAll moves many pending runs in few commits, and calls moved for each: gone means that
// the run had left that state before. After an error moved was called only for some.
func (eng *Engine) moveAll(ctx context.Context, moves []ledger.Move, moved func(m ledger.Move, gone bool)) error {
	for some := range slices.Chunk(moves, movesPerCommit) {
		_, err := eng.ledger.Commit(ctx, ledger.Change{Moves: some})
		if err != nil && !isGone(err) {
			return err
		}
		for _, m := range some {
			if err != nil { // one refused move refuses the whole commit: commit each alone
				_, err := eng.ledger.Commit(ctx, ledger.Change{Moves: []ledger.Move{m}})
				if err != nil && !isGone(err) {
					return err
				}
				moved(m, err != nil)
				continue
			}
			moved(m, false)
		}
	}
	return nil
}

// isGone reports whether a move was refused because the run was moved or ended before.
func isGone(err error) bool {
	return errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrNotFound)
}

// queueDueAttempts queues the delayed runs that are due.
func (eng *Engine) queueDueAttempts(ctx context.Context, ids []string) error {
	now := eng.clock.Now()
	var moves []ledger.Move
	for _, id := range ids {
		if _, ok := eng.view.ParkedAs(id, runner.Delayed); ok {
			moves = append(moves, ledger.Move{ID: id, From: runner.Delayed, To: runner.Transition{Time: now, State: runner.Queued}})
		} else {
			eng.agenda.Drop(attemptKey + id)
		}
	}
	return eng.moveAll(ctx, moves, func(m ledger.Move, gone bool) {
		run, _ := eng.view.ParkedAs(m.ID, runner.Delayed)
		if gone {
			eng.unregister(m.ID)
			return
		}
		run.State, run.Queued = runner.Queued, now
		run.Because(runner.Reason{})
		eng.register(run)
		_ = publisher{eng.hub}.Record(run) // not logged: the log has the attempt that failed
	})
}

// expireAfterMaxWait plans the end of a queued run after max_wait. A run that waits for
// another attempt has an outcome already, and does not expire.
func (eng *Engine) expireAfterMaxWait(run runner.Run) {
	if most := eng.policyOf(run.Task).MaxWait; most > 0 && run.Attempts == 0 {
		eng.putMoment(maxWaitKey+run.ID, run.Queued.Add(most))
	}
}

// handleMoments handles the due moments, and returns the due slots.
func (eng *Engine) handleMoments(ctx context.Context, due []schedule.Due) ([]schedule.Due, error) {
	var slots []schedule.Due
	var attempts, overdue []string
	for _, d := range due {
		what, of, _ := strings.Cut(d.Key, " ")
		switch what += " "; {
		case what == attemptKey:
			attempts = append(attempts, of)
		case what == maxWaitKey:
			overdue = append(overdue, of)
		case strings.HasPrefix(what, "\x00"):
			if err := eng.handleMoment(ctx, what, of); err != nil {
				return nil, err
			}
		default:
			slots = append(slots, d)
		}
	}
	return slots, errors.Join(eng.queueDueAttempts(ctx, attempts), eng.skipExpired(ctx, overdue))
}

// handleMoment handles a due moment of a task, a run or, if of is "", of rota itself.
func (eng *Engine) handleMoment(ctx context.Context, what, of string) (err error) {
	key := what + of
	switch what {
	case holdKey:
		err = eng.beginPlannedHold(ctx, of)
		eng.agenda.Drop(key)
	case releaseKey:
		if h := eng.states[of].Hold; h != nil {
			_, err = eng.release(ctx, of, "rota", h.Until)
		}
		eng.agenda.Drop(key)
	case rescheduleEndKey:
		eng.agenda.Drop(key)
		eng.post(func() {
			if err := eng.endReschedule(ctx, of); err != nil {
				eng.putMoment(rescheduleEndKey+of, eng.clock.Now().Add(time.Second))
			}
		})
	case vanishedKey:
		eng.cancelVanished(ctx, of)
	case conditionKey:
		eng.agenda.Drop(key)
		eng.forgetCondition(of)
	case undrainKey:
		eng.endDrain(ctx, "")
	case lateKey:
		err = eng.recordLate(ctx, of)
	case stalenessKey:
		err = eng.notifyStale(ctx, of)
	}
	return err
}

// planAllMoments adds all moments to a new agenda.
func (eng *Engine) planAllMoments() {
	for _, run := range eng.view.Parked("", runner.Delayed) {
		eng.putMoment(attemptKey+run.ID, run.NotBefore)
	}
	for _, run := range eng.view.Waiting("") {
		eng.expireAfterMaxWait(run)
	}
	for id, o := range eng.overdue {
		eng.putMoment(lateKey+id, o.at)
	}
	for id, c := range eng.conditions {
		if !c.checking {
			eng.putMoment(conditionKey+id, eng.clock.Now().Add(runner.ConditionTime))
		}
	}
	for run := range eng.view.Pending() {
		_, _ = eng.voidReason(*run) // starts the vanishedFor timer of a task that is not in the file
	}
	if !eng.drainEnds.IsZero() {
		eng.putMoment(undrainKey, eng.drainEnds)
	}
	eng.watchStaleness()
}

// skipExpired ends runs that have been queued for longer than their max_wait.
func (eng *Engine) skipExpired(ctx context.Context, ids []string) error {
	now := eng.clock.Now()
	var moves []ledger.Move
	for _, id := range ids {
		run, ok := eng.view.Find(id)
		if !ok || run.State != runner.Queued {
			eng.agenda.Drop(maxWaitKey + id)
			continue
		}
		moves = append(moves, ledger.Move{ID: id, From: runner.Queued, To: runner.Transition{Time: now, Outcome: runner.Skipped}.Because(eng.maxWaitReason(run))})
	}
	return eng.moveAll(ctx, moves, func(m ledger.Move, gone bool) {
		run, ok := eng.view.Find(m.ID)
		if gone || !ok { // no longer queued
			eng.agenda.Drop(maxWaitKey + m.ID)
			eng.forgetCondition(m.ID)
			return
		}
		eng.applyPendingEnd(run, m.To.Outcome, m.To.Reason, now)
	})
}

// supersede ends the runs that wait for another attempt when a new slot of their task is
// due, with the outcome of their last attempt. A run of a recurring request is superseded
// only by a slot of the same request, other requests by none. A run that waits since an
// earlier start of rota is replaced by that of this start.
func (eng *Engine) supersede(b *runner.Batch) {
	for _, r := range b.Runs {
		if eng.view.CountParked(r.Task) == 0 {
			continue
		}
		for _, run := range eng.view.Parked(r.Task, runner.Delayed) {
			ends := func(e runner.End) bool { return e.ID == run.ID }
			if r.Cause == runner.CauseStart && run.Cause == runner.CauseStart && lastOutcome(run) == "" {
				b.Ends = append(b.Ends, runner.NewEnd(run.ID, runner.Replaced, runner.Reason{Code: runner.ReasonReplaced, By: r.ID}))
				continue
			}
			if last := lastOutcome(run); last != "" && run.IsSlot() && run.Parent == r.Parent && !slices.ContainsFunc(b.Ends, ends) {
				b.Ends = append(b.Ends, runner.NewEnd(run.ID, last, runner.Reason{Code: runner.ReasonSuperseded, By: r.ID}))
			}
		}
	}
}

// retry delays a run for another attempt, if its policy allows one. There is none while the
// action of the run has not returned: until then its task is blocked.
func (eng *Engine) retry(ctx context.Context, u leasedRun, res runner.Result) (bool, error) {
	wait, again := u.policy.Retry.Next(u.Run.Attempts, res)
	if !again || res.Stuck {
		return false, nil
	}
	return true, eng.recordRetry(ctx, u, res, wait)
}

// recordRetry records that a run is delayed for another attempt.
func (eng *Engine) recordRetry(ctx context.Context, u leasedRun, res runner.Result, wait time.Duration) error {
	run := u.Run
	until := eng.nextOpen(run.Task, res.Finished.Add(wait))
	why := runner.Reason{
		Code: runner.ReasonRetry, Last: res.Outcome, Detail: res.Why, Next: run.Attempts + 1, Of: u.policy.Retry.Max + 1,
		Span: until.Sub(res.Finished).Round(time.Second),
	}
	note := ledger.Note{Lease: u.Lease, To: runner.Transition{State: runner.Delayed, Until: until}.Because(why), Ended: &res}
	_, err := eng.ledger.Commit(ctx, ledger.Change{Notes: []ledger.Note{note}})
	if err == nil {
		eng.post(func() {
			eng.endLease(run.ID)
			eng.view.Remove(run.ID)
			// It may have been cancelled after the commit and before this call.
			if now, _, err := eng.ledger.Get(ctx, run.ID); err == nil && now.State != runner.Delayed {
				eng.waiters.notifyIdle(eng)
				eng.restartInterval(run.Task, now.Finished)
				return
			}
			run.State, run.NotBefore, run.Finished = runner.Delayed, until, res.Finished
			run.Exit, run.Signal, run.Error, run.Usage = res.Exit, res.Signal, res.Error, res.Usage
			run.Because(why)
			eng.record(run)
			eng.waiters.notifyIdle(eng)
			if why, void := eng.voidReason(run); void {
				_ = eng.cancel(ctx, run, why)
				return
			}
			eng.register(run)
		})
	}
	return err
}

// leasedRun is a run under way and its policy.
type leasedRun struct {
	ledger.Lease
	policy runner.Policy
}
