package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rota/internal/api"
)

// LogState writes the state to the log.
func (eng *Engine) LogState() { eng.post(eng.logState) }

func (eng *Engine) logState() {
	const most = 50
	now := time.Now()
	live, waiting := eng.view.Live(""), eng.view.Waiting("")
	eng.log.Info("state", "config", eng.cfg.Path, "tasks", len(eng.cfg.Tasks), "running", len(live), "waiting", len(waiting), "file has errors", eng.broken != nil)
	for _, r := range live[:min(len(live), most)] {
		eng.log.Info("state: running", "task", r.Task, "run", r.ID, "for", now.Sub(r.Started).Round(time.Second).String())
	}
	for _, r := range waiting[:min(len(waiting), most)] {
		eng.log.Info("state: waiting", "task", r.Task, "run", r.ID, "for", now.Sub(r.Queued).Round(time.Second).String())
	}
	for _, key := range eng.soonestKeys(most) {
		eng.logDue("state: next", key, now)
	}
}

// reportStatus updates the status line. It names instants, not durations, which would be
// wrong a second later.
func (eng *Engine) reportStatus() {
	if eng.options.Status == nil {
		return
	}
	status := api.Plural(eng.scheduledTasks, "scheduled task", "scheduled tasks")
	if task, at := eng.nextDue(); task != "" {
		status += fmt.Sprintf(", next %s at %s", task, at.In(eng.cfg.Rota.Timezone).Format(time.TimeOnly))
	}
	if n := len(eng.view.Live("")); n > 0 {
		status += fmt.Sprintf(", %d running", n)
	}
	if eng.broken != nil {
		status += "; the file has errors: the last good one is in force"
	}
	if status != eng.statusLine {
		eng.statusLine = status
		eng.options.Status(status)
	}
}

// soonestKeys returns the keys of the n entries that are due first.
func (eng *Engine) soonestKeys(n int) []string {
	type entry struct {
		key string
		at  time.Time
	}
	var first []entry // sorted; at most n
	for key := range eng.entries {
		e := entry{key, eng.agenda.Next(key)}
		if e.at.IsZero() {
			continue
		}
		i, _ := slices.BinarySearchFunc(first, e, func(a, b entry) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key))
		})
		if i < n {
			first = slices.Insert(first[:min(len(first), n-1)], i, e)
		}
	}
	keys := make([]string, len(first))
	for i, e := range first {
		keys[i] = e.key
	}
	return keys
}
