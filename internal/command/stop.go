package command

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/runner"
)

func stopCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "stop",
		Category:  "Run tasks",
		Usage:     "stop a running run, or all of a task",
		ArgsUsage: "TASK|RUN",
		Description: `Sends the task's stop_signal, waits its kill_after, then kills, and returns when
all processes of the run have ended. A waiting run is ended by rota cancel.

  rota stop sync
  rota stop sync/20261122T023000Z --kill`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "kill", Usage: "at once, without time to end by itself"},
		},
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return misuse("stop", "stop needs the name of a task or the id of a run")
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			asked := time.Now()
			runs, err := svc.Stop(c.Context, name, c.Bool("kill"))
			if err != nil {
				return err
			}
			if len(runs) == 0 {
				return api.Errorf(api.Conflict, "see all: rota ps", "%s has no running run", name)
			}
			took := time.Since(asked)
			var lines []string
			for _, r := range runs {
				if r.Outcome != runner.Cancelled {
					lines = append(lines, fmt.Sprintf("%s ended by itself: %s", r.ID, r.Outcome))
					continue
				}
				lines = append(lines, fmt.Sprintf("stopped %s (ended after %s)", r.ID, durationText(took)))
			}
			return s.printResult(c, map[string][]api.Run{"runs": runs}, lines...)
		},
	}
}
