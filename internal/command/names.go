package command

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/suggest"
)

// verbs are commands of other schedulers, and the equivalent of each.
var verbs = map[string]string{
	"validate":    "rota check",
	"verify":      "rota check",
	"lint":        "rota check",
	"test":        "rota check",
	"trigger":     "rota run TASK",
	"start":       "rota run TASK, or rota daemon for all of them",
	"submit":      "rota run TASK",
	"enqueue":     "rota run TASK",
	"retry":       "rota run TASK, or rota run --failed",
	"rerun":       "rota run TASK, or rota run --failed",
	"execute":     "rota run TASK",
	"kill":        "rota stop TASK --kill",
	"abort":       "rota stop TASK, or rota cancel RUN if it waits",
	"pause":       "rota hold TASK",
	"disable":     "rota hold TASK",
	"suspend":     "rota hold TASK",
	"resume":      "rota release TASK",
	"unpause":     "rota release TASK",
	"enable":      "rota release TASK",
	"delete":      "rota forget RUN",
	"remove":      "rota forget RUN",
	"prune":       "rota forget --older D",
	"queues":      "rota queue list",
	"serve":       "rota daemon",
	"server":      "rota daemon",
	"ls":          "rota list",
	"tasks":       "rota list",
	"jobs":        "rota list",
	"list-timers": "rota next",
	"upcoming":    "rota next",
	"log":         "rota logs TASK",
	"tail":        "rota logs -f TASK",
	"output":      "rota logs TASK, or rota result TASK",
	"watch":       "rota list -w",
	"top":         "rota ps",
	"running":     "rota ps",
	"runs":        "rota history",
	"inspect":     "rota show TASK",
	"describe":    "rota show TASK",
	"info":        "rota show TASK, or rota status",
	"health":      "rota ping",
	"healthcheck": "rota ping",
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
