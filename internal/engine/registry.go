package engine

import (
	"time"

	"rota/runner"
)

// register brings the state in line with a run that has no outcome, as it is recorded: its
// place in the registry, and what the agenda holds for it. It does not matter what was
// known of the run before, so that a state that is kept up to date and one that is made
// of the ledger at a start are the same.
func (eng *Engine) register(run runner.Run) {
	eng.withdraw(run.ID)
	eng.view.Add(run)
	switch run.State {
	case runner.Queued:
		eng.expireAfterMaxWait(run)
	case runner.Delayed:
		eng.put(attemptKey+run.ID, run.NotBefore)
	case runner.Recurring:
		eng.schedule(run)
	}
	if run.State != runner.Delayed {
		delete(eng.spans, run.ID)
	}
}

// unregister takes a run that has an outcome, or is forgotten, out of the state.
func (eng *Engine) unregister(id string) {
	eng.withdraw(id)
	delete(eng.spans, id)
}

// withdraw takes a run out of the registry, and of the agenda what it holds for it.
func (eng *Engine) withdraw(id string) {
	if r, ok := eng.view.ParkedAs(id, runner.Recurring); ok {
		eng.unschedule(r)
	}
	eng.view.Remove(id)
	eng.forgetCondition(id)
	eng.agenda.Drop(attemptKey + id)
	eng.agenda.Drop(maxWaitKey + id)
}

// endedPending takes in the outcome, which is recorded, of a run that never started.
func (eng *Engine) endedPending(run runner.Run, outcome runner.Outcome, why runner.Reason, at time.Time) {
	eng.unregister(run.ID)
	run.State, run.Outcome, run.Finished = "", outcome, at
	run.Because(why)
	eng.record(run)
	eng.restartInterval(run.Task, at)
}
