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

// Besides the triggers of tasks the agenda holds moments, each of one run or one task.
// Their keys begin with a byte that no name has.
const (
	attemptKey       = "\x00attempt "    // the start of a delayed run
	maxWaitKey       = "\x00max_wait "   // a queued run has waited for its max_wait
	holdKey          = "\x00hold "       // the start of a task's planned hold
	releaseKey       = "\x00release "    // the end of a task's hold
	rescheduleEndKey = "\x00reschedule " // the end of a task's reschedule
	stalenessKey     = "\x00staleness "  // a task has not ended well for too long
	undrainKey       = "\x00drain "      // the end of a drain
	conditionKey     = "\x00condition "  // a run's condition is to be asked again
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

// put enters a moment, at the earliest the next second that the agenda knows.
func (eng *Engine) put(key string, at time.Time) {
	if whole := at.Truncate(time.Second); whole.Before(at) {
		at = whole.Add(time.Second)
	}
	eng.agenda.Put(schedule.Entry{Key: key, When: moment(at), Last: at.Add(-time.Second)})
}

// movesAtOnce is how many runs one commit moves.
const movesAtOnce = 500

// move takes a pending run from one state to another, or to an outcome.
func (eng *Engine) move(ctx context.Context, id string, from runner.State, to runner.Transition) error {
	_, err := eng.ledger.Commit(ctx, ledger.Change{Moves: []ledger.Move{{ID: id, From: from, To: to}}})
	return err
}

// moveAll takes many pending runs from one state to another in few commits, and calls
// moved for each that is recorded, or gone: not in that state any more. An error means
// that it was called for some alone.
func (eng *Engine) moveAll(ctx context.Context, moves []ledger.Move, moved func(m ledger.Move, gone bool)) error {
	for some := range slices.Chunk(moves, movesAtOnce) {
		_, err := eng.ledger.Commit(ctx, ledger.Change{Moves: some})
		if err != nil && !isGone(err) {
			return err
		}
		for _, m := range some {
			if err != nil { // one of them refuses all: each by itself
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

// isGone reports whether a move was refused because somebody moved or ended the run.
func isGone(err error) bool {
	return errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrNotFound)
}

// dueAttempts queues the runs whose time has come.
func (eng *Engine) dueAttempts(ctx context.Context, ids []string) error {
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
		_ = publisher{eng.hub}.Record(run) // the log has told of the attempt that failed
	})
}

// expireAfterMaxWait ends the wait of a queued run after max_wait; not that for another
// attempt, which would give an outcome to what has one.
func (eng *Engine) expireAfterMaxWait(run runner.Run) {
	if most := eng.policyOf(run.Task).MaxWait; most > 0 && run.Attempts == 0 {
		eng.put(maxWaitKey+run.ID, run.Queued.Add(most))
	}
}

// moments handles what came due that is no slot, and returns the slots.
func (eng *Engine) moments(ctx context.Context, due []schedule.Due) ([]schedule.Due, error) {
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
			if err := eng.moment(ctx, what, of); err != nil {
				return nil, err
			}
		default:
			slots = append(slots, d)
		}
	}
	return slots, errors.Join(eng.dueAttempts(ctx, attempts), eng.skipOverdue(ctx, overdue))
}

// moment handles a moment that came due of a task, a run or, with of "", of rota itself.
func (eng *Engine) moment(ctx context.Context, what, of string) (err error) {
	key := what + of
	switch what {
	case holdKey:
		err = eng.holdAsPlanned(ctx, of)
		eng.agenda.Drop(key)
	case releaseKey:
		if h := eng.states[of].Hold; h != nil {
			_, err = eng.release(ctx, of, "rota", h.Until)
		}
		eng.agenda.Drop(key)
	case rescheduleEndKey:
		eng.agenda.Drop(key)
		eng.post(func() {
			if err := eng.backToDefault(ctx, of); err != nil {
				eng.put(rescheduleEndKey+of, eng.clock.Now().Add(time.Second))
			}
		})
	case vanishedKey:
		eng.vanish(ctx, of)
	case conditionKey:
		eng.agenda.Drop(key)
		eng.forgetCondition(of)
	case undrainKey:
		eng.undrain(ctx, "")
	case lateKey:
		err = eng.late(ctx, of)
	case stalenessKey:
		err = eng.stale(ctx, of)
	}
	return err
}

// planAllMoments puts all moments into the agenda, which is new.
func (eng *Engine) planAllMoments() {
	for _, run := range eng.view.Parked("", runner.Delayed) {
		eng.put(attemptKey+run.ID, run.NotBefore)
	}
	for _, run := range eng.view.Waiting("") {
		eng.expireAfterMaxWait(run)
	}
	for id, o := range eng.overdue {
		eng.put(lateKey+id, o.at)
	}
	for id, c := range eng.conditions {
		if !c.asking {
			eng.put(conditionKey+id, eng.clock.Now().Add(runner.ConditionTime))
		}
	}
	for run := range eng.view.Pending() {
		_, _ = eng.void(*run) // begins the time of a task that is not in the file
	}
	if !eng.drained.IsZero() {
		eng.put(undrainKey, eng.drained)
	}
	eng.watchStaleness()
}

// skipOverdue ends runs that have been queued for longer than their max_wait.
func (eng *Engine) skipOverdue(ctx context.Context, ids []string) error {
	now := eng.clock.Now()
	var moves []ledger.Move
	for _, id := range ids {
		run, ok := eng.view.Find(id)
		if !ok || run.State != runner.Queued {
			eng.agenda.Drop(maxWaitKey + id)
			continue
		}
		moves = append(moves, ledger.Move{ID: id, From: runner.Queued, To: runner.Transition{Time: now, Outcome: runner.Skipped}.Because(eng.expired(run))})
	}
	return eng.moveAll(ctx, moves, func(m ledger.Move, gone bool) {
		run, ok := eng.view.Find(m.ID)
		if gone || !ok { // it is not queued: nothing to end
			eng.agenda.Drop(maxWaitKey + m.ID)
			eng.forgetCondition(m.ID)
			return
		}
		eng.endedPending(run, m.To.Outcome, m.To.Reason, now)
	})
}

// supersede ends the runs that wait for another attempt when a new slot of their
// task has come: with the outcome that they had. A request does not give way
// to anything but a slot of the recurring request that it is of. What waits since an
// earlier start of rota gives way to what comes of this one.
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

// retry lets a run be attempted again, if its policy says so. Not while its
// action has not come back: until then its task is blocked.
func (eng *Engine) retry(ctx context.Context, u underway, res runner.Result) (bool, error) {
	run := u.Run
	wait, again := u.policy.Retry.Next(run.Attempts, res)
	if !again || res.Stuck {
		return false, nil
	}
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
			// Somebody may have cancelled it before the engine came to know.
			if now, _, err := eng.ledger.Get(ctx, run.ID); err == nil && now.State != runner.Delayed {
				eng.calls.drained(eng)
				eng.restartInterval(run.Task, now.Finished)
				return
			}
			run.State, run.NotBefore, run.Finished = runner.Delayed, until, res.Finished
			run.Exit, run.Signal, run.Error, run.Usage = res.Exit, res.Signal, res.Error, res.Usage
			run.Because(why)
			eng.record(run)
			eng.calls.drained(eng)
			if why, void := eng.void(run); void {
				_ = eng.cancel(ctx, run, why)
				return
			}
			eng.register(run)
		})
	}
	return true, err
}

// underway is a run that is executed, and by which policy.
type underway struct {
	ledger.Lease
	policy runner.Policy
}
