package engine

import (
	"context"
	"time"

	"rota/runner"
)

// The condition of a run whose task has only_if is checked once the run could start. Until
// the result is known the run waits, and keeps its place in the queue. Results are kept only
// in memory: after a restart the condition is checked again.

// condition is the only_if of a waiting run.
type condition struct {
	checking bool
	stop     context.CancelFunc
	retry    bool                   // it does not hold, and is checked again later
	answer   runner.ConditionResult // valid once checking is false
	last     runner.Outcome         // the outcome of a run that the result ends; "": none
}

// conditionState returns whether the condition of a run that could start holds. If that is
// not known yet, this turn checks it.
func (eng *Engine) conditionState(r *runner.Run) runner.Readiness {
	c := eng.conditions[r.ID]
	switch {
	case eng.cfg.Tasks.Get(r.Task).OnlyIf == nil, r.Force:
		return runner.Ready
	case c == nil:
		eng.toCheck = append(eng.toCheck, r.ID)
		return runner.Checking
	case c.checking:
		return runner.Checking
	case c.retry:
		return runner.NotReady
	}
	return runner.Ready
}

// checkConditions checks the conditions of runs, which must be recorded.
func (eng *Engine) checkConditions(ids []string) {
	for _, id := range ids {
		run, ok := eng.view.Find(id)
		task := eng.cfg.Tasks.Get(run.Task)
		if !ok || run.State != runner.Queued || task.OnlyIf == nil {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		c := &condition{checking: true, stop: stop}
		eng.conditions[id] = c
		launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: eng.lastSuccess(run.Task), Vars: eng.options.Vars}
		if run.Cause == runner.CauseChain {
			eng.setParent(&launch)
		}
		eng.runner.CheckCondition(ctx, launch, run.Queued.Before(eng.started), func(a runner.ConditionResult) {
			stop()
			eng.post(func() { eng.applyCondition(id, c, a) })
		})
	}
}

// applyCondition applies the result of a condition.
func (eng *Engine) applyCondition(id string, c *condition, a runner.ConditionResult) {
	run, ok := eng.view.Find(id)
	switch {
	case eng.conditions[id] != c:
		return
	case !ok || run.State != runner.Queued || eng.stopping:
		eng.forgetCondition(id)
		return
	}
	c.checking, c.answer = false, a
	now := eng.clock.Now()
	eng.putMoment(conditionKey+id, now.Add(runner.ConditionTime))
	switch {
	case a.Outcome == "":
	case a.Outcome == runner.Failed:
		c.last = runner.Failed
	case run.Attempts > 0:
		c.last = eng.lastAttempt(run)
	case eng.policyOf(run.Task).MaxWait > 0:
		c.retry = true
		eng.log.Info("the condition of the run does not hold; it is checked again", "task", run.Task, "run", id, "why", a.Reason.String())
	default:
		to := runner.Transition{Time: now, Outcome: runner.Skipped}.Because(a.Reason)
		if err := eng.move(context.Background(), id, runner.Queued, to); err != nil && !isGone(err) {
			c.retry = true // as on a full disk: check again
			eng.log.Error("cannot record that a run is skipped", "run", id, "error", err)
			return
		} else if err != nil {
			eng.unregister(id)
			return
		}
		eng.applyPendingEnd(run, runner.Skipped, a.Reason, now)
	}
}

// lastAttempt returns the outcome of the last attempt of a run that is queued for another.
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

// endByCondition ends a claimed run whose condition could not be checked, or does not hold
// for another attempt. It reports false for other runs.
func (eng *Engine) endByCondition(run runner.Run) bool {
	c := eng.conditions[run.ID]
	eng.forgetCondition(run.ID)
	if c == nil || c.last == "" {
		return false
	}
	if c.answer.Outcome == runner.Skipped { // no further attempts
		if v, ok := eng.leases.Load(run.ID); ok {
			u := v.(leasedRun)
			u.policy.Retry = runner.Retry{}
			eng.leases.Store(run.ID, u)
		}
	}
	res := runner.Result{Outcome: c.last, Finished: time.Now(), Exit: c.answer.Exit, Error: c.answer.Error}.Because(c.answer.Reason)
	eng.endUnstarted(run, res)
	return true
}

// forgetCondition forgets the result of a condition: if the run still waits it is checked
// again.
func (eng *Engine) forgetCondition(id string) {
	if c := eng.conditions[id]; c != nil {
		c.stop()
		delete(eng.conditions, id)
		eng.agenda.Drop(conditionKey + id)
	}
}

// stopConditions stops the checks of all conditions.
func (eng *Engine) stopConditions() {
	for id := range eng.conditions {
		eng.forgetCondition(id)
	}
}

// maxWaitReason returns the reason of a run that waited for longer than max_wait.
func (eng *Engine) maxWaitReason(run runner.Run) runner.Reason {
	why := runner.Reason{Code: runner.ReasonMaxWait, Span: eng.policyOf(run.Task).MaxWait}
	if c := eng.conditions[run.ID]; c != nil && c.retry {
		why.Detail = c.answer.Reason.String()
	}
	return why
}
