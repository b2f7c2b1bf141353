package engine

import (
	"time"

	"rota/runner"
)

// register adds a recorded run without outcome to the registry, and its moments to the
// agenda. The result does not depend on what the state had of the run before, so that an
// updated state and one rebuilt from the ledger are equal.
func (eng *Engine) register(run runner.Run) {
	eng.withdraw(run.ID)
	eng.view.Add(run)
	switch run.State {
	case runner.Queued:
		eng.expireAfterMaxWait(run)
	case runner.Delayed:
		eng.putMoment(attemptKey+run.ID, run.NotBefore)
	case runner.Recurring:
		eng.schedule(run)
	}
	if run.State != runner.Delayed {
		delete(eng.relativeStarts, run.ID)
	}
}

// unregister removes a run that has an outcome, or is forgotten, from the state.
func (eng *Engine) unregister(id string) {
	eng.withdraw(id)
	delete(eng.relativeStarts, id)
}

// withdraw removes a run from the registry, and its moments from the agenda.
func (eng *Engine) withdraw(id string) {
	if r, ok := eng.view.ParkedAs(id, runner.Recurring); ok {
		eng.unschedule(r)
	}
	eng.view.Remove(id)
	eng.forgetCondition(id)
	eng.agenda.Drop(attemptKey + id)
	eng.agenda.Drop(maxWaitKey + id)
}

// applyPendingEnd applies the recorded outcome of a run that never started.
func (eng *Engine) applyPendingEnd(run runner.Run, outcome runner.Outcome, why runner.Reason, at time.Time) {
	eng.unregister(run.ID)
	run.State, run.Outcome, run.Finished = "", outcome, at
	run.Because(why)
	eng.record(run)
	eng.restartInterval(run.Task, at)
}
