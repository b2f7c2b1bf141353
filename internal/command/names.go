package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"rota/config"
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
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	if here, found := verbs[name]; found {
		hint = "here it is: " + here
	}
	return fail(exitUsage, hint, "no command %q", name)
}

func taskNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Tasks)) }

// nearest returns the known name with the smallest edit distance, if that is at
// most 2 and at most a third of the name's length; else "".
func nearest(name string, known []string) string {
	best, least := "", min(2, len(name)/3)+1
	if len(name) > 64 { // nothing has so long a name
		return ""
	}
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := smetrics.WagnerFischer(strings.ToLower(name), k, 1, 1, 1); d < least {
			best, least = k, d
		}
	}
	return best
}
