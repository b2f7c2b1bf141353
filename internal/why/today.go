package why

import "rota/internal/plan"

// today adds what prevents the task from running now, for a query without an instant.
func (a *answer) today() {
	if s := a.hold(a.now); s != nil && a.Reason != "held" && a.Reason != "breaker" {
		a.holding(s)
	}
	if on := a.state.Reschedule; plan.Applies(a.task, on) && (on.Until.IsZero() || a.now.Before(on.Until)) {
		a.say("It is rescheduled%s since %s, to %s", part(" by ", on.By, ""), a.date(on.Since), on.Expr)
	}
	a.rotaToday()
	if len(a.task.After) > 0 && a.Reason != "after" {
		a.awaits()
	}
	if a.At.IsZero() || a.Reason == "not_due" || !a.daemon {
		return // already said, or no daemon would start it
	}
	a.nextSlot()
}

// rotaToday says what prevents rota itself from starting the task now.
func (a *answer) rotaToday() {
	if !a.daemon {
		if s := a.away(a.now); s != nil && a.Reason != "down" {
			a.say("rota %s down %s", a.was(s), a.stretch(s))
		}
		return
	}
	if s := a.wrongFile(a.now); s != nil {
		a.say("The file has been invalid since %s (%s): edits have no effect", a.clockOrDate(s.from), s.why)
	}
}
