package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/runner"
	"rota/schedule"
)

// Setting is one key of a task as it is in force.
type Setting struct {
	Key     string
	Value   string
	Default bool // it is what a task has that says nothing of it
}

// Settings returns all keys of the task, for people to read. Of the action it
// says nothing, of env and ping no values, and of stdin its length: they may hold
// what others should not see.
func (t Task) Settings() []Setting {
	plain := newDraft().Task
	plain.Action, plain.Base = t.Action, t.Base
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
		switch f.key {
		case runner.ActionName(t.Action):
			s.Value, s.Default = "", false
		case "missed":
			if t.Missed == "" {
				s.Value = t.missedUnsaid()
			}
		case "env":
			s.Value = strings.Join(slices.Sorted(maps.Keys(t.Env)), ", ")
		case "stdin":
			s.Value = ""
			if n := len(t.Stdin); n > 0 {
				s.Value = fmt.Sprintf("%d bytes", n)
			}
		case "ping":
			s.Value = ""
			if t.Ping != "" {
				s.Value = "given"
			}
		case "triggers":
			var texts []string
			for _, spec := range t.Triggers {
				texts = append(texts, spec.String())
			}
			s.Value = strings.Join(texts, "; ")
		}
		if (s.Value == "none" || s.Value == "{}") && !f.show {
			s.Value = ""
		}
		all = append(all, s)
	}
	return all
}

// missedUnsaid is what becomes of missed slots of a task that says nothing of
// them.
func (t Task) missedUnsaid() string {
	var once int
	for _, spec := range t.Triggers {
		if spec.Kind() == schedule.Once {
			once++
		}
	}
	switch once {
	case 0:
		return string(runner.MissedSkip)
	case len(t.Triggers):
		return string(runner.MissedOnce)
	}
	return "skip, but once for what is due only once"
}
