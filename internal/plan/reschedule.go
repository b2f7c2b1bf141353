package plan

import (
	"slices"
	"strings"

	"rota/config"
	"rota/internal/ledger"
	"rota/schedule"
)

// Never is the expression of a reschedule without slots.
const Never = "never"

// Rescheduled returns the triggers of a reschedule of a task; false: none is in force.
func Rescheduled(c *config.Config, name string, on *ledger.Reschedule) ([]schedule.Spec, bool) {
	if !Applies(c.Tasks.Get(name), on) {
		return nil, false
	}
	if on.Expr == Never {
		return nil, true
	}
	spec, faults := schedule.ParseExpr(on.Expr, c.ZoneOf(name))
	if faults != nil {
		return nil, false // written by another version of rota
	}
	return []schedule.Spec{spec}, true
}

// Applies reports whether a reschedule still applies: it ends when the triggers change that
// it replaces.
func Applies(task config.Task, on *ledger.Reschedule) bool {
	return on != nil && on.For == TriggerKeys(task)
}

// TriggerKeys returns the keys of all triggers of a task as one text, which changes with the triggers.
func TriggerKeys(task config.Task) string {
	var keys []string
	for _, spec := range task.Triggers {
		keys = append(keys, TriggerKey(spec))
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}
