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
			a.say("The task was removed from the file at %s", a.clockOrDate(e.at))
			return
		}
	}
	a.say("The task is not in the file %s any more", a.cfg.Path)
}

// clockOrDate returns clock, or date if the answer is about no instant.
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
	case len(a.terms) == 0 && len(a.task.Triggers) > 0:
		a.because("at_start")
		a.say("It runs %s", plan.InWords(a.task))
	case len(a.terms) == 0:
		a.because("by_hand")
		a.say("It has no trigger: it runs by hand, or when another task's hook names it")
	default:
		a.because("new")
		a.say("It has not come due yet")
	}
	a.nextSlot()
}

// awaits says which tasks a task with the key after waits for.
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

// nextSlot says when the task is due next.
func (a *answer) nextSlot() {
	if !a.next.IsZero() {
		a.say("It is due next at %s", a.date(a.next))
	} else if a.ranOut(a.now) || len(a.terms) > 0 {
		a.say("It has no more slots")
	}
}

// farAway is the distance from which on a duration is not useful for people.
const farAway = 14 * 24 * time.Hour

// upcoming answers about an instant in the future.
func (a *answer) upcoming() {
	if !a.due(a.at) {
		a.notDue()
		return
	}
	a.because("future")
	far := ""
	if d := a.at.Sub(a.now); d < farAway {
		far = ", in " + schedule.FormatDuration(d.Round(time.Second))
	}
	a.say("It will be due at %s%s", a.date(a.at), far)
	for _, s := range a.state.Skip {
		if s.Slot.Equal(a.at) {
			a.Reason = "skip"
			a.say("It will be skipped%s (rota skip)", part(", as requested by ", s.By, ""))
		}
	}
	if h := a.state.Hold.At(a.at); h != nil {
		s := &span{from: h.Since, until: h.Until, by: h.By, why: h.Why, sure: true}
		a.Reason = a.holder(s)
		a.holding(s)
	}
}

// unrecorded answers about a past slot without a record.
func (a *answer) unrecorded() {
	late := a.jitter()
	starts := a.at.Add(late)
	switch {
	case late > 0 && starts.After(a.now):
		a.because("jitter")
		a.say("It was due at %s; its jitter delays the start to %s", a.clock(a.at), a.clock(starts))
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
		a.say("The file was invalid %s (%s), so edits had no effect", a.stretch(s), s.why)
		return
	}
	if e := a.lastEvent(a.now, "damage"); e != nil && e.Time.After(a.at) {
		a.because("damaged")
		a.say("The records of that time are lost: %s", plain(e.Text))
		return
	}
	if keep := a.task.Keep; keep.Age > 0 && a.now.Sub(a.at) > keep.Age || !a.first.IsZero() && a.first.After(a.at) {
		a.because("forgotten")
		a.say("Records from before %s are no longer kept", a.date(a.kept()))
		return
	}
	if e := a.lastEvent(a.now, "clock step"); e != nil {
		a.because("clock")
		a.say("The clock was changed at %s (%s); what has run within the last 3h is not run again", a.clock(e.Time), e.Text)
		return
	}
	a.because("unknown")
	a.say("It was due, but has no record; the record may have been removed (rota forget)")
}

// kept returns the instant from which the records of the task are kept.
func (a *answer) kept() time.Time {
	if !a.first.IsZero() && a.first.After(a.at) {
		return a.first
	}
	return a.now.Add(-a.task.Keep.Age)
}

// undecided answers about a slot that is due and not recorded yet.
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
	a.say("It is due, and rota has not decided about it yet")
}

// afterStart says what happens to a slot once rota starts again.
func (a *answer) afterStart() {
	switch {
	case a.task.Missed == runner.MissedOnce, a.task.Missed == runner.MissedAll:
		a.say("Once rota starts, it is started late or recorded as missed (missed = %q)", a.task.Missed)
	default:
		a.say("Once rota starts, it is recorded as missed, unless it is less than a minute late")
	}
}
