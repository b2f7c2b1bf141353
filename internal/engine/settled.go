package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// unsettled takes out of what came due what an earlier epoch settled already: the
// clock was set back, or the machine started with an old time, and then shows the
// same times again. What ran is known from the ledger, so that this holds over
// restarts.
//
// A trigger that names its time never runs twice for one instant. Others run again,
// but late slots that ran are not made up for.
func (eng *Engine) unsettled(ctx context.Context, due []schedule.Due, now time.Time) ([]schedule.Due, error) {
	if eng.cursor.Epoch <= 1 {
		return due, nil
	}
	known := map[string]time.Time{}
	var left []schedule.Due
	for _, d := range due {
		e := eng.entries[d.Key]
		if !eng.mayBeSettled(e, d, now) {
			left = append(left, d)
			continue
		}
		owner := e.Task
		if e.Request != "" {
			owner = e.Request
		}
		through, ok := known[owner]
		if !ok {
			var err error
			if through, err = eng.settledThrough(ctx, e, now); err != nil {
				return nil, err
			}
			known[owner] = through
		}
		if through = e.Delay().Before(through.Add(time.Nanosecond)); through.Before(d.First) {
			left = append(left, d)
		} else {
			left = append(left, stretch(d, through, d.Last)...)
		}
	}
	return left, nil
}

// mayBeSettled reports whether an earlier epoch may have settled what came due of an
// entry, in a way that counts.
func (eng *Engine) mayBeSettled(e plan.Entry, d schedule.Due, now time.Time) bool {
	if reach := eng.cursor.Reach; !reach.IsZero() && e.Delay().Slot(d.First).After(reach) {
		return false
	}
	if e.Spec.Fixed() || e.Spec.Kind() == schedule.Once || now.Sub(d.Last) > lateAfter {
		return true
	}
	return d.N > 1 && eng.policyOf(e.Task).Missed == runner.MissedAll
}

// settledThrough is the newest instant until now for which a slot of a task, or of
// a recurring request, ran, is to run, or was ended by a decision other than that it
// was missed. A clock that was wrong misses slots that were not due yet.
func (eng *Engine) settledThrough(ctx context.Context, e plan.Entry, now time.Time) (through time.Time, err error) {
	runs, err := eng.ledger.List(ctx, ledger.Filter{Brief: true, Task: e.Task, Parent: e.Request})
	if err != nil {
		return through, err
	}
	for _, r := range runs {
		at := r.Scheduled
		if r.IsSummary() {
			at = r.Last
		}
		switch {
		case r.Cause != runner.CauseSchedule && r.Cause != runner.CauseCatchup, r.Parent != e.Request, at.After(now):
		case r.Outcome == runner.Missed, r.Reason.Code == runner.ReasonCoalesced, r.Reason.Code == runner.ReasonCoalescedToSkip:
		case at.After(through):
			through = at
		}
	}
	return through, nil
}
