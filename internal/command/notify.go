package command

import (
	"github.com/urfave/cli/v2"
)

func notifyCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "notify",
		Category:  "Change what runs",
		Usage:     "send a test notification",
		ArgsUsage: "test NAME",
		Description: `NAME is that of a [notify.NAME]. It is sent once and at once, whatever its
at_most_every, and the result is printed.

  rota notify test ops`,
		Action: func(c *cli.Context) error {
			name := c.Args().Get(1)
			if c.Args().First() != "test" || name == "" {
				return misuse("notify", `notify needs the word test and the name of a target`)
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			n, err := svc.Notify(c.Context, name)
			if err != nil {
				return err
			}
			return s.printResult(c, n, "sent to "+n.To+" in "+durationText(durationOf(n.Took)))
		},
	}
}
