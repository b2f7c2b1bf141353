package plan

import (
	"time"

	"rota/config"
)

// ExpectedKey stands, among the first sights of triggers, for that of a task that
// is expected to end well from time to time.
const ExpectedKey = ""

// FirstSeen is when each trigger of a task was first seen: as it was remembered,
// or now, also if a clock that was wrong showed a time to come.
func FirstSeen(task config.Task, known map[string]time.Time, now time.Time) map[string]time.Time {
	seen := make(map[string]time.Time, len(task.Triggers))
	see := func(key string) {
		if seen[key] = now; !known[key].IsZero() && !known[key].After(now) {
			seen[key] = known[key]
		}
	}
	for _, spec := range task.Triggers {
		see(TriggerKey(spec))
	}
	if task.ExpectSuccessWithin > 0 {
		see(ExpectedKey)
	}
	return seen
}
