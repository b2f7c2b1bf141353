package engine

import (
	"cmp"
	"slices"
	"time"

	"rota/schedule"
)

// logUpcoming logs the n entries that are due next.
func (eng *Engine) logUpcoming(now time.Time, n int) {
	keys := eng.soonestKeys(n)
	if len(keys) == 0 {
		eng.log.Info("no task has a next slot")
	}
	for _, key := range keys {
		eng.logDue("next", key, now)
	}
}

// logDue logs when an entry is due next.
func (eng *Engine) logDue(msg, key string, now time.Time) {
	at := eng.agenda.Next(key)
	eng.log.Info(msg, "task", eng.entries[key].Task, "at", at.In(eng.cfg.Rota.Timezone).Format(time.RFC3339), "in", schedule.FormatDuration(max(0, at.Sub(now)).Round(time.Second)))
}

// nextDue returns the task and instant that is due next; the task is "" if none is, or if
// it is a moment.
func (eng *Engine) nextDue() (string, time.Time) {
	at := eng.agenda.At()
	if at.IsZero() {
		return "", at
	}
	due := eng.agenda.Due(at)
	first := slices.MinFunc(due, func(a, b schedule.Due) int {
		return cmp.Compare(eng.entries[a.Key].Task, eng.entries[b.Key].Task)
	})
	return eng.entries[first.Key].Task, at
}
