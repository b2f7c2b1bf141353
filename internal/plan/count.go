package plan

import (
	"fmt"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/schedule"
)

// RescheduledKey is the end of the key of a trigger of a reschedule.
const RescheduledKey = " rescheduled"

// CountKey returns the key under which the runs of a trigger with a count are counted:
// its key in the agenda without the task.
func CountKey(agendaKey string) string {
	_, key, _ := strings.Cut(agendaKey, "\x00")
	return key
}

// NoCount is how many runs are left of a trigger without a count.
const NoCount = -1

// RunsLeft returns how many runs are left of a trigger; key is its key in the agenda.
func RunsLeft(spec schedule.Spec, state ledger.TaskState, key string) int {
	if spec.Count() == 0 {
		return NoCount
	}
	return max(0, spec.Count()-state.Counted[CountKey(key)].Runs)
}

// CountedOut returns the slot of the last run of a trigger that has had all its runs; key
// is the key of its count; zero: it has runs left.
func CountedOut(spec schedule.Spec, state ledger.TaskState, key string) time.Time {
	if n := state.Counted[key]; spec.Count() > 0 && n.Runs >= spec.Count() {
		return n.Last
	}
	return time.Time{}
}

// StillCounted returns the counts of the triggers that still exist.
func StillCounted(counted map[string]ledger.Counted, seen ledger.Seen, rescheduled bool) map[string]ledger.Counted {
	var still map[string]ledger.Counted
	for key, n := range counted {
		if seen.Of(key).IsZero() && !(rescheduled && strings.HasSuffix(key, RescheduledKey)) {
			continue
		}
		if still == nil {
			still = map[string]ledger.Counted{}
		}
		still[key] = n
	}
	return still
}

// LeftNote returns the note on a slot of a trigger with left runs, this one included.
func LeftNote(left int) string {
	switch left {
	case 1:
		return "the last run (count)"
	case 2:
		return "then 1 more run"
	}
	return fmt.Sprintf("then %d more runs", left-1)
}
