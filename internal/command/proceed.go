package command

import (
	"os"

	"github.com/urfave/cli/v2"

	"rota/runner"
)

func proceedCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "proceed",
		Category: "Run tasks",
		Usage:    "report whether a running task may continue",
		Description: `For a command that rota runs, between two steps of its work: exit code 0 means
continue, and 1 that it was asked to stop. It checks a file, so it is quick and
needs no daemon. With stop_signal = "none" nothing else asks a task to stop. If
rota itself stops, this is true at once, and the signal follows shutdown_grace.

  rota proceed || exit 0
  while rota proceed; do work-a-little; done`,
		Action: func(c *cli.Context) error {
			stop, err := runner.StopAsked(os.Getenv)
			switch {
			case err != nil && os.Getenv("ROTA_STOP_FILE") == "":
				return fail(exitUsage, "", "%v", err)
			case err != nil:
				return fail(exitUsage, "", "cannot find out whether to stop: %v", err)
			case c.Bool("json"):
				if err := s.json(s.out, map[string]bool{"proceed": !stop}); err != nil {
					return err
				}
			}
			if stop {
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
}
