package daemon

import (
	"cmp"
	"os"
	"strings"
	"sync"
	"time"

	"rota/schedule"
)

// entry is what a key of the agenda stands for: one trigger of one task, or of
// a recurring request for one.
type entry struct {
	task        string
	of          string // the recurring request whose trigger it is; "": one of the task itself
	spec        schedule.Spec
	from, until time.Time // as of its [term]
}

// newEntry makes the entry of a trigger first seen at some instant.
func newEntry(task string, spec schedule.Spec, seen time.Time) entry {
	return entry{task: task, spec: spec.From(seen)}
}

// when is the schedule of the entry's coming due.
func (e entry) when() schedule.Schedule {
	d := e.delay()
	if d.by == 0 {
		return d.slots
	}
	return d
}

// delay is by how much its slots come due later.
func (e entry) delay() delay { return newDelay(e.task, e.spec, e.until) }

// notBefore is an instant after which the entry may come due, or a later one: just
// before its trigger is in force.
func (e entry) notBefore(last time.Time) time.Time {
	if e.from.IsZero() {
		return last
	}
	if from := e.delay().before(e.from); from.After(last) {
		return from
	}
	return last
}

// slots turns instants at which the entry came due into its slots.
func (e entry) slots(d schedule.Due) schedule.Due {
	late := e.delay()
	d.First, d.Last, d.When = late.slot(d.First), late.slot(d.Last), e.spec
	if !d.Prev.IsZero() {
		d.Prev = late.slot(d.Prev)
	}
	return d
}

// afterFinish reports whether the trigger counts from the end of a run.
func (e entry) afterFinish() bool { return e.spec.Anchor() == "finish" }

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

// again lets the triggers of a task that count from the end of a run count from
// this one, or from an instant at which there was none although one was due.
func (l *loop) again(task string, end time.Time) {
	if len(l.view.Live(task)) > 0 || len(l.view.Waiting(task)) > 0 {
		return
	}
	for _, t := range l.termsOf(task) {
		if t.spec.Anchor() == "finish" {
			e := t.entry(task, t.spec.RestartFrom(end), end)
			l.entries[t.key] = e
			l.agenda.Put(schedule.Entry{Key: t.key, When: e.when(), Last: e.notBefore(end)})
		}
	}
}

// fired is called for what came due: a trigger that counts from the end of a run
// does not come due before there was one.
func (l *loop) fired(due []schedule.Due, now time.Time) {
	for _, d := range due {
		if e := l.entries[d.Key]; e.afterFinish() {
			l.agenda.Drop(d.Key)
			l.again(e.task, now)
		}
	}
}

// entryKey is the agenda's key of a trigger of a task, or of a recurring request
// by its id, which is the name of no task.
func entryKey(task string, spec schedule.Spec) string { return task + "\x00" + triggerKey(spec) }

// triggerKey tells the triggers of one task apart, also over restarts.
func triggerKey(s schedule.Spec) string { return s.String() + " " + s.Zone().String() }
