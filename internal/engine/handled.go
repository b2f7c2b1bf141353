package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// withoutHandled removes from due entries the slots that an earlier epoch handled already:
// the clock was set back, or the machine booted with an old time, and the same times are due
// again. What ran is read from the ledger, so that this is correct after a restart, too.
//
// A trigger that names its time never runs twice for one instant. Others run again,
// but late slots that ran are not started late again.
func (eng *Engine) withoutHandled(ctx context.Context, due []schedule.Due, now time.Time) ([]schedule.Due, error) {
	if eng.cursor.Epoch <= 1 {
		return due, nil
	}
	known := map[string]time.Time{}
	var left []schedule.Due
	for _, d := range due {
		e := eng.entries[d.Key]
		if !eng.mayBeHandled(e, d, now) {
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
			if through, err = eng.handledThrough(ctx, e, now); err != nil {
				return nil, err
			}
			known[owner] = through
		}
		if through = e.Delay().Before(through.Add(time.Nanosecond)); through.Before(d.First) {
			left = append(left, d)
		} else {
			left = append(left, dueBetween(d, through, d.Last)...)
		}
	}
	return left, nil
}

// mayBeHandled reports whether an earlier epoch may have handled slots of a due entry that
// must not run again.
func (eng *Engine) mayBeHandled(e plan.Entry, d schedule.Due, now time.Time) bool {
	if reach := eng.cursor.Reach; !reach.IsZero() && e.Delay().Slot(d.First).After(reach) {
		return false
	}
	if e.Spec.Fixed() || e.Spec.Kind() == schedule.Once || now.Sub(d.Last) > lateTolerance {
		return true
	}
	return d.N > 1 && eng.policyOf(e.Task).Missed == runner.MissedAll
}

// handledThrough returns the newest instant until now for which a slot of a task, or of a
// recurring request, ran, is to run, or was ended by a decision other than missed. With a
// wrong clock slots may be missed that were not due yet.
func (eng *Engine) handledThrough(ctx context.Context, e plan.Entry, now time.Time) (through time.Time, err error) {
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
