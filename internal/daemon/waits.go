package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// Beside the triggers of tasks two kinds of entries stand in the agenda: the
// next attempt at a run, and the end of a waiting run's patience. Their keys
// begin with a byte that no name has.
const (
	attemptKey  = "\x00attempt "
	patienceKey = "\x00patience "
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
func (l *loop) put(key string, at time.Time) {
	if whole := at.Truncate(time.Second); whole.Before(at) {
		at = whole.Add(time.Second)
	}
	l.agenda.Put(schedule.Entry{Key: key, When: moment(at), Last: at.Add(-time.Second)})
}

// delayed is a run that waits for its next attempt.
type delayed struct {
	run  runner.Run
	last runner.Outcome // of the attempt before
}

// delay lets a run wait for its next attempt. It holds no worker, and gives way
// to the next slot of its task.
func (l *loop) delay(run runner.Run, last runner.Outcome, until time.Time) {
	run.State = runner.Delayed
	l.delays[run.Task] = append(l.delays[run.Task], delayed{run, last})
	l.put(attemptKey+run.ID, until)
}

// undelay takes a run from those that wait for their next attempt.
func (l *loop) undelay(id string) (delayed, bool) {
	task, _ := runner.SplitID(id)
	i := slices.IndexFunc(l.delays[task], func(d delayed) bool { return d.run.ID == id })
	if i < 0 {
		return delayed{}, false
	}
	d := l.delays[task][i]
	if l.delays[task] = slices.Delete(l.delays[task], i, i+1); len(l.delays[task]) == 0 {
		delete(l.delays, task)
	}
	l.agenda.Drop(attemptKey + id)
	return d, true
}

// patience ends the wait of a queued run after max_wait.
func (l *loop) patience(run runner.Run) {
	if most := l.policyOf(run.Task).MaxWait; most > 0 {
		l.put(patienceKey+run.ID, run.Queued.Add(most))
	}
}

// moments handles what came due that is no slot, and returns the slots.
func (l *loop) moments(ctx context.Context, due []schedule.Due) ([]schedule.Due, error) {
	var slots []schedule.Due
	for _, d := range due {
		if id, ok := strings.CutPrefix(d.Key, attemptKey); ok {
			if x, ok := l.undelay(id); ok {
				x.run.State = runner.Queued
				l.view.Add(x.run)
			}
		} else if id, ok := strings.CutPrefix(d.Key, patienceKey); ok {
			if err := l.skip(ctx, id); err != nil {
				return nil, err
			}
		} else {
			slots = append(slots, d)
		}
	}
	return slots, nil
}

// skip ends a run that has been queued for too long.
func (l *loop) skip(ctx context.Context, id string) error {
	run, ok := l.view.Find(id)
	if ok && run.State == runner.Queued {
		why := "queued for longer than max_wait = " + schedule.FormatDuration(l.policyOf(run.Task).MaxWait)
		t := runner.Transition{Outcome: runner.Skipped, Why: why}
		switch err := l.ledger.Shift(ctx, id, runner.Queued, t); {
		case errors.Is(err, ledger.ErrConflict), errors.Is(err, ledger.ErrNotFound):
			l.agenda.Drop(patienceKey + id) // it is not queued: nothing to end
			return nil
		case err != nil:
			return err
		}
		l.view.Remove(id)
		run.State, run.Outcome, run.Why = "", t.Outcome, why
		l.out.Record(run)
	}
	l.agenda.Drop(patienceKey + id)
	return nil
}

// giveWay ends the runs that wait for another attempt when a new slot of their
// task has come: with the outcome that they had.
func (l *loop) giveWay(b *runner.Batch) {
	for _, r := range b.Runs {
		for _, d := range l.delays[r.Task] {
			b.Ends = append(b.Ends, runner.End{ID: d.run.ID, Outcome: d.last, Why: "not attempted again: gave way to " + r.ID})
		}
	}
}

// retry lets a run be attempted again, if its policy says so. Not while its
// action has not come back: until then its task is blocked.
func (l *loop) retry(ctx context.Context, u underway, res runner.Result) (bool, error) {
	run := u.Run
	wait, again := u.policy.Retry.Next(run.Attempts, res)
	if !again || res.Stuck {
		return false, nil
	}
	until := l.opens(run.Task, res.Finished.Add(wait))
	why := fmt.Sprintf("%s: %s; attempt %d of %d in %s", res.Outcome, res.Why, run.Attempts+1, u.policy.Retry.Max+1, schedule.FormatDuration(until.Sub(res.Finished).Round(time.Second)))
	err := l.ledger.Note(ctx, u.Lease, runner.Transition{State: runner.Delayed, Why: why, Until: until})
	if err == nil {
		l.post(func() {
			l.leases.Delete(run.ID)
			l.view.Remove(run.ID)
			run.State, run.Why, run.Finished = runner.Delayed, why, res.Finished
			l.out.Record(run)
			if _, ok := l.cfg.Tasks[run.Task]; !ok {
				l.cancel(ctx, run, gone)
				return
			}
			l.delay(run, res.Outcome, until)
		})
	}
	return true, err
}

// underway is a run that is executed, and by which policy.
type underway struct {
	ledger.Lease
	policy runner.Policy
}
