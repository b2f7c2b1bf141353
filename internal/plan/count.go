package plan

import (
	"fmt"
	"strings"
	"time"

	"rota/internal/ledger"
	"rota/schedule"
)

// RescheduledKey ends the key of a trigger that a task was rescheduled to.
const RescheduledKey = " rescheduled"

// CountKey is under which the runs of a trigger with a count are counted: its key in
// the agenda without the task.
func CountKey(agendaKey string) string {
	_, key, _ := strings.Cut(agendaKey, "\x00")
	return key
}

// NoCount is how many runs are left of a trigger without a count.
const NoCount = -1

// RunsLeft is how many runs are left of a trigger of a task, by its key in the agenda.
func RunsLeft(spec schedule.Spec, state ledger.TaskState, key string) int {
	if spec.Count() == 0 {
		return NoCount
	}
	return max(0, spec.Count()-state.Counted[CountKey(key)].Runs)
}

// CountedOut is the slot with which a trigger had its last run, by the key under which
// its runs are counted; zero: it has not.
func CountedOut(spec schedule.Spec, state ledger.TaskState, key string) time.Time {
	if n := state.Counted[key]; spec.Count() > 0 && n.Runs >= spec.Count() {
		return n.Last
	}
	return time.Time{}
}

// StillCounted are the counts of triggers that are still there.
func StillCounted(counted map[string]ledger.Counted, seen map[string]time.Time, rescheduled bool) map[string]ledger.Counted {
	var still map[string]ledger.Counted
	for key, n := range counted {
		_, there := seen[key]
		if !there && !(rescheduled && strings.HasSuffix(key, RescheduledKey)) {
			continue
		}
		if still == nil {
			still = map[string]ledger.Counted{}
		}
		still[key] = n
	}
	return still
}

// LeftNote tells how many runs come after one of which so many are left.
func LeftNote(left int) string {
	switch left {
	case 1:
		return "the last run (count)"
	case 2:
		return "then 1 more run"
	}
	return fmt.Sprintf("then %d more runs", left-1)
}
