package plan

import (
	"cmp"
	"os"
	"strings"
	"sync"
	"time"

	"rota/schedule"
)

// Entry is what a key of the agenda stands for: one trigger of one task, or of
// a recurring request for one.
type Entry struct {
	Task        string
	Request     string // the recurring request whose trigger it is; "": one of the task itself
	Spec        schedule.Spec
	From, Until time.Time // as of its [Term]
}

// NewEntry makes the entry of a trigger first seen at some instant.
func NewEntry(task string, spec schedule.Spec, seen time.Time) Entry {
	return Entry{Task: task, Spec: spec.From(seen)}
}

// When is the schedule of the entry's coming due.
func (e Entry) When() schedule.Schedule {
	d := e.Delay()
	if d.By == 0 {
		return d.slots
	}
	return d
}

// Delay is by how much its slots come due later.
func (e Entry) Delay() Delay { return NewDelay(e.Task, e.Spec, e.Until) }

// NotBefore is an instant after which the entry may come due, or a later one: just
// before its trigger is in force.
func (e Entry) NotBefore(last time.Time) time.Time {
	if e.From.IsZero() {
		return last
	}
	if from := e.Delay().Before(e.From); from.After(last) {
		return from
	}
	return last
}

// Slots turns instants at which the entry came due into its Slots.
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

// Spread is the delay that jitter means for a task on this machine.
func Spread(task string, jitter time.Duration) time.Duration {
	return spread(machineID(), task, jitter)
}

// spread is the delay that jitter means for a task on a machine: whole seconds
// below the jitter, always the same.
func spread(machine, task string, jitter time.Duration) time.Duration {
	seconds := uint64(jitter / time.Second)
	if seconds == 0 {
		return 0
	}
	return time.Duration(hashOf(machine, task)%seconds) * time.Second
}

// machineID tells this machine from others.
var machineID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/etc/machine-id")
	host, _ := os.Hostname()
	return cmp.Or(strings.TrimSpace(string(id)), host)
})

// EntryKey is the agenda's key of a trigger of a task, or of a recurring request
// by its id, which is the name of no task.
func EntryKey(task string, spec schedule.Spec) string { return task + "\x00" + TriggerKey(spec) }

// TriggerKey tells the triggers of one task apart, also over restarts.
func TriggerKey(s schedule.Spec) string { return s.String() + " " + s.Zone().String() }
