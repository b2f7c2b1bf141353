package engine

import (
	"time"

	"rota/schedule"
)

// again lets the triggers of a task that count from the end of a run count from
// this one, or from an instant at which there was none although one was due.
func (l *loop) again(task string, end time.Time) {
	if len(l.view.Live(task)) > 0 || len(l.view.Waiting(task)) > 0 {
		return
	}
	for _, t := range l.termsOf(task) {
		if t.Spec.Anchor() == "finish" && !l.ranOut(task, t) {
			e := t.Entry(task, t.Spec.RestartFrom(end), end)
			l.entries[t.Key] = e
			l.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: e.NotBefore(end)})
		}
	}
}

// fired is called for what came due: a trigger that counts from the end of a run
// does not come due before there was one.
func (l *loop) fired(due []schedule.Due, now time.Time) {
	for _, d := range due {
		if e := l.entries[d.Key]; e.AfterFinish() {
			l.agenda.Drop(d.Key)
			l.again(e.Task, now)
		}
	}
}
