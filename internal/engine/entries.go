package engine

import (
	"time"

	"rota/schedule"
)

// restartInterval restarts the triggers of a task that count from the end of a run: from
// this end, or from an instant at which a slot was due but no run resulted.
func (eng *Engine) restartInterval(task string, end time.Time) {
	if len(eng.view.Live(task)) > 0 || len(eng.view.Waiting(task)) > 0 {
		return
	}
	for _, t := range eng.termsOf(task) {
		if t.Spec.Anchor() == "finish" && !eng.isExhausted(task, t) {
			e := t.Entry(task, t.Spec.RestartFrom(end), end)
			eng.entries[t.Key] = e
			eng.agenda.Put(schedule.Entry{Key: t.Key, When: e.When(), Last: e.NotBefore(end)})
		}
	}
}

// suspendAfterFinish removes due triggers that count from the end of a run from the agenda
// until a run has ended.
func (eng *Engine) suspendAfterFinish(due []schedule.Due, now time.Time) {
	for _, d := range due {
		if e := eng.entries[d.Key]; e.AfterFinish() {
			eng.agenda.Drop(d.Key)
			eng.restartInterval(e.Task, now)
		}
	}
}
