package engine

import (
	"time"

	"rota/schedule"
)

// restartInterval lets the triggers of a task that count from the end of a run count from
// this one, or from an instant at which there was none although one was due.
func (eng *Engine) restartInterval(task string, end time.Time) {
	if len(eng.view.Live(task)) > 0 || len(eng.view.Waiting(task)) > 0 {
		return
	}
	for _, t := range eng.termsOf(task) {
		if t.Spec.Anchor() == "finish" && !eng.ranOut(task, t) {
			e := t.Entry(task, t.Spec.RestartFrom(end), end)
			eng.entries[t.Key] = e
			eng.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: e.NotBefore(end)})
		}
	}
}

// fired is called for what came due: a trigger that counts from the end of a run
// does not come due before there was one.
func (eng *Engine) fired(due []schedule.Due, now time.Time) {
	for _, d := range due {
		if e := eng.entries[d.Key]; e.AfterFinish() {
			eng.agenda.Drop(d.Key)
			eng.restartInterval(e.Task, now)
		}
	}
}
