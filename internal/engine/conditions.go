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
	waits  bool           // it does not hold, and is asked again
	answer runner.Answer  // once it is not asked any more
	last   runner.Outcome // of a run to be ended by its answer: the outcome
}

// ready tells whether a run that could start else may, and has its condition asked if
// that is not known.
func (l *loop) ready(r *runner.Run) runner.Readiness {
	c := l.conditions[r.ID]
	switch {
	case l.cfg.Tasks[r.Task].OnlyIf == nil, r.Force:
		return runner.Ready
	case c == nil:
		l.toAsk = append(l.toAsk, r.ID)
		return runner.Asking
	case c.asking:
		return runner.Asking
	case c.waits:
		return runner.NotReady
	}
	return runner.Ready
}

// ask asks the conditions of runs that are recorded now.
func (l *loop) askConditions(ids []string) {
	for _, id := range ids {
		run, ok := l.view.Find(id)
		task := l.cfg.Tasks[run.Task]
		if !ok || run.State != runner.Queued || task.OnlyIf == nil {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		c := &condition{asking: true, stop: stop}
		l.conditions[id] = c
		launch := runner.Launch{Run: run, Task: &task.Task, LastSuccess: l.lastSuccess(run.Task), Vars: l.options.Vars}
		if run.Cause == runner.CauseChain {
			l.inherit(&launch)
		}
		l.runner.Ask(ctx, launch, run.Queued.Before(l.started), func(a runner.Answer) {
			stop()
			l.post(func() { l.answered(id, c, a) })
		})
	}
}

// answered takes in what a condition said.
func (l *loop) answered(id string, c *condition, a runner.Answer) {
	run, ok := l.view.Find(id)
	switch {
	case l.conditions[id] != c:
		return
	case !ok || run.State != runner.Queued || l.stopping:
		l.forgetCondition(id)
		return
	}
	c.asking, c.answer = false, a
	now := l.clock.Now()
	l.put(conditionKey+id, now.Add(runner.ConditionTime))
	switch {
	case a.Outcome == "":
	case a.Outcome == runner.Failed:
		c.last = runner.Failed
	case run.Attempts > 0:
		c.last = l.lastAttempt(run)
	case l.policyOf(run.Task).MaxWait > 0:
		c.waits = true
		l.log.Info("its condition does not hold; it is asked again", "task", run.Task, "run", id, "why", a.Reason.String())
	default:
		to := runner.Transition{Time: now, Outcome: runner.Skipped}.Because(a.Reason)
		if err := l.move(context.Background(), id, runner.Queued, to); err != nil && !isGone(err) {
			c.waits = true // as on a full disk: it is asked again
			l.log.Error("cannot record that a run is skipped", "run", id, "error", err)
			return
		} else if err != nil {
			l.unregister(id)
			return
		}
		l.unregister(id)
		run.State, run.Outcome, run.Finished = "", runner.Skipped, now
		run.Because(a.Reason)
		l.record(run)
		l.again(run.Task, now)
	}
}

// lastAttempt is how the attempt before ended of a run that is queued for another one.
func (l *loop) lastAttempt(run runner.Run) runner.Outcome {
	_, steps, err := l.ledger.Get(context.Background(), run.ID)
	if err != nil {
		l.log.Error("cannot read how an attempt ended", "run", run.ID, "error", err)
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
func (l *loop) endedByCondition(run runner.Run) bool {
	c := l.conditions[run.ID]
	l.forgetCondition(run.ID)
	if c == nil || c.last == "" {
		return false
	}
	if c.answer.Outcome == runner.Skipped { // then it is of no use to try it again
		if v, ok := l.leases.Load(run.ID); ok {
			u := v.(underway)
			u.policy.Retry = runner.Retry{}
			l.leases.Store(run.ID, u)
		}
	}
	res := runner.Result{Outcome: c.last, Finished: time.Now(), Exit: c.answer.Exit, Error: c.answer.Error}.Because(c.answer.Reason)
	go func() { _ = l.done(run, res) }()
	return true
}

// forgetCondition has the condition of a run asked anew, if it still waits.
func (l *loop) forgetCondition(id string) {
	if c := l.conditions[id]; c != nil {
		c.stop()
		delete(l.conditions, id)
		l.agenda.Drop(conditionKey + id)
	}
}

// stopAsking stops all conditions.
func (l *loop) stopAsking() {
	for id := range l.conditions {
		l.forgetCondition(id)
	}
}

// expired is the reason of a run that waited for longer than its max_wait.
func (l *loop) expired(run runner.Run) runner.Reason {
	why := runner.Reason{Code: runner.ReasonMaxWait, Span: l.policyOf(run.Task).MaxWait}
	if c := l.conditions[run.ID]; c != nil && c.waits {
		why.Detail = c.answer.Reason.String()
	}
	return why
}
