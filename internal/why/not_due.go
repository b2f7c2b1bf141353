package why

import (
	"time"

	"rota/internal/plan"
	"rota/schedule"
)

// notDue answers about an instant that is not a slot.
func (a *answer) notDue() {
	a.wrongTime()
	a.because("not_due")
	if !a.before(a.at).IsZero() {
		a.say("The previous slot was at %s", a.date(a.before(a.at)))
	}
	if after := a.after(a.at); !after.IsZero() {
		verb := "was"
		if after.After(a.now) {
			verb = "is"
		}
		a.say("The next slot %s at %s", verb, a.date(after))
	}
}

// wrongTime says why an instant is not a slot.
func (a *answer) wrongTime() {
	switch {
	case !a.task.Enabled:
		a.because("disabled")
		a.say("It is not enabled (enabled = false): it has no slots")
		return
	case len(a.task.Triggers) == 0 && len(a.task.After) > 0:
		a.awaits()
		return
	case len(a.task.Triggers) == 0:
		a.because("by_hand")
		a.say("It has no trigger: it runs by hand, or when another task's hook names it")
		return
	}
	if e := a.rescheduled(a.at); e != nil {
		a.because("rescheduled")
		a.say("It was rescheduled%s at %s, %s", part(" by ", e.Who, ""), a.clock(e.Time), e.Text)
		return
	}
	for _, spec := range a.task.Triggers {
		if spec.AtStart() == "" && a.limited(spec) {
			return
		}
	}
	if a.ranOut(a.at) || a.tooEarly() || a.clockChange() {
		return
	}
	a.say("It was not due at %s: it comes due %s", a.date(a.at), plan.InWords(a.task))
	if s := a.wrongFile(a.at); s != nil {
		a.because("broken")
		a.say("The file %s invalid %s (%s), so edits of that time had no effect", a.was(s), a.stretch(s), s.why)
	}
}

// ranOut reports whether a trigger with a count, which would have had a slot at an
// instant, was over before; for now, whether any trigger is over. It then says so.
func (a *answer) ranOut(at time.Time) bool {
	for _, spec := range a.task.Triggers {
		over := plan.CountedOut(spec, a.state, plan.TriggerKey(spec))
		if over.IsZero() || !over.Before(at) || !at.Equal(a.now) && !(term{spec: spec.From(a.seen(spec))}).has(at) {
			continue
		}
		a.because("count")
		a.say("Its trigger has had all its runs (count %d), the last at %s", spec.Count(), a.date(over))
		return true
	}
	return false
}

// limited reports whether the instant would be a slot of a trigger without one of its
// limits. It then says which limit that is.
func (a *answer) limited(spec schedule.Spec) bool {
	for _, limit := range []struct{ key, why string }{
		{"between", "That is outside its between, %s"},
		{"except", "Nothing runs on that date (except %s)"},
		{"every", "That is not one of the weeks, months or days that count (every %s)"},
		{"weekday", "Its interval has slots on %s only (weekday)"},
		{"starts", "Its triggers count from %s on (starts)"},
		{"ends", "Its triggers count until %s (ends)"},
	} {
		free, value := without(spec, limit.key)
		if limit.key == "starts" && value == "" { // every needs starts, so remove both
			free, _ = without(spec, "every")
			free, value = without(free, "starts")
		}
		if value == "" || limit.key == "weekday" && spec.Kind() != schedule.Interval { // otherwise weekday is the trigger, not a limit
			continue
		}
		// An interval has no slots to compare with before it starts.
		early := limit.key == "starts" && spec.Kind() == schedule.Interval && a.at.Before(spec.Next(time.Time{}))
		if s := (term{spec: free.From(a.seen(spec))}); early || s.has(a.at) {
			a.because(limit.key)
			a.say(limit.why, value)
			return true
		}
	}
	return false
}

// seen returns when a trigger of the file was first seen.
func (a *answer) seen(spec schedule.Spec) time.Time {
	if at := a.state.FirstSeen.Of(plan.TriggerKey(spec)); !at.IsZero() {
		return at
	}
	return a.now
}

// tooEarly reports whether the instant would be a slot of a trigger that came into force
// later. It then says so.
func (a *answer) tooEarly() bool {
	for _, s := range a.terms {
		if !s.has(a.at) && s.spec.Kind() != schedule.Interval || !s.from.After(a.at) || !s.before.IsZero() {
			continue
		}
		a.because("not_in_file")
		a.say("It was not due then: %s", a.since(s))
		if s := a.wrongFile(a.at); s != nil {
			a.Reason = "broken"
			a.say("The file was invalid %s (%s), so edits of that time had no effect", a.stretch(s), s.why)
		}
		return true
	}
	return false
}

// since returns how a trigger came into force.
func (a *answer) since(s term) string {
	at := a.clock(s.from)
	for _, e := range a.edits() {
		switch by := e.at.Sub(s.from).Abs(); {
		case by > 2*time.Second:
		case e.what == "added":
			return "the task was added to the file at " + at
		case e.what == "changed":
			return "the task was changed at " + at + part(" (", e.text, ")")
		}
	}
	if e := a.lastEvent(s.from.Add(2*time.Second), "start"); e != nil && s.from.Sub(e.Time).Abs() <= 2*time.Second {
		return "rota was first started with this trigger at " + at
	}
	return "its trigger is in force only since " + at
}

// clockChange reports whether a change of the clock is the reason that the instant is not
// a slot. It then explains the change.
func (a *answer) clockChange() bool {
	for _, spec := range a.task.Triggers {
		zone := spec.Zone()
		t := a.at.In(zone)
		start, end := t.ZoneBounds()
		for _, change := range []time.Time{start, end} {
			if change.IsZero() || t.Sub(change).Abs() > 3*time.Hour {
				continue
			}
			_, was := change.Add(-time.Second).Zone()
			_, is := change.In(zone).Zone()
			by := time.Duration(is-was) * time.Second
			from := change.In(time.FixedZone("", was)).Format("15:04")
			to := change.In(zone).Format("15:04")
			switch {
			case by > 0 && (t.Equal(change) || a.shown(spec, t, by)):
				a.because("gap")
				a.say("The clock went from %s to %s: the time between did not exist that day", from, to)
				if spec.ClockNote(change) != "" {
					a.say("Slots in that gap came due at %s", a.clock(change))
				}
				return true
			case by < 0 && !t.Before(change) && t.Before(change.Add(-by)) && spec.Fixed() && (term{spec: spec}).has(t.Add(by)):
				a.because("repeat")
				a.say("The clock went back from %s to %s, so that it showed this time twice; the slot was the first of them, at %s", from, to, a.clock(t.Add(by)))
				return true
			}
		}
	}
	return false
}

// shown reports whether the trigger has a slot at the same time of another day, for a
// time of day that a gap of the clock skips.
func (a *answer) shown(spec schedule.Spec, t time.Time, by time.Duration) bool {
	for _, days := range []int{-1, -7} {
		day := t.AddDate(0, 0, days)
		if (term{spec: spec}).has(day) || (term{spec: spec}).has(day.Add(-by)) {
			return true
		}
	}
	return false
}
