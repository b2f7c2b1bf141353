package config

import "slices"

// aboutKeys are the keys that describe, tag and enable a task.
var aboutKeys = []key[Task]{
	row("description", anyText(func(t *Task) *string { return &t.Description }), "", "A description.", `"the nightly backup"`).hideValue(),
	row("tags", textList(func(t *Task) *[]string { return &t.Tags }), "", "Words by which commands select tasks.", `"db"`, `["db", "nightly"]`),
	row("enabled", boolean(func(t *Task) *bool { return &t.Enabled }), "true", "false: the triggers are ignored, and the task runs only on request.", "false"),
}

// taskKeys are the keys of [tasks.NAME] but triggers and actions.
var taskKeys = slices.Concat(aboutKeys, afterKeys, policyKeys, processKeys, hookKeys, lateKeys)

// defaultsKeys are the keys of tasks that [defaults] may have too.
var defaultsKeys = slices.Concat(aboutKeys, policyKeys, processKeys, hookKeys, lateKeys)

// taskNames are all keys of [tasks.NAME].
var taskNames = slices.Concat(names(taskKeys), triggerNames, []string{severalTriggers.Name}, actionNames(actions))

func isTaskKey(key string) bool { return slices.Contains(taskNames, key) }

// reach is the set of tasks that a key has an effect on.
type reach uint8

const (
	anyTask   reach = iota
	processes       // commands, and built-in actions that run in a process of their own
	commands        // commands only
)

// docTask documents [tasks.NAME].
func docTask() Table {
	return Table{
		Name: "tasks.NAME", Text: "A task: any number of triggers, one action, and how it runs.",
		Sections: []Section{
			{"About", docs(aboutKeys)},
			{"When", slices.Concat(triggerKeys, []Key{severalTriggers}, docs(afterKeys))},
			{"What: one of", docActions(actions)},
			{"How", docs(policyKeys)},
			{"The process", docs(processKeys)},
			{"What follows", docs(slices.Concat(hookKeys, lateKeys))},
		},
	}
}
