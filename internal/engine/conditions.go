package engine

import (
	"context"
	"time"

	"rota/runner"
)

// A run whose task has only_if waits, as it waits for a worker, until its condition was
// asked: by the time that it could start else. Meanwhile it keeps that place. The
// answers are in memory alone: after a restart it is asked again.

// condition is that of a run that waits.
type condition struct {
	asking bool
	stop   context.CancelFunc
	unmet  bool                   // it does not hold, and is asked again
	answer runner.ConditionResult // once it is not asked any more
	last   runner.Outcome         // of a run to be ended by its answer: the outcome
}

// ready tells whether a run that could start else may, and has its condition asked if
// that is not known.
func (eng *Engine) ready(r *runner.Run) runner.Readiness {
	c := eng.conditions[r.ID]
	switch {
	case eng.cfg.Tasks[r.Task].OnlyIf == nil, r.Force:
		return runner.Ready
	case c == nil:
		eng.toAsk = append(eng.toAsk, r.ID)
		return runner.Checking
	case c.asking:
		return runner.Checking
	case c.unmet:
		return runner.NotReady
	}
	return runner.Ready
}

// askConditions asks the conditions of runs that are recorded now.
func (eng *Engine) askConditions(ids []string) {
	for _, id := range ids {
		run, ok := eng.view.Find(id)
		task := eng.cfg.Tasks[run.Task]
		if !ok || run.State != runner.Queued || task.OnlyIf == nil {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		c := &condition{asking: true, stop: stop}
		eng.conditions[id] = c
		launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: eng.lastSuccess(run.Task), Vars: eng.options.Vars}
		if run.Cause == runner.CauseChain {
			eng.inherit(&launch)
		}
		eng.runner.CheckCondition(ctx, launch, run.Queued.Before(eng.started), func(a runner.ConditionResult) {
			stop()
			eng.post(func() { eng.answered(id, c, a) })
		})
	}
}

// answered takes in what a condition said.
func (eng *Engine) answered(id string, c *condition, a runner.ConditionResult) {
	run, ok := eng.view.Find(id)
	switch {
	case eng.conditions[id] != c:
		return
	case !ok || run.State != runner.Queued || eng.stopping:
		eng.forgetCondition(id)
		return
	}
	c.asking, c.answer = false, a
	now := eng.clock.Now()
	eng.put(conditionKey+id, now.Add(runner.ConditionTime))
	switch {
	case a.Outcome == "":
	case a.Outcome == runner.Failed:
		c.last = runner.Failed
	case run.Attempts > 0:
		c.last = eng.lastAttempt(run)
	case eng.policyOf(run.Task).MaxWait > 0:
		c.unmet = true
		eng.log.Info("its condition does not hold; it is asked again", "task", run.Task, "run", id, "why", a.Reason.String())
	default:
		to := runner.Transition{Time: now, Outcome: runner.Skipped}.Because(a.Reason)
		if err := eng.move(context.Background(), id, runner.Queued, to); err != nil && !isGone(err) {
			c.unmet = true // as on a full disk: it is asked again
			eng.log.Error("cannot record that a run is skipped", "run", id, "error", err)
			return
		} else if err != nil {
			eng.unregister(id)
			return
		}
		eng.endedPending(run, runner.Skipped, a.Reason, now)
	}
}

// lastAttempt is how the attempt before ended of a run that is queued for another one.
func (eng *Engine) lastAttempt(run runner.Run) runner.Outcome {
	_, steps, err := eng.ledger.Get(context.Background(), run.ID)
	if err != nil {
		eng.log.Error("cannot read how an attempt ended", "run", run.ID, "error", err)
	}
	last := runner.Failed
	for _, t := range steps {
		if t.State == runner.Delayed && t.Reason.Last != "" {
			last = t.Reason.Last
		}
	}
	return last
}

// endedByCondition ends a run that was claimed because its condition could not tell, or
// does not hold for another attempt, and reports whether it is one.
func (eng *Engine) endedByCondition(run runner.Run) bool {
	c := eng.conditions[run.ID]
	eng.forgetCondition(run.ID)
	if c == nil || c.last == "" {
		return false
	}
	if c.answer.Outcome == runner.Skipped { // then it is of no use to try it again
		if v, ok := eng.leases.Load(run.ID); ok {
			u := v.(underway)
			u.policy.Retry = runner.Retry{}
			eng.leases.Store(run.ID, u)
		}
	}
	res := runner.Result{Outcome: c.last, Finished: time.Now(), Exit: c.answer.Exit, Error: c.answer.Error}.Because(c.answer.Reason)
	go func() { _ = eng.done(run, res) }()
	return true
}

// forgetCondition has the condition of a run asked anew, if it still waits.
func (eng *Engine) forgetCondition(id string) {
	if c := eng.conditions[id]; c != nil {
		c.stop()
		delete(eng.conditions, id)
		eng.agenda.Drop(conditionKey + id)
	}
}

// stopAsking stops all conditions.
func (eng *Engine) stopAsking() {
	for id := range eng.conditions {
		eng.forgetCondition(id)
	}
}

// expired is the reason of a run that waited for longer than its max_wait.
func (eng *Engine) expired(run runner.Run) runner.Reason {
	why := runner.Reason{Code: runner.ReasonMaxWait, Span: eng.policyOf(run.Task).MaxWait}
	if c := eng.conditions[run.ID]; c != nil && c.unmet {
		why.Detail = c.answer.Reason.String()
	}
	return why
}
