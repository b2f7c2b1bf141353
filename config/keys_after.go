package config

import (
	"maps"
	"slices"
)

const afterKey = "after"

// afterKeys are the keys that name the tasks which a task waits for.
var afterKeys = []key[Task]{
	row(afterKey, custom(orList(textType), func(t *Task) *[]string { return &t.After }, setAfter), "", "Names of tasks: run once each of them has been ok since this task last ran. With triggers, the task starts by these, too. For anything more complex use a workflow engine.", `"extract"`, `["extract", "clean"]`),
}

// setAfter reads the names of the tasks after which this task runs.
func setAfter(loc location, v any, to *Task) {
	n := 0
	loc.each(v, func(loc location, item any) {
		name := ""
		switch n++; {
		case n == maxTargets+1:
			loc.valueError("let one task run after some of them, and this one after that", "%s has more than %d items", afterKey, maxTargets)
		case n > maxTargets || !loc.filled(item, &name):
		case slices.Contains(to.After, name):
			loc.valueError("remove one of them", "task %q is named twice", name)
		default:
			to.After = append(to.After, name)
			loc.l.references = append(loc.l.references, reference{at: loc, name: name, task: true})
		}
	})
}

// followersOf returns for each task the names of the tasks that run after it, sorted.
func followersOf(tasks Tasks) map[string][]string {
	followers := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(tasks)) {
		for _, before := range tasks.Get(name).After {
			followers[before] = append(followers[before], name)
		}
	}
	return followers
}

// Followers returns the names of the enabled tasks that run after the named task.
func (c *Config) Followers(task string) []string {
	return slices.DeleteFunc(slices.Clone(c.runAfter[task]), func(name string) bool { return !c.Tasks.Get(name).Enabled })
}

// AfterText names the tasks after which t runs: "after a, b and c"; "" if none.
func (t Task) AfterText() string {
	switch len(t.After) {
	case 0:
		return ""
	case 1:
		return "after " + t.After[0]
	}
	return "after " + enumerate(t.After)
}
