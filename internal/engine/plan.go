package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"rota/config"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// install puts a configuration in force, but for its schedule.
func (l *loop) install(c *config.Config) {
	l.cfg = c
	l.inForce.Store(c)
	l.loaded = time.Now()
	l.view.Queues, l.view.MaxRunning = c.Queues, c.Rota.MaxRunning
	l.view.Requeue()
	l.openLanes()
	call(l.options.InForce, c)
}

// plan brings the agenda in line with the tasks: a trigger that is there
// already keeps its next instant, a new one counts from now.
//
// If it fails the agenda stays as it was, and the loop plans again before it
// decides anything.
func (l *loop) plan(ctx context.Context, now time.Time) error {
	l.unplanned = true
	seen, err := l.sights(ctx, now)
	if err != nil {
		return err
	}
	want := map[string]plan.Entry{}
	l.tasks = 0
	for name := range l.cfg.Tasks {
		terms := l.termsOf(name)
		if len(terms) > 0 {
			l.tasks++
		}
		l.planMoments(name, terms)
		for _, t := range terms {
			if t.Spec.AtStart() == "" && !l.ranOut(name, t) {
				want[t.Key] = l.planTerm(ctx, name, t, seen[name], now)
			}
		}
	}
	l.planRecurring(want)
	for key := range l.entries {
		if _, ok := want[key]; !ok {
			l.agenda.Drop(key)
		}
	}
	l.entries, l.unplanned = want, false
	return nil
}

// planMoments enters when a hold and a reschedule of a task begin and end.
func (l *loop) planMoments(name string, terms []plan.Term) {
	l.agenda.Drop(defaultKey + name)
	for _, t := range terms {
		if !t.From.IsZero() { // once the last slot before has come due
			l.put(defaultKey+name, t.From.Add(lateUntil(name, terms)))
		}
	}
	if h := l.states[name].Hold; h != nil {
		l.releaseAt(name, h.Until)
	}
	if h := l.states[name].Planned; h != nil {
		l.put(holdKey+name, h.Since)
	}
}

// planTerm enters a trigger of a task, unless it is there already. Seen is when each
// trigger of the task was seen first.
func (l *loop) planTerm(ctx context.Context, name string, t plan.Term, seen map[string]time.Time, now time.Time) plan.Entry {
	if e, ok := l.entries[t.Key]; ok && e.From.Equal(t.From) && e.Until.Equal(t.Until) {
		return e
	}
	spec := t.Spec
	first, known := seen[plan.TriggerKey(spec)]
	if !known {
		first = t.Since
	}
	if spec.Anchor() == "finish" {
		if end := l.lastEnd(ctx, name); !end.IsZero() && !end.After(now) {
			spec = spec.RestartFrom(end)
		}
	}
	e := t.Entry(name, spec, first)
	if !e.AfterFinish() || len(l.view.Live(name)) == 0 {
		l.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: l.dealtWith(e, first)})
	}
	return e
}

// planRecurring enters the triggers of recurring requests, and adds them to what is
// wanted in the agenda.
func (l *loop) planRecurring(want map[string]plan.Entry) {
	for _, r := range l.view.Parked("", runner.Recurring) {
		spec, ok := l.recurringSpec(r)
		if !ok {
			continue
		}
		key, e := l.recurringEntry(r, spec)
		if _, there := l.entries[key]; !there {
			l.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: l.dealtWith(e, plan.CountsFrom(r))})
		}
		want[key] = e
	}
}

// lateUntil is by how much the slots of what a task is rescheduled to come due after
// their time.
func lateUntil(name string, all []plan.Term) (late time.Duration) {
	for _, t := range all {
		if !t.Until.IsZero() {
			late = max(late, plan.NewDelay(name, t.Spec, t.Until).By)
		}
	}
	return late
}

// dealtWith is up to when an entry's coming due is settled: by the cursor, by its
// first sight, before which it has no slots, and by when it is in force. Only an
// interval may come due at the instant of its first sight.
func (l *loop) dealtWith(e plan.Entry, first time.Time) time.Time {
	if e.Spec.Kind() != schedule.Interval {
		first = first.Add(time.Nanosecond)
	}
	last := e.Delay().Before(first)
	if first.Before(l.cursor.Through) && l.cursor.Through.After(last) {
		last = l.cursor.Through
	}
	return e.NotBefore(last)
}

// atStart returns the slots of at_start triggers: of "daemon" always, of "boot"
// at the first start after the machine was. The cursor says which start of the
// machine that is; it moves on with the slots. The slot is initial_delay after the
// start, and recorded now: its run waits.
func (l *loop) atStart(now time.Time) []runner.Slot {
	boot := l.boot != l.cursor.Boot
	var slots []runner.Slot
	for _, name := range slices.Sorted(maps.Keys(l.cfg.Tasks)) {
		for _, t := range l.termsOf(name) {
			if on := t.Spec.AtStart(); !t.InForce(now) || on != "daemon" && (on != "boot" || !boot) {
				continue
			}
			at := now.Truncate(time.Second)
			s := runner.Slot{Task: name, Epoch: l.cursor.Epoch, N: 1, Cause: runner.CauseStart}
			if !l.options.Once { // which does not stay for what comes later
				at = at.Add(t.Spec.InitialDelay())
				if late := plan.NewDelay(name, t.Spec, time.Time{}).Of(at); at.Add(late).After(now) {
					s.Wait = at.Add(late)
				}
			}
			if s.First, s.Last = at, at; !slices.ContainsFunc(slots, func(o runner.Slot) bool { return o.Task == name && o.Last.Equal(at) }) {
				slots = append(slots, s)
			}
		}
	}
	return slots
}
