package engine

import (
	"context"

	"rota/internal/api"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// recurringSpec is the trigger of a recurring request; false: it has none.
func (l *loop) recurringSpec(r runner.Run) (schedule.Spec, bool) {
	if r.On == plan.Never {
		return schedule.Spec{}, false
	}
	spec, faults := schedule.ParseExpr(r.On, l.cfg.ZoneOf(r.Task))
	return spec, faults == nil
}

// schedule enters the trigger of a recurring request into the agenda.
func (l *loop) schedule(r runner.Run) {
	if spec, ok := l.recurringSpec(r); ok {
		key, e := l.recurringEntry(r, spec)
		l.entries[key] = e
		l.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: l.dealtWith(e, plan.CountsFrom(r))})
	}
}

// recurringEntry is the place of a recurring request in the agenda.
func (l *loop) recurringEntry(r runner.Run, spec schedule.Spec) (string, plan.Entry) {
	e := plan.NewEntry(r.Task, spec, plan.CountsFrom(r))
	e.Request = r.ID
	return plan.EntryKey(r.ID, spec), e
}

// unschedule takes the trigger of a recurring request out of the agenda.
func (l *loop) unschedule(r runner.Run) {
	if spec, ok := l.recurringSpec(r); ok {
		key := plan.EntryKey(r.ID, spec)
		delete(l.entries, key)
		l.agenda.Drop(key)
	}
}

// rescheduleRequest gives a recurring request another trigger.
func (l *loop) rescheduleRequest(ctx context.Context, r api.Rescheduling, who string) (api.Rescheduled, error) {
	run, _ := l.view.ParkedAs(r.Name, runner.Recurring)
	done := api.Rescheduled{Name: r.Name, Expr: r.Expr, Was: l.nextOf(run.Task, run.ID)}
	now, err := l.settled(ctx)
	if err != nil {
		return done, err
	}
	if !r.Until.IsZero() || r.Then != "" || r.Expr == "default" {
		return done, api.Errorf(api.Usage, "cancel it, or give it a trigger", "a recurring request has no triggers in the file to go back to")
	}
	if r.Expr != plan.Never {
		spec, err := l.parse(run.Task, r.Expr, now)
		if err != nil {
			return done, err
		}
		if err := mayRecur(ctx, spec, now); err != nil {
			return done, err
		}
		done.Expr = spec.String()
	}
	why := runner.Reason{Code: runner.ReasonRescheduled, Detail: done.Expr, By: who}
	t := runner.Transition{Time: now, State: runner.Recurring, On: done.Expr, Until: now}.Because(why)
	if err := l.move(ctx, run.ID, runner.Recurring, t); err != nil {
		return done, err
	}
	l.unschedule(run)
	run.On, run.NotBefore = t.On, now
	run.Because(why)
	l.view.Add(run)
	l.schedule(run)
	l.record(run)
	done.Next = l.nextOf(run.Task, run.ID)
	return done, nil
}
