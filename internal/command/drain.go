package command

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

func drainCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "drain",
		Category: "Change what runs",
		Usage:    "start nothing new, and wait until nothing but forked runs goes on",
		Description: `For an upgrade, or a machine about to go down: slots that come due stay queued.
It lasts until the daemon ends or, with --for, as long as that. Ctrl-C ends the
waiting, not the drain.

  rota drain && systemctl restart rota
  rota drain --for 10m`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "for `D` only, such as 10m"},
		},
		Action: func(c *cli.Context) error {
			d, err := durationFlag(c, "for")
			if err != nil {
				return err
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			drained, err := svc.Drain(c.Context, d)
			if err != nil {
				return err
			}
			line := "drained"
			if !drained.Until.IsZero() {
				line += " until " + brief(drained.Until.In(s.zone(c)), time.Now())
			}
			line += ": " + count(drained.Waiting, "run") + " waiting"
			if n := len(drained.Forked); n > 0 {
				line += ", " + count(n, "forked run") + " going on: " + strings.Join(drained.Forked, ", ")
			}
			return s.tell(c, drained, line)
		},
	}
}
