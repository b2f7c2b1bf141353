package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// never is the trigger that comes due at no time.
const never = "never"

// triggers returns what stands for the triggers of a task: its own, or what it
// was rescheduled to.
func triggers(c *config.Config, name string, on *ledger.Reschedule) []schedule.Spec {
	task := c.Tasks[name]
	if !inForce(task, on) {
		return task.Triggers
	}
	if on.Expr == never {
		return nil
	}
	spec, faults := schedule.ParseExpr(on.Expr, c.ZoneOf(name))
	if faults != nil {
		return task.Triggers // another version of rota wrote it
	}
	return []schedule.Spec{spec}
}

// inForce reports whether a reschedule still stands: not once the triggers have
// changed in whose place it was put.
func inForce(task config.Task, on *ledger.Reschedule) bool {
	return on != nil && on.For == triggerKeys(task)
}

// triggerKeys tells the triggers of a task from those it had before an edit.
func triggerKeys(task config.Task) string {
	var keys []string
	for _, spec := range task.Triggers {
		keys = append(keys, triggerKey(spec))
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}

// triggersOf is triggers as the loop has them.
func (l *loop) triggersOf(name string) []schedule.Spec {
	return triggers(l.cfg, name, l.states[name].On)
}

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

// reschedule puts a trigger in the place of those of a task; "default" goes back
// to them.
func (l *loop) reschedule(ctx context.Context, r api.Rescheduling, who string) (api.Rescheduled, error) {
	done := api.Rescheduled{Name: r.Name, Expr: r.Expr, Until: r.Until, Was: l.nextOf(r.Name, "")}
	now, err := l.settled(ctx)
	if err != nil {
		return done, err
	}
	var on *ledger.Reschedule
	if r.Expr != "default" {
		if r.Expr != never {
			spec, err := l.parse(r.Name, r.Expr, now)
			if err != nil {
				return done, err
			}
			done.Expr = spec.String()
		}
		on = &ledger.Reschedule{Expr: done.Expr, By: who, Since: now, Until: r.Until, For: triggerKeys(l.cfg.Tasks[r.Name])}
	}
	text := "to " + done.Expr
	if !r.Until.IsZero() {
		text += " until " + l.spell(r.Until)
	}
	err = l.change(ctx, r.Name, func(s *ledger.TaskState) { s.On = on },
		ledger.Event{Time: now, Kind: "reschedule", Task: r.Name, Who: who, Text: text, Data: ledger.EventData{Expr: done.Expr, Until: r.Until}})
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

// nextOf is when a task, or with its id one of its standing requests, comes due
// next, but for slots that are left out, in the zone to show it in; zero: not by itself.
func (l *loop) nextOf(task, request string) time.Time {
	var first time.Time
	for key, e := range l.entries {
		if e.task != task || e.of != request {
			continue
		}
		at := l.agenda.Next(key)
		for request == "" && !at.IsZero() && l.isLeftOut(task, at.Add(-e.late)) {
			at = e.when().Next(at)
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
// agenda has them, for those who ask. What a task is rescheduled to for a time is
// followed by its own triggers.
func (l *loop) coming(ctx context.Context, names []string) ([]coming, error) {
	var all []coming
	return all, l.ask(ctx, func() error {
		now := l.clock.Now()
		timed := func(task string) bool { on := l.states[task].On; return on != nil && !on.Until.IsZero() }
		add := func(key string, e entry) {
			if at := l.agenda.Next(key); !at.IsZero() && (e.of != "" || !timed(e.task)) {
				all = append(all, coming{task: e.task, of: e.of, spec: e.spec, after: at.Add(-e.late - time.Nanosecond), late: e.late})
			}
		}
		if len(names) == 0 {
			for key, e := range l.entries {
				add(key, e)
			}
			for name := range l.cfg.Tasks {
				if timed(name) {
					all = append(all, inForceAt(l.cfg, name, l.states[name], now)...)
				}
			}
			return nil
		}
		asked := map[string]bool{}
		for _, name := range names {
			if asked[name] {
				continue
			}
			asked[name] = true
			if timed(name) {
				all = append(all, inForceAt(l.cfg, name, l.states[name], now)...)
			}
			for _, spec := range l.triggersOf(name) {
				key := entryKey(name, spec)
				add(key, l.entries[key])
			}
		}
		for _, r := range l.view.Parked("", runner.Standing) {
			if !asked[r.Task] {
				continue
			}
			if spec, ok := l.standingSpec(r); ok {
				key := entryKey(r.ID, spec)
				add(key, l.entries[key])
			}
		}
		return nil
	})
}
