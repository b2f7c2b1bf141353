package command

import (
	"github.com/urfave/cli/v2"
)

func skipCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "skip",
		Category:  "Change what runs",
		Usage:     "skip the next slot of a task",
		ArgsUsage: "TASK",
		Description: `Twice skips the one after it, too. The slot is recorded as skipped.
rota show TASK lists the skipped slots; rota release TASK ends a hold instead.

  rota skip backup`,
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return misuse("skip", "skip needs the name of a task")
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			slot, err := svc.Skip(c.Context, name)
			if err != nil {
				return err
			}
			return s.printResult(c, slot, slot.Task+": skips "+s.when(c).both(slot.At))
		},
	}
}
