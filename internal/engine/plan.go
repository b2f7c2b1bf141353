package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// install puts a configuration in force, but for its schedule.
func (eng *Engine) install(c *config.Config) {
	eng.cfg = c
	eng.inForce.Store(c)
	eng.loaded = time.Now()
	eng.view.Queues, eng.view.MaxRunning = c.Queues, c.Rota.MaxRunning
	eng.view.Requeue()
	eng.openQueues()
	call(eng.options.InForce, c)
}

// plan brings the agenda in line with the tasks: a trigger that is there
// already keeps its next instant, a new one counts from now.
//
// If it fails the agenda stays as it was, and the engine plans again before it
// decides anything.
func (eng *Engine) plan(ctx context.Context, now time.Time) error {
	eng.unplanned = true
	seen, err := eng.firstSeen(ctx, now)
	if err != nil {
		return err
	}
	want := make(map[string]plan.Entry, len(eng.cfg.Tasks))
	eng.tasks = 0
	for name := range eng.cfg.Tasks {
		terms := eng.termsOf(name)
		if len(terms) > 0 {
			eng.tasks++
		}
		eng.planMoments(name, terms)
		for _, t := range terms {
			if t.Spec.AtStart() == "" && !eng.ranOut(name, t) {
				want[t.Key] = eng.planTerm(ctx, name, t, seen[name], now)
			}
		}
	}
	eng.planRecurring(want)
	for key := range eng.entries {
		if _, ok := want[key]; !ok {
			eng.agenda.Drop(key)
		}
	}
	eng.entries, eng.unplanned = want, false
	return nil
}

// planMoments enters when a hold and a reschedule of a task begin and end.
func (eng *Engine) planMoments(name string, terms []plan.Term) {
	eng.agenda.Drop(rescheduleEndKey + name)
	for _, t := range terms {
		if !t.From.IsZero() { // once the last slot before has come due
			eng.put(rescheduleEndKey+name, t.From.Add(lateUntil(name, terms)))
		}
	}
	if h := eng.states[name].Hold; h != nil {
		eng.releaseAt(name, h.Until)
	}
	if h := eng.states[name].Planned; h != nil {
		eng.put(holdKey+name, h.Since)
	}
}

// planTerm enters a trigger of a task, unless it is there already. Seen is when each
// trigger of the task was seen first.
func (eng *Engine) planTerm(ctx context.Context, name string, t plan.Term, seen ledger.Seen, now time.Time) plan.Entry {
	if e, ok := eng.entries[t.Key]; ok && e.From.Equal(t.From) && e.Until.Equal(t.Until) {
		return e
	}
	spec := t.Spec
	first := seen.Of(plan.TriggerKey(spec))
	if first.IsZero() {
		first = t.Since
	}
	if spec.Anchor() == "finish" {
		if end := eng.lastEnd(ctx, name); !end.IsZero() && !end.After(now) {
			spec = spec.RestartFrom(end)
		}
	}
	e := t.Entry(name, spec, first)
	if !e.AfterFinish() || len(eng.view.Live(name)) == 0 {
		eng.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: eng.dealtWith(e, first)})
	}
	return e
}

// planRecurring enters the triggers of recurring requests, and adds them to what is
// wanted in the agenda.
func (eng *Engine) planRecurring(want map[string]plan.Entry) {
	for _, r := range eng.view.Parked("", runner.Recurring) {
		spec, ok := eng.recurringSpec(r)
		if !ok {
			continue
		}
		key, e := eng.recurringEntry(r, spec)
		if _, there := eng.entries[key]; !there {
			eng.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: eng.dealtWith(e, plan.CountsFrom(r))})
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
func (eng *Engine) dealtWith(e plan.Entry, first time.Time) time.Time {
	if e.Spec.Kind() != schedule.Interval {
		first = first.Add(time.Nanosecond)
	}
	last := e.Delay().Before(first)
	if first.Before(eng.cursor.Through) && eng.cursor.Through.After(last) {
		last = eng.cursor.Through
	}
	return e.NotBefore(last)
}

func isAtStart(s schedule.Spec) bool { return s.AtStart() != "" }

// atStart returns the slots of at_start triggers: of "daemon" always, of "boot"
// at the first start after the machine was. The cursor says which start of the
// machine that is; it moves on with the slots. The slot is initial_delay after the
// start, and recorded now: its run waits.
func (eng *Engine) atStart(now time.Time) []runner.Slot {
	boot := eng.boot != eng.cursor.Boot
	var slots []runner.Slot
	for _, name := range slices.Sorted(maps.Keys(eng.cfg.Tasks)) {
		if eng.states[name].On == nil && !slices.ContainsFunc(eng.cfg.Tasks[name].Triggers, isAtStart) {
			continue // as most
		}
		for _, t := range eng.termsOf(name) {
			if on := t.Spec.AtStart(); !t.InForce(now) || on != "daemon" && (on != "boot" || !boot) {
				continue
			}
			at := now.Truncate(time.Second)
			s := runner.Slot{Task: name, Epoch: eng.cursor.Epoch, N: 1, Cause: runner.CauseStart}
			if !eng.options.Once { // which does not stay for what comes later
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
