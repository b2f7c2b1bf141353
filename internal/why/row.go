package why

import (
	"cmp"
	"strings"
	"time"

	"rota/runner"
	"rota/schedule"
)

// row answers about a slot, or a request, that has a record.
func (a *answer) row() {
	r := a.run
	switch {
	case r.State == runner.Running:
		a.underWay()
	case r.Outcome == "":
		a.waits()
	case r.Outcome == runner.Missed:
		a.missed()
	case r.Outcome == runner.Skipped:
		a.skipped()
	case r.Started.IsZero():
		a.ended()
	default:
		a.ran()
	}
	if r.IsSlot() {
		a.moved()
	}
	if r.Count > 1 {
		a.say("It is one of %d slots, from %s to %s, with the same outcome", r.Count, a.clock(r.First), a.clock(r.Last))
	}
	if r.Parent != "" && r.IsSlot() {
		a.say("It is a slot of the recurring request %s", r.Parent)
	}
}

// moved says how a change of the clock, or on_except, moved the slot.
func (a *answer) moved() {
	for _, s := range a.terms {
		if !s.inForce(a.at) || !s.has(a.at) {
			continue
		}
		if from := s.spec.MovedFrom(a.at); from != "" {
			a.say("It was moved there from %s (on_except)", from)
		}
		switch note := s.spec.ClockNote(a.at); {
		case strings.HasPrefix(note, "gap: moved from "):
			a.say("The clock has no %s on that day, so it came due at %s", strings.TrimPrefix(note, "gap: moved from "), a.clock(a.at))
			return
		case strings.HasPrefix(note, "repeat: "):
			a.say("The clock shows that time twice on that day; this is the %s", strings.TrimPrefix(note, "repeat: "))
			return
		}
	}
}

// underWay answers about a running run.
func (a *answer) underWay() {
	a.because("running")
	a.say("It has been running since %s: %s", a.clock(a.run.Started), a.run.ID)
	if a.run.Reason.Is(runner.ReasonRunsLate) {
		a.say("It is %s", a.why(*a.run))
	}
	a.late()
	a.attempts()
}

// ran answers about a run that was executed.
func (a *answer) ran() {
	r := a.run
	a.because("ran")
	how := "ended " + string(r.Outcome)
	switch r.Outcome {
	case runner.OK:
		how = "succeeded"
	case runner.Failed:
		how = "failed"
	case runner.TimedOut:
		how = "was stopped at its time-out"
	case runner.Lost:
		how, a.Reason = "was lost", "lost"
	case runner.Cancelled:
		how, a.Reason = "was cancelled", "cancelled"
	case runner.Replaced:
		how, a.Reason = "was stopped for a newer one", "replaced"
	}
	why := a.why(*r)
	if r.Outcome == runner.TimedOut {
		why = ""
	}
	after := ""
	if took, ok := r.Took(); ok {
		after = " after " + lasted(took)
	}
	a.say("It ran: %s started at %s and %s%s%s", r.ID, a.clock(r.Started), how, after, part(" (", why, ")"))
	if r.Outcome == runner.Lost {
		if s := a.away(r.Finished.Add(-time.Nanosecond)); s != nil {
			a.say("rota was down %s", a.stretch(s))
		}
	}
	a.late()
	a.attempts()
}

// late says why a run started later than its slot.
func (a *answer) late() {
	r := a.run
	if r.Scheduled.IsZero() || !r.IsSlot() {
		if r.Who != "" {
			a.say("%s requested it at %s", r.Who, a.clock(cmp.Or(r.Queued, r.Scheduled)))
		}
		return
	}
	first := a.firstStart()
	if r.Cause == runner.CauseCatchup {
		a.say("It ran late: it was due at %s, and could not be started before %s", a.clock(r.Scheduled), a.clock(r.Queued))
		a.absence(r.Scheduled, r.Queued)
	} else if late := a.jitter(); late > 0 {
		a.say("Its jitter delays the start by %s", schedule.FormatDuration(late))
	}
	if wait := first.Sub(r.Queued); !r.Queued.IsZero() && r.Attempts < 2 && wait >= 2*time.Second {
		where := "for its turn"
		if r.Queue != "" {
			where = "in queue " + r.Queue
		}
		a.say("It waited %s %s", lasted(wait), where)
	}
}

// firstStart returns when the first attempt began.
func (a *answer) firstStart() time.Time {
	for _, t := range a.steps {
		if t.State == runner.Running {
			return t.Time
		}
	}
	return a.run.Started
}

// jitter returns the delay of the slot by jitter.
func (a *answer) jitter() time.Duration {
	for _, s := range a.terms {
		if s.has(a.at) {
			return s.late.Of(a.at)
		}
	}
	return 0
}

// attempts says which attempt it was, if it was not the first.
func (a *answer) attempts() {
	if n := a.run.Attempts; n > 1 {
		a.say("That was attempt %d", n)
	}
}

// absence says why rota could not start the slot between due and decided, if that is
// known, and returns the reason in a word; "": not known.
func (a *answer) absence(due, decided time.Time) string {
	s := a.away(due)
	if s == nil {
		if e := a.nextEvent(due, "stop"); e != nil && e.Time.Before(decided) {
			s = a.away(e.Time)
		}
	}
	switch {
	case s != nil && s.sure:
		a.say("rota %s down %s", a.was(s), a.stretch(s))
		return "down"
	case s != nil:
		a.say("rota %s down %s: it was killed or it crashed", a.was(s), a.stretch(s))
		return "down"
	}
	if e := a.nextEvent(due, "clock step"); e != nil && !e.Time.After(decided) {
		a.say("The clock jumped at %s: %s", a.clock(e.Time), e.Text)
		return "clock"
	}
	if e := a.lastEvent(decided, "disk"); e != nil && !e.Time.Before(due.Add(-time.Hour)) {
		a.say("There was a disk error at %s: %s", a.clock(e.Time), e.Text)
		return "disk"
	}
	return ""
}

// why returns the reason of a run as text, in the zone of the answer.
func (a *answer) why(r runner.Run) string {
	if r.Reason.IsZero() {
		return plain(r.Why)
	}
	return plain(r.Reason.Text(a.zone))
}

// ended answers about a run that ended without a start.
func (a *answer) ended() {
	r := a.run
	a.because(string(r.Outcome))
	switch {
	case r.Outcome == runner.Replaced:
		a.say("It waited until %s: %s", a.clock(r.Finished), a.why(*r))
	case r.Outcome == runner.Lost:
		a.say("It was lost before it started: %s", a.why(*r))
		a.absence(r.Queued, r.Finished)
	default:
		a.say("It waited from %s and was %s at %s%s", a.clock(cmp.Or(r.Queued, r.Scheduled)), r.Outcome, a.clock(r.Finished), part(": ", a.why(*r), ""))
	}
}
