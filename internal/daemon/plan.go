package daemon

import (
	"context"
	"maps"
	"slices"
	"time"

	"rota/config"
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
	l.out.configure(c)
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
	want := map[string]entry{}
	l.tasks = 0
	for name := range l.cfg.Tasks {
		specs, on := l.triggersOf(name), l.states[name].On
		if len(specs) > 0 {
			l.tasks++
		}
		if on != nil && !on.Until.IsZero() {
			l.put(defaultKey+name, on.Until)
		} else {
			l.agenda.Drop(defaultKey + name)
		}
		if h := l.states[name].Hold; h != nil {
			l.releaseAt(name, h.Until)
		}
		for _, spec := range specs {
			if spec.AtStart() != "" {
				continue
			}
			key := entryKey(name, spec)
			if e, ok := l.entries[key]; ok {
				want[key] = e
				continue
			}
			first, known := seen[name][triggerKey(spec)]
			if on != nil && !known {
				first = on.Since
			}
			if spec.Anchor() == "finish" {
				if end := l.lastEnd(ctx, name); !end.IsZero() && !end.After(now) {
					spec = spec.RestartFrom(end)
				}
			}
			e := newEntry(name, spec, first)
			want[key] = e
			if e.afterFinish() && len(l.view.Live(name)) > 0 {
				continue
			}
			l.agenda.Put(schedule.Entry{Key: key, When: e.when(), Last: l.dealtWith(e, first)})
		}
	}
	for _, r := range l.view.Parked("", runner.Standing) {
		if spec, ok := l.standingSpec(r); ok {
			key, e := l.standingEntry(r, spec)
			if _, there := l.entries[key]; !there {
				l.agenda.Put(schedule.Entry{Key: key, When: e.when(), Last: l.dealtWith(e, countsFrom(r))})
			}
			want[key] = e
		}
	}
	for key := range l.entries {
		if _, ok := want[key]; !ok {
			l.agenda.Drop(key)
		}
	}
	l.entries, l.unplanned = want, false
	return nil
}

// dealtWith is up to when an entry's coming due is settled: by the cursor, and by
// its first sight, before which it has no slots. Only an interval may come due
// at that very instant.
func (l *loop) dealtWith(e entry, first time.Time) time.Time {
	last := first.Add(e.late)
	if e.spec.Kind() == schedule.Interval {
		last = last.Add(-time.Nanosecond)
	}
	if first.Before(l.cursor.Through) && l.cursor.Through.After(last) {
		return l.cursor.Through
	}
	return last
}

// atStart returns the slots of at_start triggers: of "daemon" always, of "boot"
// at the first start after the machine was. The cursor says which start of the
// machine that is; it moves on with the slots.
func (l *loop) atStart(now time.Time) []runner.Slot {
	boot := l.boot != l.cursor.Boot
	var slots []runner.Slot
	for _, name := range slices.Sorted(maps.Keys(l.cfg.Tasks)) {
		for _, spec := range l.triggersOf(name) {
			if on := spec.AtStart(); on == "daemon" || on == "boot" && boot {
				at := now.Truncate(time.Second)
				slots = append(slots, runner.Slot{Task: name, Epoch: l.cursor.Epoch, First: at, Last: at, N: 1, Cause: runner.CauseStart})
				break
			}
		}
	}
	return slots
}
