package config

import (
	"slices"
	"strings"

	"rota/runner"
)

// action is one thing that a task can do: its key in the task's table.
type action struct {
	Key
	read  func(loc location, v any) runner.Action // nil if it cannot be read
	below interface{ doc() Table }                // the table that it may be; nil: none
}

// actions are all there are.
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

// findAction returns the action of a name; nil if there is none.
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

// check adds what the action itself has to say about its values.
func (loc location) check(a runner.Action, before int) {
	if c, ok := a.(interface{ Check() []runner.Problem }); ok {
		loc.problems(c.Check(), before)
	}
}

// problems complains about the values of an action, but for those that were
// complained of when they were read; before is how many complaints there were
// then.
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
