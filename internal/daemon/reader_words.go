package daemon

import (
	"cmp"
	"strings"

	"rota/config"
	"rota/runner"
)

// InWords says in plain English when a task comes due, as the file has it.
func InWords(t config.Task) string {
	var texts []string
	for _, spec := range t.Triggers {
		texts = append(texts, spec.Explain())
	}
	switch {
	case !t.Enabled:
		return "by hand, not enabled"
	case texts == nil:
		return "by hand"
	}
	return strings.Join(texts, "; ")
}

// Does tells in a few words what an action does.
func Does(a runner.Action) string {
	switch a := a.(type) {
	case *runner.Command:
		if a.Text != "" {
			return strings.Join(strings.Fields(a.Text), " ")
		}
		return strings.Join(a.Argv, " ")
	case *runner.Log:
		return "log " + a.Message
	case *runner.HTTP:
		return "http " + cmp.Or(a.Method, "GET") + " " + runner.ShownURL(a.URL)
	case *runner.Write:
		return "write " + a.Path
	case *runner.Clean:
		return "clean " + a.Path
	case *runner.Mail:
		return "mail " + strings.Join(a.To, ", ")
	}
	return runner.ActionName(a)
}
