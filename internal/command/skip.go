package command

import (
	"github.com/urfave/cli/v2"
)

func skipCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "skip",
		Category:  "Change what runs",
		Usage:     "leave out the next slot of a task",
		ArgsUsage: "TASK",
		Description: `Once more leaves out the one after it, too. The slot is recorded as skipped.
rota show TASK tells which are left out, rota release TASK ends a hold instead.

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
			return s.tell(c, slot, slot.Task+": leaves out "+s.when(c).both(slot.At))
		},
	}
}
