package daemon

import (
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/schedule"
)

// term is a trigger of a task and the time for which it is in force.
type term struct {
	spec  schedule.Spec
	key   string    // the agenda's
	since time.Time // of what a task was rescheduled to: when that was; else zero
	from  time.Time // the first instant that may be a slot; zero: any
	until time.Time // the first that may not any more; zero: there is no end
}

// terms returns the triggers of a task: its own, or what it was rescheduled to and,
// from the end of that on, its own. Whenever rota comes to it, each slot is of the
// trigger that was in force at that instant.
func terms(c *config.Config, name string, on *ledger.Reschedule) []term {
	var all []term
	var from time.Time
	if specs, ok := rescheduledTo(c, name, on); ok {
		for _, spec := range specs {
			all = append(all, term{spec: spec, key: entryKey(name, spec) + " rescheduled", since: on.Since, until: on.Until})
		}
		if on.Until.IsZero() {
			return all
		}
		from = on.Until
	}
	for _, spec := range c.Tasks[name].Triggers {
		all = append(all, term{spec: spec, key: entryKey(name, spec), from: from})
	}
	return all
}

// inForce reports whether the trigger is in force at an instant.
func (t term) inForce(at time.Time) bool {
	return !at.Before(t.from) && (t.until.IsZero() || at.Before(t.until))
}

// entry makes the entry of a trigger that counts from an instant.
func (t term) entry(task string, spec schedule.Spec, seen time.Time) entry {
	e := newEntry(task, spec, seen)
	e.from, e.until = t.from, t.until
	return e
}

// ending is a schedule without the slots from an instant on.
type ending struct {
	schedule.Schedule
	until time.Time
}

func (s ending) Next(after time.Time) time.Time {
	if at := s.Schedule.Next(after); at.Before(s.until) {
		return at
	}
	return time.Time{}
}
