package why

import (
	"cmp"

	"rota/internal/api"
	"rota/runner"
)

// waits answers about a pending run.
func (a *answer) waits() {
	r := a.run
	switch r.State {
	case runner.Delayed:
		a.because("delayed")
		if r.Attempts > 0 {
			a.say("The next attempt is at %s: %s", a.clock(r.NotBefore), a.why(*r))
		} else {
			a.say("It is delayed until %s", a.date(cmp.Or(r.NotBefore, r.Scheduled)))
		}
	case runner.Held:
		a.because("held")
		a.say("It is held%s; to release it: rota release %s", part(" (", a.why(*r), ")"), r.ID)
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
			a.say("rota %s down %s: no run starts", a.was(s), a.stretch(s))
		}
	}
}

// queued says what a queued run waits for.
func (a *answer) queued() {
	r := a.run
	a.because("waiting")
	a.say("It has been waiting%s since %s", part(" in queue ", r.Queue, ""), a.clock(r.Queued))
	switch {
	case a.queueHold != nil:
		a.Reason = "queue_stopped"
		a.say("That queue has been stopped%s since %s; to start it: rota queue start %s", part(" by ", a.queueHold.By, ""), a.clock(a.queueHold.Since), r.Queue)
	case a.daemon && a.draining():
		a.Reason = "draining"
		a.say("rota is draining and starts nothing new")
	case a.noRoom:
		a.Reason = "no_room"
		a.say("It waits for room on the disk of the state directory: a forked run starts once its files have room; rota status shows how much is missing")
	}
	for i, run := range a.ahead {
		if i == 3 {
			a.say("%d more run", len(a.ahead)-i)
			break
		}
		a.say("%s has been running since %s", run.ID, a.clock(run.Started))
	}
	if a.aheadHidden > 0 {
		a.say("%s before it", api.Plural(a.aheadHidden, "run of another task is", "runs of other tasks are"))
	}
	if most := a.cfg.Rota.MaxRunning; most > 0 && a.running >= most {
		a.say("%s running, which is the limit (max_running)", api.Plural(a.running, "run is", "runs are"))
	}
	if a.task.OnlyIf != nil && !r.Force {
		a.say("It starts only if its condition holds (only_if)%s", map[bool]string{true: ", which is checked every 30s"}[a.task.MaxWait > 0 && r.Attempts == 0])
	}
	if most := a.task.MaxWait; most > 0 {
		a.say("It is skipped if it waits until %s (max_wait)", a.clock(r.Queued.Add(most)))
	}
}
