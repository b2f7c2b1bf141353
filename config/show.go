package config

import (
	"strings"
	"time"

	"rota/runner"
)

// Setting is one key of a task with the value in force.
type Setting struct {
	Key     string
	Value   string
	Default bool // the value of a task without the key
}

// Settings returns all keys of the task, for people to read. The value of the action
// is empty. The values of env, ping and stdin are hidden, as they may be secret: env
// has only names, ping only whether it is given, stdin only its length.
func (t Task) Settings() []Setting {
	plain := emptyTask()
	plain.Base = t.Base
	if _, command := t.Action.(*runner.Command); !command {
		plain.Timeout = time.Minute
	}
	if t.Mode == runner.Sequential {
		plain.Queue = "main"
	}
	before := plain.fields()
	var all []Setting
	for i, f := range t.fields() {
		s := Setting{Key: f.key, Value: f.short(), Default: f.text() == before[i].text()}
		switch {
		case f.show != nil:
			s.Value = f.show(&t)
		case (s.Value == "none" || s.Value == "{}") && f.keyOnly:
			s.Value = ""
		}
		all = append(all, s)
	}
	return all
}

// showTriggers returns the triggers as text.
func showTriggers(t *Task) string {
	var texts []string
	for _, spec := range t.Triggers {
		texts = append(texts, spec.String())
	}
	return strings.Join(texts, "; ")
}

// showAction returns nothing: the action is described elsewhere.
func showAction(*Task) string { return "" }
