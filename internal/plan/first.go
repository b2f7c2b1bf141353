package plan

import (
	"time"

	"rota/config"
	"rota/internal/ledger"
)

// ExpectedKey is the key, among the instants when triggers were first seen, of the instant
// when expect_success_within of the task was first seen.
const ExpectedKey = ""

// FirstSeen returns when each trigger of a task was first seen: the known instant, or now
// if none is known or if it is in the future, as after a wrong clock.
func FirstSeen(task config.Task, known ledger.Seen, now time.Time) ledger.Seen {
	var seen ledger.Seen
	see := func(key string) {
		at := known.Of(key)
		if at.IsZero() || at.After(now) {
			at = now
		}
		seen.Set(key, at)
	}
	for _, spec := range task.Triggers {
		see(TriggerKey(spec))
	}
	if task.ExpectSuccessWithin > 0 {
		see(ExpectedKey)
	}
	return seen
}
