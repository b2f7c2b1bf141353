package plan

import (
	"time"

	"rota/config"
	"rota/internal/ledger"
	"rota/runner"
	"rota/schedule"
)

// MissedAllWithin is missed_within of missed = "all" where nothing is said.
const MissedAllWithin = 24 * time.Hour

// Term is a trigger of a task and the time for which it is in force.
type Term struct {
	Spec  schedule.Spec
	Key   string    // the agenda's
	Since time.Time // of what a task was rescheduled to: when that was; else zero
	From  time.Time // the first instant that may be a slot; zero: any
	Until time.Time // the first that may not any more; zero: there is no end
}

// Terms returns the triggers of a task: its own, or what it was rescheduled to and,
// from the end of that on, its own. Whenever rota comes to it, each slot is of the
// trigger that was in force at that instant.
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
	for _, spec := range c.Tasks[name].Triggers {
		all = append(all, Term{Spec: spec, Key: EntryKey(name, spec), From: from})
	}
	return all
}

// InForce reports whether the trigger is in force at an instant.
func (t Term) InForce(at time.Time) bool {
	return !at.Before(t.From) && (t.Until.IsZero() || at.Before(t.Until))
}

// Entry makes the Entry of a trigger that counts from an instant.
func (t Term) Entry(task string, spec schedule.Spec, seen time.Time) Entry {
	e := NewEntry(task, spec, seen)
	e.From, e.Until = t.From, t.Until
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

// CountsFrom is the instant from which the trigger of a recurring request counts:
// when it was made, or last rescheduled.
func CountsFrom(r runner.Run) time.Time {
	if r.NotBefore.After(r.Scheduled) {
		return r.NotBefore
	}
	return r.Scheduled
}
