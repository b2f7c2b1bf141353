package engine

import (
	"cmp"
	"context"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/internal/query"
	"rota/runner"
	"rota/schedule"
)

// termsOf is terms as the loop has them.
func (l *loop) termsOf(name string) []plan.Term { return plan.Terms(l.cfg, name, l.states[name].On) }

// parse reads a trigger that somebody gave by hand for a task. What is only a
// span becomes the instant that it means.
func (l *loop) parse(task, expr string, now time.Time) (schedule.Spec, error) {
	if len(expr) > mostWords {
		return schedule.Spec{}, api.Errorf(api.Usage, "", "the trigger is longer than %d bytes", mostWords)
	}
	spec, faults := schedule.ParseExprAt(expr, l.cfg.ZoneOf(task), now)
	if faults != nil {
		hint := faults[0].Hint
		if hint == "" {
			hint = "see what can stand there: rota explain " + expr
		}
		return spec, api.Errorf(api.Usage, hint, "%q: %s", expr, faults[0].Msg)
	}
	first := spec.Next(now)
	if spec.Kind() == schedule.Once {
		first = spec.Next(time.Time{})
	}
	if err := api.CheckTime("the trigger", first); err != nil {
		return spec, err
	}
	if first.IsZero() && spec.Kind() == schedule.Once {
		return spec, api.Errorf(api.Usage, "give a time between 1970 and 9998", "%q is out of range", expr)
	}
	if spec.AtStart() != "" {
		return spec, api.Errorf(api.Usage, "name a time", "%q is not a time", expr)
	}
	return spec, nil
}

// endOf is when what a task is rescheduled to ends: as was asked for or, of one
// instant, once that is over, unless nothing is to follow. It refuses what has no
// slot at all.
func (l *loop) endOf(r api.Rescheduling, spec schedule.Spec, now time.Time) (time.Time, error) {
	if spec.Kind() != schedule.Once {
		return r.Until, r.CheckThen(false)
	}
	at := spec.Next(time.Time{})
	switch {
	case !at.After(now):
		return at, api.Errorf(api.Usage, "to run it now: rota run "+r.Name, "%s is in the past", l.spell(at))
	case !r.Until.IsZero() && !at.Before(r.Until):
		return at, api.Errorf(api.Usage, "leave until out", "%s is not before the end of the reschedule", l.spell(at))
	case r.Until.IsZero() && r.Then != plan.Never:
		return at.Add(time.Second), r.CheckThen(true)
	}
	return r.Until, r.CheckThen(true)
}

// rescheduledText says what a task was rescheduled to.
func (l *loop) rescheduledText(r api.Rescheduling, done api.Rescheduled) string {
	text := "to " + done.Expr
	if !r.Until.IsZero() {
		text += " until " + l.spell(r.Until)
	}
	if done.Then != "" {
		text += ", then " + done.Then
	}
	return text
}

// reschedule puts a trigger in the place of those of a task; "default" goes back
// to them.
func (l *loop) reschedule(ctx context.Context, r api.Rescheduling, who string) (api.Rescheduled, error) {
	done := api.Rescheduled{Name: r.Name, Expr: r.Expr, Until: r.Until, Was: l.nextOf(r.Name, "")}
	now, err := l.settled(ctx)
	if err != nil {
		return done, err
	}
	if !r.Until.IsZero() && !r.Until.After(now) {
		return done, api.Errorf(api.Usage, "", "the end of the reschedule, %s, is in the past", l.spell(r.Until))
	}
	var on *ledger.Reschedule
	until := r.Until
	if r.Expr == "default" || r.Expr == plan.Never {
		err = r.CheckThen(false)
	} else {
		var spec schedule.Spec
		if spec, err = l.parse(r.Name, r.Expr, now); err == nil {
			done.Expr = spec.String()
			until, err = l.endOf(r, spec, now)
		}
		if spec.Kind() == schedule.Once && r.Until.IsZero() {
			done.Then = cmp.Or(r.Then, "default")
		}
	}
	if err != nil {
		return done, err
	}
	if r.Expr != "default" {
		on = &ledger.Reschedule{Expr: done.Expr, By: who, Since: now, Until: until, For: plan.TriggerKeys(l.cfg.Tasks[r.Name])}
	}
	err = l.change(ctx, r.Name, func(s *ledger.TaskState) {
		s.On, s.Counted = on, plan.StillCounted(s.Counted, s.Seen, false) // another reschedule counts anew
	},
		ledger.Event{Time: now, Kind: "reschedule", Task: r.Name, Who: who, Text: l.rescheduledText(r, done), Data: ledger.EventData{Expr: done.Expr, Until: until}})
	if err != nil {
		return done, err
	}
	if err := l.plan(ctx, now); err != nil {
		return done, err
	}
	l.log.Info("rescheduled", "task", r.Name, "to", done.Expr, "by", who)
	done.Next = l.nextOf(r.Name, "")
	return done, nil
}

// backToDefault ends a reschedule whose time is over.
func (l *loop) backToDefault(ctx context.Context, task string) error {
	if l.states[task].On == nil {
		return nil
	}
	_, err := l.reschedule(ctx, api.Rescheduling{Name: task, Expr: "default"}, "rota")
	return err
}

// settled writes down what is due until now, so that what changes from now on
// changes no slot that was due before.
func (l *loop) settled(ctx context.Context) (time.Time, error) {
	now, err := l.ledger.Now(ctx)
	if err != nil {
		return now, err
	}
	if err := l.advance(ctx, now); err != nil {
		return now, err
	}
	return now, l.commit(ctx, l.cursorAt(now))
}

// nextOf is when a task, or with its id one of its recurring requests, comes due
// next, but for slots that are left out, in the zone to show it in; zero: not by itself.
func (l *loop) nextOf(task, request string) time.Time {
	var first time.Time
	for key, e := range l.entries {
		if e.Task != task || e.Request != request {
			continue
		}
		at := l.agenda.Next(key)
		for request == "" && !at.IsZero() && l.isLeftOut(task, e.Delay().Slot(at)) {
			at = e.When().Next(at)
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return first
	}
	return first.In(l.cfg.ZoneOf(task))
}

// coming returns the triggers of some tasks, or without names of all, as the
// agenda has them, for those who ask.
func (l *loop) coming(ctx context.Context, names []string) ([]query.Coming, error) {
	var all []query.Coming
	return all, l.ask(ctx, func() error {
		add := func(key string, e plan.Entry) {
			if at := l.agenda.Next(key); !at.IsZero() {
				all = append(all, query.Coming{Task: e.Task, Request: e.Request, Spec: e.Spec, After: e.Delay().Slot(at).Add(-time.Nanosecond), Before: e.Until, Left: l.leftOf(key)})
			}
		}
		if len(names) == 0 {
			for key, e := range l.entries {
				add(key, e)
			}
			return nil
		}
		asked := map[string]bool{}
		for _, name := range names {
			if asked[name] {
				continue
			}
			asked[name] = true
			for _, t := range l.termsOf(name) {
				add(t.Key, l.entries[t.Key])
			}
		}
		for _, r := range l.view.Parked("", runner.Recurring) {
			if !asked[r.Task] {
				continue
			}
			if spec, ok := l.recurringSpec(r); ok {
				key := plan.EntryKey(r.ID, spec)
				add(key, l.entries[key])
			}
		}
		return nil
	})
}
