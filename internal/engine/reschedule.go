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

// termsOf returns the terms of a task in force.
func (eng *Engine) termsOf(name string) []plan.Term {
	return plan.Terms(eng.cfg, name, eng.states[name].Reschedule)
}

// parseTrigger parses a trigger that a client gave for a task. A duration becomes the
// instant at which it ends.
func (eng *Engine) parseTrigger(task, expr string, now time.Time) (schedule.Spec, error) {
	if len(expr) > maxTextLength {
		return schedule.Spec{}, api.Errorf(api.Usage, "", "the trigger is longer than %d bytes", maxTextLength)
	}
	spec, faults := schedule.ParseExprAt(expr, eng.cfg.ZoneOf(task), now)
	if faults != nil {
		hint := faults[0].Hint
		if hint == "" {
			hint = "see what is allowed there: rota explain " + expr
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

// rescheduleEnd returns when a reschedule ends: as requested or, for a single instant, after
// it, unless then is "never". It returns an error for one without any slot.
func (eng *Engine) rescheduleEnd(r api.Rescheduling, spec schedule.Spec, now time.Time) (time.Time, error) {
	if spec.Kind() != schedule.Once {
		return r.Until, r.CheckThen(false)
	}
	at := spec.Next(time.Time{})
	switch {
	case !at.After(now):
		return at, api.Errorf(api.Usage, "to run it now: rota run "+r.Name, "%s is in the past", eng.formatTime(at))
	case !r.Until.IsZero() && !at.Before(r.Until):
		return at, api.Errorf(api.Usage, "omit until", "%s is not before the end of the reschedule", eng.formatTime(at))
	case r.Until.IsZero() && r.Then != plan.Never:
		return at.Add(time.Second), r.CheckThen(true)
	}
	return r.Until, r.CheckThen(true)
}

// rescheduledText returns the text of the event of a reschedule.
func (eng *Engine) rescheduledText(r api.Rescheduling, done api.Rescheduled) string {
	text := "to " + done.Expr
	if !r.Until.IsZero() {
		text += " until " + eng.formatTime(r.Until)
	}
	if done.Then != "" {
		text += ", then " + done.Then
	}
	return text
}

// reschedule replaces the triggers of a task; "default" restores those of the file.
func (eng *Engine) reschedule(ctx context.Context, r api.Rescheduling, who string) (api.Rescheduled, error) {
	done := api.Rescheduled{Name: r.Name, Expr: r.Expr, Until: r.Until, Was: eng.nextSlot(r.Name, "")}
	now, err := eng.recordDue(ctx)
	if err != nil {
		return done, err
	}
	if !r.Until.IsZero() && !r.Until.After(now) {
		return done, api.Errorf(api.Usage, "", "the end of the reschedule, %s, is in the past", eng.formatTime(r.Until))
	}
	var on *ledger.Reschedule
	until, elapsed := r.Until, false
	if r.Expr == "default" || r.Expr == plan.Never {
		err = r.CheckThen(false)
	} else {
		var spec schedule.Spec
		if spec, err = eng.parseTrigger(r.Name, r.Expr, now); err == nil {
			done.Expr = spec.String()
			until, err = eng.rescheduleEnd(r, spec, now)
			_, faults := schedule.ParseExpr(r.Expr, eng.cfg.ZoneOf(r.Name))
			elapsed = faults != nil // it is relative to now: "in 5m"
		}
		if spec.Kind() == schedule.Once && r.Until.IsZero() {
			done.Then = cmp.Or(r.Then, "default")
		}
	}
	if err != nil {
		return done, err
	}
	if r.Expr != "default" {
		on = &ledger.Reschedule{Expr: done.Expr, By: who, Since: now, Until: until, For: plan.TriggerKeys(eng.cfg.Tasks.Get(r.Name)), Elapsed: elapsed}
	}
	err = eng.changeState(ctx, r.Name, func(s *ledger.TaskState) {
		s.Reschedule, s.Counted = on, plan.StillCounted(s.Counted, s.FirstSeen, false) // the count of a new reschedule starts at zero
	},
		ledger.Event{Time: now, Kind: "reschedule", Task: r.Name, Who: who, Text: eng.rescheduledText(r, done), Data: ledger.EventData{Expr: done.Expr, Until: until}})
	if err != nil {
		return done, err
	}
	if err := eng.plan(ctx, now); err != nil {
		return done, err
	}
	eng.log.Info("rescheduled", "task", r.Name, "to", done.Expr, "by", who)
	done.Next = eng.nextSlot(r.Name, "")
	return done, nil
}

// endReschedule ends a reschedule that has expired.
func (eng *Engine) endReschedule(ctx context.Context, task string) error {
	if eng.states[task].Reschedule == nil {
		return nil
	}
	_, err := eng.reschedule(ctx, api.Rescheduling{Name: task, Expr: "default"}, "rota")
	return err
}

// recordDue records the slots that are due until now, so that a following change affects
// none that was due before.
func (eng *Engine) recordDue(ctx context.Context) (time.Time, error) {
	now, err := eng.ledger.Now(ctx)
	if err != nil {
		return now, err
	}
	if err := eng.advance(ctx, now); err != nil {
		return now, err
	}
	return now, eng.commit(ctx, eng.cursorAt(now))
}

// nextSlot returns the next slot, except skipped ones, of a task or, by its id, of one of
// its recurring requests, in the zone of the task; zero: none.
func (eng *Engine) nextSlot(task, request string) time.Time {
	var first time.Time
	for key, e := range eng.entries {
		if e.Task != task || e.Request != request {
			continue
		}
		at := eng.agenda.Next(key)
		for request == "" && !at.IsZero() && eng.isSkipped(task, e.Delay().Slot(at)) {
			at = e.When().Next(at)
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return first
	}
	return first.In(eng.cfg.ZoneOf(task))
}

// agendaOf returns the agenda's entries of tasks, without names of all.
func (eng *Engine) agendaOf(ctx context.Context, names []string) ([]query.Upcoming, error) {
	var all []query.Upcoming
	return all, eng.read(ctx, func() error {
		add := func(key string, e plan.Entry) {
			if at := eng.agenda.Next(key); !at.IsZero() {
				all = append(all, query.Upcoming{Task: e.Task, Request: e.Request, Spec: e.Spec, After: e.Delay().Slot(at).Add(-time.Nanosecond), Before: e.Until(), Left: eng.runsLeft(key)})
			}
		}
		if len(names) == 0 {
			for key, e := range eng.entries {
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
			for _, t := range eng.termsOf(name) {
				add(t.Key, eng.entries[t.Key])
			}
		}
		for _, r := range eng.view.Parked("", runner.Recurring) {
			if !asked[r.Task] {
				continue
			}
			if spec, ok := eng.recurringSpec(r); ok {
				key := plan.EntryKey(r.ID, spec)
				add(key, eng.entries[key])
			}
		}
		return nil
	})
}
