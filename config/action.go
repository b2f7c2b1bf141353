package config

import (
	"slices"
	"strings"

	"rota/runner"
)

// action is one thing that a task can do: its key in the task's table.
type action struct {
	Key
	read  func(loc location, v any) runner.Action // returns nil if the value cannot be read
	below interface{ doc() Table }                // documents the table that the value may be; nil: none
}

// actions lists all actions.
var actions = []action{commandAction, logAction, httpAction, writeAction, cleanAction, mailAction}

// readTable returns the reader of an action that is a table.
func readTable[T any, P interface {
	*T
	runner.Action
}](t *table[T]) func(loc location, v any) runner.Action {
	return func(loc location, v any) runner.Action {
		a := t.zero()
		if !t.read(loc, v, loc.name(), &a) {
			return nil
		}
		return P(&a)
	}
}

// findAction returns the action with the name; nil if none has it.
func findAction(list []action, name string) *action {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func actionNames(list []action) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	return names
}

func docActions(list []action) []Key {
	keys := make([]Key, len(list))
	for i, a := range list {
		keys[i] = a.Key
	}
	return keys
}

// check adds the problems that the action itself finds in its values.
func (loc location) check(a runner.Action, before int) {
	if c, ok := a.(interface{ Check() []runner.Problem }); ok {
		loc.problems(c.Check(), before)
	}
}

// problems adds a complaint for each problem of an action, except for values that
// already have one from reading. before is the number of complaints before the
// action was read.
func (loc location) problems(list []runner.Problem, before int) {
	reading := loc.l.complaints[before:]
	for _, p := range list {
		at := loc
		if p.Key != "" {
			for _, key := range strings.SplitN(p.Key, ".", 2) {
				at = at.at(key)
			}
		}
		known := slices.ContainsFunc(reading, func(c complaint) bool {
			return p.Key == "" || c.Hint == didYouMean(p.Key, []string{p.Key}) ||
				len(c.path) >= len(at.path) && slices.Equal(c.path[:len(at.path)], at.path)
		})
		if !known {
			at.valueError(p.Hint, "%s", p.Msg)
		}
	}
}
