package command

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/suggest"
)

// verbs of other schedulers, and what does the same here.
var verbs = map[string]string{
	"validate":    "rota check",
	"verify":      "rota check",
	"lint":        "rota check",
	"test":        "rota check",
	"run":         "rota exec TASK",
	"trigger":     "rota exec TASK",
	"start":       "rota exec TASK, or rota daemon for all of them",
	"serve":       "rota daemon",
	"server":      "rota daemon",
	"ls":          "rota list",
	"tasks":       "rota list",
	"jobs":        "rota list",
	"list-timers": "rota next",
	"upcoming":    "rota next",
}

func unknownCommand(app *cli.App, name string) error {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	hint := "try: rota help"
	if near := suggest.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	if here, found := verbs[name]; found {
		hint = "here it is: " + here
	}
	return fail(exitUsage, hint, "no command %q", name)
}

func taskNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Tasks)) }
