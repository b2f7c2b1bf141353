package why

import (
	"strings"
	"time"

	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// notInFile answers about a task that is not in the file.
func (a *answer) notInFile() {
	a.because("not_in_file")
	for i := range a.edits() {
		e := a.edits()[len(a.edits())-1-i]
		if e.what == "removed" {
			a.say("The task was taken out of the file at %s", a.clockOrDate(e.at))
			return
		}
	}
	a.say("The task is not in the file %s any more", a.cfg.Path)
}

// clockOrDate is clock, where there is no instant that the answer is about too.
func (a *answer) clockOrDate(t time.Time) string {
	if a.at.IsZero() {
		return a.date(t)
	}
	return a.clock(t)
}

// never answers about a task that never came due.
func (a *answer) never() {
	switch {
	case !a.task.Enabled:
		a.because("disabled")
		a.say("It is not enabled (enabled = false): it runs by hand only")
	case len(a.task.Triggers) == 0 && len(a.task.After) > 0:
		a.awaits()
	case len(a.sights) == 0 && len(a.task.Triggers) > 0:
		a.because("at_start")
		a.say("It runs %s", plan.InWords(a.task))
	case len(a.sights) == 0:
		a.because("by_hand")
		a.say("It has no trigger: it runs by hand, or when another task's hook names it")
	default:
		a.because("new")
		a.say("It has not come due yet")
	}
	a.nextSlot()
}

// awaits says for which tasks one waits that runs after others.
func (a *answer) awaits() {
	a.because("after")
	was := a.state.After
	var missing []string
	for _, name := range a.task.After {
		if was == nil || was.OK[name] == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case !a.task.Enabled:
	case len(missing) > 0:
		a.say("It runs %s: once each has been ok since it last ran; not yet: %s", a.task.AfterText(), strings.Join(missing, ", "))
	default:
		a.say("It runs %s, and each has been ok since it last ran", a.task.AfterText())
	}
}

// nextSlot says when the task comes due.
func (a *answer) nextSlot() {
	if !a.next.IsZero() {
		a.say("It is due next at %s", a.date(a.next))
	} else if a.ranOut(a.now) || len(a.sights) > 0 {
		a.say("It comes due no more by itself")
	}
}

// farAway is beyond what people count in days.
const farAway = 14 * 24 * time.Hour

// toCome answers about an instant in the future.
func (a *answer) toCome() {
	if !a.due(a.at) {
		a.notDue()
		return
	}
	a.because("future")
	far := ""
	if d := a.at.Sub(a.now); d < farAway {
		far = ", in " + schedule.FormatDuration(d.Round(time.Second))
	}
	a.say("That is to come: it is due at %s%s", a.date(a.at), far)
	for _, s := range a.state.Skip {
		if s.Slot.Equal(a.at) {
			a.Reason = "left_out"
			a.say("It will be left out%s (rota skip)", part(", as ", s.By, " said"))
		}
	}
	if h := a.state.Hold.At(a.at); h != nil {
		s := &span{from: h.Since, until: h.Until, by: h.By, why: h.Why, sure: true}
		a.Reason = a.holder(s)
		a.holding(s)
	}
}

// unwritten answers about a slot of which there is no record.
func (a *answer) unwritten() {
	late := a.jitter()
	starts := a.at.Add(late)
	switch {
	case late > 0 && starts.After(a.now):
		a.because("jitter")
		a.say("It was due at %s, and its jitter has it start at %s", a.clock(a.at), a.clock(starts))
		return
	case a.at.After(a.cursor.Through):
		a.undecided()
		return
	}
	if e := a.rescheduled(a.at); e != nil {
		a.because("rescheduled")
		a.say("It was rescheduled%s at %s, %s", part(" by ", e.Who, ""), a.clock(e.Time), e.Text)
		return
	}
	if s := a.wrongFile(a.at); s != nil && !s.until.IsZero() {
		a.because("broken")
		a.say("The file was wrong %s (%s), so that no edit counted", a.stretch(s), s.why)
		return
	}
	if e := a.lastEvent(a.now, "damage"); e != nil && e.Time.After(a.at) {
		a.because("damaged")
		a.say("The records of then are lost: %s", plain(e.Text))
		return
	}
	if keep := a.task.Keep; keep.Age > 0 && a.now.Sub(a.at) > keep.Age || !a.first.IsZero() && a.first.After(a.at) {
		a.because("forgotten")
		a.say("What was before %s is no longer kept", a.date(a.kept()))
		return
	}
	if e := a.lastEvent(a.now, "clock step"); e != nil {
		a.because("clock")
		a.say("The clock was changed at %s (%s); what has run within the last 3h is not run again", a.clock(e.Time), e.Text)
		return
	}
	a.because("unknown")
	a.say("It was due, and there is no record of what became of it: somebody may have removed it (rota forget)")
}

// kept is where the records of the task begin.
func (a *answer) kept() time.Time {
	if !a.first.IsZero() && a.first.After(a.at) {
		return a.first
	}
	return a.now.Add(-a.task.Keep.Age)
}

// undecided answers about a slot that is due and not written down yet.
func (a *answer) undecided() {
	if s := a.away(a.at); s != nil {
		a.because("down")
		a.say("rota %s down %s", a.was(s), a.stretch(s))
		a.afterStart()
		return
	}
	if !a.daemon {
		a.because("down")
		a.say("rota is not running")
		a.afterStart()
		return
	}
	a.because("deciding")
	a.say("It is due and has not been decided yet")
}

// afterStart says what becomes of a slot once rota starts again.
func (a *answer) afterStart() {
	switch {
	case a.task.Missed == runner.MissedOnce, a.task.Missed == runner.MissedAll:
		a.say("Once rota starts it is made up for, or recorded as missed (missed = %q)", a.task.Missed)
	default:
		a.say("Once rota starts it is recorded as missed, unless that is within a minute")
	}
}

// notDue answers about an instant that is no slot.
func (a *answer) notDue() {
	a.wrongTime()
	a.because("not_due")
	if !a.before(a.at).IsZero() {
		a.say("The slot before was at %s", a.date(a.before(a.at)))
	}
	if after := a.after(a.at); !after.IsZero() {
		verb := "was"
		if after.After(a.now) {
			verb = "is"
		}
		a.say("The slot after %s at %s", verb, a.date(after))
	}
}

// wrongTime says why an instant is no slot.
func (a *answer) wrongTime() {
	switch {
	case !a.task.Enabled:
		a.because("disabled")
		a.say("It is not enabled (enabled = false): nothing of it comes due")
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
		a.say("The file %s wrong %s (%s), so that no edit of that time counted", a.was(s), a.stretch(s), s.why)
	}
}

// ranOut says that a trigger with a count was over before an instant, if one was that
// had a slot then; of now, if one was.
func (a *answer) ranOut(at time.Time) bool {
	for _, spec := range a.task.Triggers {
		over := plan.CountedOut(spec, a.state, plan.TriggerKey(spec))
		if over.IsZero() || !over.Before(at) || !at.Equal(a.now) && !(sight{spec: spec.From(a.seen(spec))}).has(at) {
			continue
		}
		a.because("count")
		a.say("Its trigger has had all its runs (count %d), the last at %s", spec.Count(), a.date(over))
		return true
	}
	return false
}

// limited says which limit of a trigger keeps the instant from being a slot, if
// it would be one without.
func (a *answer) limited(spec schedule.Spec) bool {
	for _, limit := range []struct{ key, why string }{
		{"between", "That is outside its between, %s"},
		{"except", "Nothing runs on that date (except %s)"},
		{"every", "That is none of the weeks, months or days that count (every %s)"},
		{"weekday", "Its interval has slots on %s only (weekday)"},
		{"starts", "Its triggers count from %s on (starts)"},
		{"ends", "Its triggers count until %s (ends)"},
	} {
		free, value := without(spec, limit.key)
		if limit.key == "starts" && value == "" { // which every cannot do without
			free, _ = without(spec, "every")
			free, value = without(free, "starts")
		}
		if value == "" || limit.key == "weekday" && spec.Kind() != schedule.Interval { // else it is no limit but the trigger
			continue
		}
		// An interval has no slots to be compared with before it starts.
		early := limit.key == "starts" && spec.Kind() == schedule.Interval && a.at.Before(spec.Next(time.Time{}))
		if s := (sight{spec: free.From(a.seen(spec))}); early || s.has(a.at) {
			a.because(limit.key)
			a.say(limit.why, value)
			return true
		}
	}
	return false
}

// seen is when a trigger of the file was first seen.
func (a *answer) seen(spec schedule.Spec) time.Time {
	if at, ok := a.state.Seen[plan.TriggerKey(spec)]; ok {
		return at
	}
	return a.now
}

// tooEarly says that the triggers came into force only after the instant, if
// they did and it would be a slot of them.
func (a *answer) tooEarly() bool {
	for _, s := range a.sights {
		if !s.has(a.at) && s.spec.Kind() != schedule.Interval || !s.from.After(a.at) || !s.before.IsZero() {
			continue
		}
		a.because("not_in_file")
		a.say("It was not due then: %s", a.since(s))
		if s := a.wrongFile(a.at); s != nil {
			a.Reason = "broken"
			a.say("The file was wrong %s (%s), so that no edit of that time counted", a.stretch(s), s.why)
		}
		return true
	}
	return false
}

// since says how a trigger came into force.
func (a *answer) since(s sight) string {
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

// clockChange says what a change of the clock did to the instant, if there was
// one about then.
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
					a.say("What was due in it came due at %s", a.clock(change))
				}
				return true
			case by < 0 && !t.Before(change) && t.Before(change.Add(-by)) && spec.Fixed() && (sight{spec: spec}).has(t.Add(by)):
				a.because("repeat")
				a.say("The clock went back from %s to %s, so that it showed this time twice; the slot was the first of them, at %s", from, to, a.clock(t.Add(by)))
				return true
			}
		}
	}
	return false
}

// shown reports whether a time of the day that a gap has left out is one of the
// trigger's: whether it has a slot then on another day.
func (a *answer) shown(spec schedule.Spec, t time.Time, by time.Duration) bool {
	for _, days := range []int{-1, -7} {
		day := t.AddDate(0, 0, days)
		if (sight{spec: spec}).has(day) || (sight{spec: spec}).has(day.Add(-by)) {
			return true
		}
	}
	return false
}

// today adds what keeps the task from running now, for one who did not ask about
// a certain slot.
func (a *answer) today() {
	if s := a.hold(a.now); s != nil && a.Reason != "held" && a.Reason != "breaker" {
		a.holding(s)
	}
	if on := a.state.On; plan.Applies(a.task, on) && (on.Until.IsZero() || a.now.Before(on.Until)) {
		a.say("It is rescheduled%s since %s, to %s", part(" by ", on.By, ""), a.date(on.Since), on.Expr)
	}
	a.rotaToday()
	if len(a.task.After) > 0 && a.Reason != "after" {
		a.awaits()
	}
	if a.At.IsZero() || a.Reason == "not_due" || !a.daemon {
		return // said already, or nobody would start it
	}
	a.nextSlot()
}

// rotaToday tells what keeps rota itself from starting the task now.
func (a *answer) rotaToday() {
	if !a.daemon {
		if s := a.away(a.now); s != nil && a.Reason != "down" {
			a.say("rota %s down %s", a.was(s), a.stretch(s))
		}
		return
	}
	if s := a.wrongFile(a.now); s != nil {
		a.say("The file is wrong since %s (%s): no edit counts", a.clockOrDate(s.from), s.why)
	}
}
