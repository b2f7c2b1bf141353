package engine

import (
	"cmp"
	"slices"
	"time"

	"rota/schedule"
)

// next logs what comes due first, at most n entries of it.
func (l *loop) next(now time.Time, n int) {
	keys := l.soonest(n)
	if len(keys) == 0 {
		l.log.Info("nothing is due by itself")
	}
	for _, key := range keys {
		l.comes("next", key, now)
	}
}

// comes logs when an entry is due.
func (l *loop) comes(msg, key string, now time.Time) {
	at := l.agenda.Next(key)
	l.log.Info(msg, "task", l.entries[key].Task, "at", at.In(l.cfg.Rota.Timezone).Format(time.RFC3339), "in", schedule.FormatDuration(max(0, at.Sub(now)).Round(time.Second)))
}

// upcoming returns the task and instant of what comes due next; "" if that is
// nothing, or no slot.
func (l *loop) upcoming() (string, time.Time) {
	at := l.agenda.At()
	if at.IsZero() {
		return "", at
	}
	due := l.agenda.Due(at)
	first := slices.MinFunc(due, func(a, b schedule.Due) int {
		return cmp.Compare(l.entries[a.Key].Task, l.entries[b.Key].Task)
	})
	return l.entries[first.Key].Task, at
}
