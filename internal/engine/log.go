package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/internal/api"
)

// Dump writes the state to the log.
func (l *loop) Dump() { l.post(l.dump) }

func (l *loop) dump() {
	const most = 50
	now := time.Now()
	live, waiting := l.view.Live(""), l.view.Waiting("")
	l.log.Info("state", "config", l.cfg.Path, "tasks", len(l.cfg.Tasks), "running", len(live), "waiting", len(waiting), "file wrong", l.broken != nil)
	for _, r := range live[:min(len(live), most)] {
		l.log.Info("state: running", "task", r.Task, "run", r.ID, "for", now.Sub(r.Started).Round(time.Second).String())
	}
	for _, r := range waiting[:min(len(waiting), most)] {
		l.log.Info("state: waiting", "task", r.Task, "run", r.ID, "for", now.Sub(r.Queued).Round(time.Second).String())
	}
	for _, key := range l.soonest(most) {
		l.comes("state: next", key, now)
	}
}

// tell keeps the line that says how rota is current. It names instants, not spans, which
// would be wrong a second later.
func (l *loop) tell() {
	if l.options.Status == nil {
		return
	}
	status := api.Plural(l.tasks, "scheduled task", "scheduled tasks")
	if task, at := l.upcoming(); task != "" {
		status += fmt.Sprintf(", next %s at %s", task, at.In(l.cfg.Rota.Timezone).Format(time.TimeOnly))
	}
	if n := len(l.view.Live("")); n > 0 {
		status += fmt.Sprintf(", %d running", n)
	}
	if l.broken != nil {
		status += "; the file is wrong: the last good one is in force"
	}
	if status != l.status {
		l.status = status
		l.options.Status(status)
	}
}

// soonest returns the keys of the n entries that come due first.
func (l *loop) soonest(n int) []string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(l.entries)), func(key string) bool { return l.agenda.Next(key).IsZero() })
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(l.agenda.Next(a).Compare(l.agenda.Next(b)), cmp.Compare(a, b)) })
	return keys[:min(n, len(keys))]
}
