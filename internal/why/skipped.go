package why

import (
	"cmp"
	"strings"

	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

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
	a.say("It was missed: rota could start it only at %s, %s late", a.clock(r.Finished), lasted(r.Finished.Sub(a.at)))
	p := a.task.Policy
	switch {
	case r.Reason.Code == runner.ReasonLateOutside:
		a.say("That was outside its between, so it was not started")
	case !a.known:
	case p.Missed == runner.MissedOnce && p.MissedWithin > 0, p.Missed == runner.MissedAll:
		a.say("Only slots that are less than %s late are started (missed = %q)", schedule.FormatDuration(cmp.Or(p.MissedWithin, plan.MissedAllWithin)), p.Missed)
	case p.Missed != runner.MissedOnce:
		a.say(`To start such slots late: missed = "once"`)
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
		a.say("It was skipped%s (rota skip)", part(" by ", why.By, ""))
	case why.IsOverlap():
		a.because("overlap")
		a.overlap(why)
	case why.Is(runner.ReasonCoalesced, runner.ReasonCoalescedToSkip):
		a.because("coalesced")
		a.say("It was coalesced with a newer slot that was due as well%s", part(": ", a.run.By, ""))
		a.absence(a.at, a.run.Finished)
	case why.Code == runner.ReasonQueueFull:
		a.because("queue_full")
		queue := why.Detail
		if q, ok := a.cfg.Queues[queue]; ok {
			a.say("The queue %s was full (capacity %d)", queue, q.Capacity)
		} else {
			a.say("Too many runs of the task were waiting")
		}
		if s := a.queueStopped(queue, a.at); s != nil {
			a.say("That queue %s stopped%s %s", a.was(s), part(" by ", s.by, ""), a.stretch(s))
		}
	case why.Code == runner.ReasonMaxWait:
		a.because("max_wait")
		a.say("It waited%s from %s to %s: %s", part(" in queue ", a.run.Queue, ""), a.clock(a.run.Queued), a.clock(a.run.Finished), a.why(*a.run))
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

// overlap answers about a slot during which an earlier run of its task was not done.
func (a *answer) overlap(why runner.Reason) {
	b := a.by
	switch {
	case b == nil:
		a.say("It was skipped because of %s (%s)", a.run.By, a.why(*a.run))
	case why.Code == runner.ReasonOverlapRunning:
		a.say("%s was still running; it had started at %s and %s", b.ID, a.clock(b.Started), a.end(b))
	case why.Code == runner.ReasonOverlapInstant:
		a.say("%s was waiting, a slot at the same time, and %s", b.ID, a.end(b))
	default:
		a.say("%s was still waiting; it had been due at %s and %s", b.ID, a.clock(cmp.Or(b.Scheduled, b.Queued)), a.end(b))
	}
	if a.known {
		a.say("That is what overlap = %q means", cmp.Or(a.task.Overlap, runner.OverlapSkip))
	}
}
