package daemon

import (
	"cmp"
	"hash/fnv"
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
	late        time.Duration // by which jitter delays its coming due; slots stay where they are
	from, until time.Time     // as of its [term]
}

// newEntry makes the entry of a trigger first seen at some instant.
func newEntry(task string, spec schedule.Spec, seen time.Time) entry {
	return entry{task: task, spec: spec.From(seen), late: Spread(task, spec.Jitter())}
}

// when is the schedule of the entry's coming due.
func (e entry) when() schedule.Schedule {
	var when schedule.Schedule = e.spec
	if !e.until.IsZero() {
		when = ending{when, e.until}
	}
	if e.late > 0 {
		when = shifted{when, e.late}
	}
	return when
}

// notBefore is an instant after which the entry may come due, or a later one: just
// before its trigger is in force.
func (e entry) notBefore(last time.Time) time.Time {
	if from := e.from.Add(e.late - time.Nanosecond); !e.from.IsZero() && from.After(last) {
		return from
	}
	return last
}

// slots turns instants at which the entry came due into its slots.
func (e entry) slots(d schedule.Due) schedule.Due {
	d.First, d.Last, d.When = d.First.Add(-e.late), d.Last.Add(-e.late), e.spec
	if !d.Prev.IsZero() {
		d.Prev = d.Prev.Add(-e.late)
	}
	return d
}

// afterFinish reports whether the trigger counts from the end of a run.
func (e entry) afterFinish() bool { return e.spec.Anchor() == "finish" }

// shifted is a schedule moved by a span of time.
type shifted struct {
	schedule.Schedule
	by time.Duration
}

func (d shifted) Next(after time.Time) time.Time {
	at := d.Schedule.Next(after.Add(-d.by))
	if at.IsZero() {
		return at
	}
	return at.Add(d.by)
}

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
	h := fnv.New64a()
	_, _ = h.Write([]byte(machine + "\x00" + task))
	return time.Duration(h.Sum64()%seconds) * time.Second
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
