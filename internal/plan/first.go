package plan

import (
	"time"

	"rota/config"
)

// ExpectedKey is the key, among the instants when triggers were first seen, of the instant
// when expect_success_within of the task was first seen.
const ExpectedKey = ""

// FirstSeen returns when each trigger of a task was first seen: the known instant, or now
// if none is known or if it is in the future, as after a wrong clock.
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
