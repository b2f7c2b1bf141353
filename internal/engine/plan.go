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

// setConfig puts a configuration in force, except its schedule.
func (eng *Engine) setConfig(c *config.Config) {
	eng.cfg = c
	eng.inForce.Store(c)
	eng.loaded = time.Now()
	eng.view.Queues, eng.view.MaxRunning = c.Queues, c.Rota.MaxRunning
	eng.view.Requeue()
	eng.initQueues()
	call(eng.options.InForce, c)
}

// plan updates the agenda to the tasks: a trigger that it has already keeps its next
// instant, a new one counts from now.
//
// If it fails the agenda stays as it was, and the engine plans again before its next
// decision.
func (eng *Engine) plan(ctx context.Context, now time.Time) error {
	eng.needsPlan = true
	if err := eng.recordFirstSeen(ctx, now); err != nil {
		return err
	}
	want := make(map[string]plan.Entry, len(eng.cfg.Tasks))
	eng.scheduledTasks = 0
	for name := range eng.cfg.Tasks {
		terms := eng.termsOf(name)
		if len(terms) > 0 {
			eng.scheduledTasks++
		}
		eng.planMoments(name, terms)
		for _, t := range terms {
			if t.Spec.AtStart() == "" && !eng.isExhausted(name, t) {
				want[t.Key] = eng.planTerm(ctx, name, t, now)
			}
		}
	}
	eng.planRecurring(want)
	for key := range eng.entries {
		if _, ok := want[key]; !ok {
			eng.agenda.Drop(key)
		}
	}
	eng.entries, eng.needsPlan = want, false
	return nil
}

// planMoments adds to the agenda when holds and a reschedule of a task begin and end.
func (eng *Engine) planMoments(name string, terms []plan.Term) {
	eng.agenda.Drop(rescheduleEndKey + name)
	for _, t := range terms {
		if !t.From.IsZero() { // after the last slot before, with its delay
			eng.putMoment(rescheduleEndKey+name, t.From.Add(maxDelay(name, terms)))
		}
	}
	if h := eng.states[name].Hold; h != nil {
		eng.releaseAt(name, h.Until)
	}
	if h := eng.states[name].Planned; h != nil {
		eng.putMoment(holdKey+name, h.Since)
	}
}

// planTerm adds a trigger of a task to the agenda, unless it has it.
func (eng *Engine) planTerm(ctx context.Context, name string, t plan.Term, now time.Time) plan.Entry {
	if e, ok := eng.entries[t.Key]; ok && e.Of(t) {
		return e
	}
	spec := t.Spec
	first := eng.states[name].FirstSeen.Of(plan.TriggerKey(spec))
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
		eng.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: eng.handledUntil(e, first)})
	}
	return e
}

// planRecurring adds the triggers of recurring requests to the agenda and to want, the
// entries that it is to have.
func (eng *Engine) planRecurring(want map[string]plan.Entry) {
	for _, r := range eng.view.Parked("", runner.Recurring) {
		spec, ok := eng.recurringSpec(r)
		if !ok {
			continue
		}
		key, e := eng.recurringEntry(r, spec)
		if _, there := eng.entries[key]; !there {
			eng.agenda.Put(schedule.Entry{Key: key, When: e.When(), Last: eng.handledUntil(e, plan.CountsFrom(r))})
		}
		want[key] = e
	}
}

// maxDelay returns the delay of the slots of a reschedule of a task.
func maxDelay(name string, all []plan.Term) (late time.Duration) {
	for _, t := range all {
		if !t.Until.IsZero() {
			late = max(late, plan.NewDelay(name, t.Spec, t.Until).By)
		}
	}
	return late
}

// handledUntil returns the instant up to which an entry is handled: by the cursor, by when
// it was first seen, before which it has no slots, and by when it is in force. Only an
// interval may be due at the instant at which it was first seen.
func (eng *Engine) handledUntil(e plan.Entry, first time.Time) time.Time {
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

// atStart returns the slots of at_start triggers: of "daemon" always, of "boot" at the first
// start since the machine booted. The cursor has the boot id, and is updated in the commit
// of the slots. Slots are recorded now; their runs are delayed by initial_delay.
func (eng *Engine) atStart(now time.Time) []runner.Slot {
	boot := eng.boot != eng.cursor.Boot
	var slots []runner.Slot
	for _, name := range slices.Sorted(maps.Keys(eng.cfg.Tasks)) {
		if eng.states[name].Reschedule == nil && !slices.ContainsFunc(eng.cfg.Tasks.Get(name).Triggers, isAtStart) {
			continue // as most
		}
		for _, t := range eng.termsOf(name) {
			if on := t.Spec.AtStart(); !t.InForce(now) || on != "daemon" && (on != "boot" || !boot) {
				continue
			}
			at := now.Truncate(time.Second)
			s := runner.Slot{Task: name, Epoch: eng.cursor.Epoch, N: 1, Cause: runner.CauseStart}
			if !eng.options.Once { // it does not wait for later runs
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
