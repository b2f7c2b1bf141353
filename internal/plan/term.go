package plan

import (
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// MissedAllWithin is the default of missed_within for missed = "all".
const MissedAllWithin = 24 * time.Hour

// Term is a trigger of a task and the time in which it is in force.
type Term struct {
	Spec  schedule.Spec
	Key   string    // in the agenda
	Since time.Time // for a trigger of a reschedule, the instant of that; otherwise zero
	From  time.Time // the first instant that may be a slot; zero: any
	Until time.Time // the first instant that may no longer be a slot; zero: no end
}

// Terms returns the triggers of a task: its own, or those of a reschedule and, from the end
// of that on, its own again. Whenever a slot is handled, its trigger is the one that was in
// force at the instant of the slot.
func Terms(c *config.Config, name string, on *ledger.Reschedule) []Term {
	var all []Term
	var from time.Time
	if specs, ok := Rescheduled(c, name, on); ok {
		for _, spec := range specs {
			all = append(all, Term{Spec: spec, Key: EntryKey(name, spec) + RescheduledKey, Since: on.Since, Until: on.Until})
		}
		if on.Until.IsZero() {
			return all
		}
		from = on.Until
	}
	for _, spec := range c.Tasks.Get(name).Triggers {
		all = append(all, Term{Spec: spec, Key: EntryKey(name, spec), From: from})
	}
	return all
}

// InForce reports whether the trigger is in force at an instant.
func (t Term) InForce(at time.Time) bool {
	return !at.Before(t.From) && (t.Until.IsZero() || at.Before(t.Until))
}

// Entry returns the entry of a trigger that was first seen at an instant.
func (t Term) Entry(task string, spec schedule.Spec, seen time.Time) Entry {
	e := NewEntry(task, spec, seen)
	if !t.From.IsZero() || !t.Until.IsZero() {
		e.bounds = &bounds{t.From, t.Until}
	}
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

// CountsFrom returns the instant from which the trigger of a recurring request counts:
// when the request was made, or last rescheduled.
func CountsFrom(r runner.Run) time.Time {
	if r.NotBefore.After(r.Scheduled) {
		return r.NotBefore
	}
	return r.Scheduled
}
