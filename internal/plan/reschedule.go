package plan

import (
	"slices"
	"strings"

	"rota/config"
	"rota/internal/ledger"
	"rota/schedule"
)

// Never is the trigger that comes due at no time.
const Never = "never"

// Rescheduled returns what stands in the place of the triggers of a task; false:
// nothing does.
func Rescheduled(c *config.Config, name string, on *ledger.Reschedule) ([]schedule.Spec, bool) {
	if !Applies(c.Tasks[name], on) {
		return nil, false
	}
	if on.Expr == Never {
		return nil, true
	}
	spec, faults := schedule.ParseExpr(on.Expr, c.ZoneOf(name))
	if faults != nil {
		return nil, false // another version of rota wrote it
	}
	return []schedule.Spec{spec}, true
}

// Applies reports whether a reschedule still stands: not once the triggers have
// changed in whose place it was put.
func Applies(task config.Task, on *ledger.Reschedule) bool {
	return on != nil && on.For == TriggerKeys(task)
}

// TriggerKeys tells the triggers of a task from those it had before an edit.
func TriggerKeys(task config.Task) string {
	var keys []string
	for _, spec := range task.Triggers {
		keys = append(keys, TriggerKey(spec))
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}
