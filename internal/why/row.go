package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/plan"
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
	a.say("It runs since %s: %s", a.clock(a.run.Started), a.run.ID)
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
		how = "ended well"
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
	a.say("It ran: it started at %s and %s%s%s; this is %s", a.clock(r.Started), how, after, part(" (", why, ")"), r.ID)
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
		a.say("It was made up for: due at %s, it could not be started before %s", a.clock(r.Scheduled), a.clock(r.Queued))
		a.absence(r.Scheduled, r.Queued)
	} else if late := a.jitter(); late > 0 {
		a.say("Its jitter has it start %s after it is due", schedule.FormatDuration(late))
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
		a.say("There was trouble with the disk at %s: %s", a.clock(e.Time), e.Text)
		return "disk"
	}
	return ""
}

// missed answers about a slot that was not started in time.
func (a *answer) missed() {
	r := a.run
	because := a.absence(a.at, r.Finished)
	if because == "" || because == "down" {
		because = "missed"
	}
	a.because(because)
	if len(a.Text) == 0 {
		a.say("rota could not start it in time")
	}
	a.say("It was missed: at %s, when it could have been started, it had been due for %s", a.clock(r.Finished), lasted(r.Finished.Sub(a.at)))
	p := a.task.Policy
	switch {
	case r.Reason.Code == runner.ReasonLateOutside:
		a.say("That was outside its between, so it was not made up for")
	case !a.known:
	case p.Missed == runner.MissedOnce && p.MissedWithin > 0, p.Missed == runner.MissedAll:
		a.say("Only what was due within %s is made up for (missed = %q)", schedule.FormatDuration(cmp.Or(p.MissedWithin, plan.MissedAllWithin)), p.Missed)
	case p.Missed != runner.MissedOnce:
		a.say(`To have it made up for: missed = "once"`)
	}
}

// skipped answers about a slot that was skipped.
func (a *answer) skipped() {
	why := a.run.Reason
	switch {
	case why.Code == runner.ReasonHeld:
		a.held()
	case why.Code == runner.ReasonSkipped:
		a.because("skip")
		a.say("It was skipped%s (rota skip)", part(", as ", why.By, " had said"))
	case why.IsOverlap():
		a.because("overlap")
		a.overlap(why)
	case why.Is(runner.ReasonCoalesced, runner.ReasonCoalescedToSkip):
		a.because("coalesced")
		a.say("A newer slot was due at the same time, so that one run stands for both%s", part(": ", a.run.By, ""))
		a.absence(a.at, a.run.Finished)
	case why.Code == runner.ReasonQueueFull:
		a.because("queue_full")
		queue := why.Detail
		if q, ok := a.cfg.Queues[queue]; ok {
			a.say("The queue %s was full: %d runs may wait in it (capacity)", queue, q.Capacity)
		} else {
			a.say("Too many runs of it waited already")
		}
		if s := a.queueStopped(queue, a.at); s != nil {
			a.say("That queue %s stopped%s %s", a.was(s), part(" by ", s.by, ""), a.stretch(s))
		}
	case why.Code == runner.ReasonMaxWait:
		a.because("max_wait")
		a.say("It waited%s from %s to %s, and then no longer: %s", part(" in queue ", a.run.Queue, ""), a.clock(a.run.Queued), a.clock(a.run.Finished), a.why(*a.run))
		if s := a.queueStopped(a.run.Queue, a.run.Queued); s != nil {
			a.say("That queue %s stopped%s %s", a.was(s), part(" by ", s.by, ""), a.stretch(s))
		}
	case why.Code == runner.ReasonCondition:
		a.because("condition")
		a.say("Its condition (only_if) did not hold: %s", strings.TrimPrefix(a.why(*a.run), "condition: "))
	default:
		a.because("skipped")
		a.say("It was skipped: %s", a.why(*a.run))
	}
}

// why returns the reason of a run as text, in the zone of the answer.
func (a *answer) why(r runner.Run) string {
	if r.Reason.IsZero() {
		return plain(r.Why)
	}
	return plain(r.Reason.Text(a.zone))
}

// held answers about a slot whose task was held.
func (a *answer) held() {
	s := a.hold(a.at)
	if s == nil {
		a.because("held")
		a.say("It was %s", a.why(*a.run))
		return
	}
	a.because(a.holder(s))
	a.holding(s)
}

// holder returns the reason of a hold: "breaker" for a hold by rota, after failures.
func (a *answer) holder(s *span) string {
	if s.by == "rota" {
		return "breaker"
	}
	return "held"
}

// holding says who held the task, and when.
func (a *answer) holding(s *span) {
	text := fmt.Sprintf("%s held%s %s%s", a.was(s), part(" by ", s.by, ""), a.stretch(s), part(" (", plain(s.why), ")"))
	a.say("It %s", text)
	if a.was(s) == "is" {
		a.say("To release it: rota release %s", a.name)
	}
}

// overlap answers about a slot during which an earlier run of its task was not done.
func (a *answer) overlap(why runner.Reason) {
	_, what, _ := strings.Cut(why.Text(a.zone), ": ")
	b := a.by
	switch {
	case b == nil:
		a.say("It was skipped because of %s: %s", a.run.By, what)
	case why.Code == runner.ReasonOverlapRunning:
		a.say("%s was still running; that had started at %s and %s", b.ID, a.clock(b.Started), a.end(b))
	default:
		a.say("%s: %s, which had been due at %s and %s", strings.ToUpper(what[:1])+what[1:], b.ID, a.clock(cmp.Or(b.Scheduled, b.Queued)), a.end(b))
	}
	if a.known {
		a.say("That is what overlap = %q means", cmp.Or(a.task.Overlap, runner.OverlapSkip))
	}
}

// ended answers about a run that ended without a start.
func (a *answer) ended() {
	r := a.run
	a.because(string(r.Outcome))
	switch {
	case r.Outcome == runner.Replaced:
		a.say("It waited, and a newer slot took its place at %s: %s", a.clock(r.Finished), a.why(*r))
	case r.Outcome == runner.Lost:
		a.say("It was lost before it had begun: %s", a.why(*r))
		a.absence(r.Queued, r.Finished)
	default:
		a.say("It waited since %s and was %s at %s%s", a.clock(cmp.Or(r.Queued, r.Scheduled)), r.Outcome, a.clock(r.Finished), part(": ", a.why(*r), ""))
	}
}

// waits answers about a pending run.
func (a *answer) waits() {
	r := a.run
	switch r.State {
	case runner.Delayed:
		a.because("delayed")
		if r.Attempts > 0 {
			a.say("It was attempted, and will be again at %s: %s", a.clock(r.NotBefore), a.why(*r))
		} else {
			a.say("It waits for its time, %s", a.date(cmp.Or(r.NotBefore, r.Scheduled)))
		}
	case runner.Held:
		a.because("held")
		a.say("It is held%s; to let it start: rota release %s", part(" (", a.why(*r), ")"), r.ID)
	case runner.Recurring:
		a.because("recurring")
		a.say("It is a recurring request (%s), each slot of which becomes a run", r.On)
	default:
		a.queued()
	}
	if s := a.hold(a.now); s != nil && r.State == runner.Queued && !r.Force {
		a.holding(s)
	}
	if !a.daemon {
		if s := a.away(a.now); s != nil {
			a.say("rota %s down %s: nothing starts", a.was(s), a.stretch(s))
		}
	}
}

// queued says what a queued run waits for.
func (a *answer) queued() {
	r := a.run
	a.because("waiting")
	a.say("It waits%s since %s", part(" in queue ", r.Queue, ""), a.clock(r.Queued))
	switch {
	case a.queueHold != nil:
		a.Reason = "queue_stopped"
		a.say("That queue is stopped%s since %s; to start it: rota queue start %s", part(" by ", a.queueHold.By, ""), a.clock(a.queueHold.Since), r.Queue)
	case a.daemon && a.draining():
		a.Reason = "draining"
		a.say("rota is being drained and starts nothing new")
	case a.noRoom:
		a.Reason = "no_room"
		a.say("It waits for room on the disk of the state directory: a forked run starts once its files have room; rota status shows how much is missing")
	}
	for i, run := range a.ahead {
		if i == 3 {
			a.say("%d more run", len(a.ahead)-i)
			break
		}
		a.say("%s runs since %s", run.ID, a.clock(run.Started))
	}
	if a.aheadHidden > 0 {
		a.say("%s before it", api.Plural(a.aheadHidden, "run of another task is", "runs of other tasks are"))
	}
	if most := a.cfg.Rota.MaxRunning; most > 0 && a.running >= most {
		a.say("%s running, which is the limit (max_running)", api.Plural(a.running, "run is", "runs are"))
	}
	if a.task.OnlyIf != nil && !r.Force {
		a.say("It starts only if its condition holds (only_if)%s", map[bool]string{true: ", which is asked every 30s"}[a.task.MaxWait > 0 && r.Attempts == 0])
	}
	if most := a.task.MaxWait; most > 0 {
		a.say("It is skipped if it waits until %s (max_wait)", a.clock(r.Queued.Add(most)))
	}
}
