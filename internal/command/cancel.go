package command

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// cancelledJSON is what cancel --all prints with --json.
type cancelledJSON struct {
	Cancelled int      `json:"cancelled"`
	Runs      []string `json:"runs"`
}

func cancelCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "cancel",
		Category:  "Run tasks",
		Usage:     "cancel a waiting run or a recurring request",
		ArgsUsage: "RUN|--all [TASK]",
		Description: `Running runs are not stopped; for that: rota stop. A TASK alone means its newest
run; with --all all of its waiting runs.

  rota cancel report/evening
  rota cancel --all report
  rota cancel --all`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "all waiting runs; with a TASK, those of that task"},
		},
		Action: func(c *cli.Context) error {
			name, all := c.Args().First(), c.Bool("all")
			if name == "" && !all {
				return misuse("cancel", "cancel needs the id of a run, or --all")
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			if !all {
				run, err := svc.Cancel(c.Context, name)
				if err != nil {
					return err
				}
				return s.printResult(c, run, "cancelled "+run.ID)
			}
			ids, err := svc.CancelAll(c.Context, name)
			if err != nil {
				if len(ids) > 0 {
					fmt.Fprintf(s.err, "cancelled %s before that\n", count(len(ids), "run"))
				}
				return err
			}
			lines := []string{"cancelled " + count(len(ids), "run")}
			for _, id := range ids {
				lines = append(lines, "  "+id)
			}
			return s.printResult(c, cancelledJSON{len(ids), ids}, lines...)
		},
	}
}
