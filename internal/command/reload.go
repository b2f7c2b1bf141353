package command

import (
	"github.com/urfave/cli/v2"
)

func reloadCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "reload",
		Category: "Change what runs",
		Usage:    "reload the file now, and show what changed",
		Description: `The daemon reloads an edited file by itself; this also shows the result. A file
with an error changes nothing; the error is shown, with exit code 3.

  rota reload --plan
  rota reload`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "plan", Usage: "only show what would change"},
		},
		Action: func(c *cli.Context) error {
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			r, err := svc.Reload(c.Context, c.Bool("plan"))
			if err != nil {
				return err
			}
			if !c.Bool("json") {
				s.warnings(r.Warnings)
			}
			line := "reloaded " + s.configName() + ": " + r.Text
			if r.Plan {
				line = "a reload of " + s.configName() + " would change: " + r.Text
			}
			return s.printResult(c, r, line)
		},
	}
}
