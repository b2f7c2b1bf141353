package query

import (
	"cmp"
	"strings"

	"rota/runner"
)

// Does describes an action in a few words.
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
