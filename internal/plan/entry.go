package plan

import (
	"cmp"
	"os"
	"strings"
	"sync"
	"time"

	"rota/schedule"
)

// Entry is the value of a key of the agenda: one trigger of a task, or of a recurring
// request.
type Entry struct {
	Task    string
	Request string // the id of the recurring request with the trigger; "": a trigger of the task
	Spec    schedule.Spec
	bounds  *bounds // nil: none, as nearly always
}

// bounds are From and Until of a [Term].
type bounds struct{ from, until time.Time }

// NewEntry returns the entry of a trigger that was first seen at an instant.
func NewEntry(task string, spec schedule.Spec, seen time.Time) Entry {
	return Entry{Task: task, Spec: spec.From(seen)}
}

// When returns the schedule of the instants at which the entry is due.
func (e Entry) When() schedule.Schedule {
	d := e.Delay()
	if d.By == 0 {
		return d.slots
	}
	return d
}

// Delay returns the delay of its slots.
func (e Entry) Delay() Delay { return NewDelay(e.Task, e.Spec, e.Until()) }

// Until returns the first instant that may no longer be a slot; zero: no end.
func (e Entry) Until() time.Time {
	if e.bounds == nil {
		return time.Time{}
	}
	return e.bounds.until
}

// Of reports whether the entry is that of a term.
func (e Entry) Of(t Term) bool {
	in := bounds{}
	if e.bounds != nil {
		in = *e.bounds
	}
	return in.from.Equal(t.From) && in.until.Equal(t.Until)
}

// NotBefore returns last or, if that is later, the instant just before the trigger is in
// force: the entry is due only after it.
func (e Entry) NotBefore(last time.Time) time.Time {
	if e.bounds == nil || e.bounds.from.IsZero() {
		return last
	}
	if from := e.Delay().Before(e.bounds.from); from.After(last) {
		return from
	}
	return last
}

// Slots converts the instants at which the entry was due into its slots.
func (e Entry) Slots(d schedule.Due) schedule.Due {
	late := e.Delay()
	d.First, d.Last, d.When = late.Slot(d.First), late.Slot(d.Last), e.Spec
	if !d.Prev.IsZero() {
		d.Prev = late.Slot(d.Prev)
	}
	return d
}

// AfterFinish reports whether the trigger counts from the end of a run.
func (e Entry) AfterFinish() bool { return e.Spec.Anchor() == "finish" }

// Spread returns the delay by jitter of a task on this machine.
func Spread(task string, jitter time.Duration) time.Duration {
	return spread(machineID(), task, jitter)
}

// spread returns the delay by jitter of a task on a machine: whole seconds, less than the
// jitter, always the same.
func spread(machine, task string, jitter time.Duration) time.Duration {
	seconds := uint64(jitter / time.Second)
	if seconds == 0 {
		return 0
	}
	return time.Duration(hashOf(machine, task)%seconds) * time.Second
}

// machineID returns the id of this machine.
var machineID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/etc/machine-id")
	host, _ := os.Hostname()
	return cmp.Or(strings.TrimSpace(string(id)), host)
})

// EntryKey returns the key in the agenda for a trigger of a task, or of a recurring request
// by its id, which is never the name of a task.
func EntryKey(task string, spec schedule.Spec) string { return task + "\x00" + TriggerKey(spec) }

// TriggerKey returns the key of a trigger among those of its task; it is the same after a restart.
func TriggerKey(s schedule.Spec) string { return s.String() + " " + s.Zone().String() }
