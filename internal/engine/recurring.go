package engine

import (
	"context"

	"rota/internal/api"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// recurringSpec returns the trigger of a recurring request; false: none.
func (eng *Engine) recurringSpec(r runner.Run) (schedule.Spec, bool) {
	if r.On == plan.Never {
		return schedule.Spec{}, false
	}
	spec, faults := schedule.ParseExpr(r.On, eng.cfg.ZoneOf(r.Task))
	return spec, faults == nil
}

// schedule adds the trigger of a recurring request to the agenda.
func (eng *Engine) schedule(r runner.Run) {
	if spec, ok := eng.recurringSpec(r); ok {
		key, e := eng.recurringEntry(r, spec)
		eng.entries[key] = e
		eng.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: eng.handledUntil(e, plan.CountsFrom(r))})
	}
}

// recurringEntry returns the key and entry of a recurring request in the agenda.
func (eng *Engine) recurringEntry(r runner.Run, spec schedule.Spec) (string, plan.Entry) {
	e := plan.NewEntry(r.Task, spec, plan.CountsFrom(r))
	e.Request = r.ID
	return plan.EntryKey(r.ID, spec), e
}

// unschedule removes the trigger of a recurring request from the agenda.
func (eng *Engine) unschedule(r runner.Run) {
	if spec, ok := eng.recurringSpec(r); ok {
		key := plan.EntryKey(r.ID, spec)
		delete(eng.entries, key)
		eng.agenda.Drop(key)
	}
}

// rescheduleRequest gives a recurring request another trigger.
func (eng *Engine) rescheduleRequest(ctx context.Context, r api.Rescheduling, who string) (api.Rescheduled, error) {
	run, _ := eng.view.ParkedAs(r.Name, runner.Recurring)
	done := api.Rescheduled{Name: r.Name, Expr: r.Expr, Was: eng.nextSlot(run.Task, run.ID)}
	now, err := eng.recordDue(ctx)
	if err != nil {
		return done, err
	}
	if !r.Until.IsZero() || r.Then != "" || r.Expr == "default" {
		return done, api.Errorf(api.Usage, "cancel it, or give it a trigger", "a recurring request has no triggers in the file to return to")
	}
	if r.Expr != plan.Never {
		spec, err := eng.parseTrigger(run.Task, r.Expr, now)
		if err != nil {
			return done, err
		}
		if err := checkInterval(ctx, spec, now); err != nil {
			return done, err
		}
		done.Expr = spec.String()
	}
	why := runner.Reason{Code: runner.ReasonRescheduled, Detail: done.Expr, By: who}
	t := runner.Transition{Time: now, State: runner.Recurring, On: done.Expr, Until: now}.Because(why)
	if err := eng.move(ctx, run.ID, runner.Recurring, t); err != nil {
		return done, err
	}
	run.On, run.NotBefore = t.On, now
	run.Because(why)
	eng.register(run)
	eng.record(run)
	done.Next = eng.nextSlot(run.Task, run.ID)
	return done, nil
}
