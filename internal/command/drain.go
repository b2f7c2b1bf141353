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
		Usage:    "start no new runs, and wait until only forked ones run",
		Description: `For an upgrade, or before a machine goes down: slots that come due stay queued.
A drain lasts until the daemon ends, for the time of --for, or until --end.
Ctrl-C ends the wait, not the drain.

  rota drain && systemctl restart rota
  rota drain --for 10m
  rota drain --end`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "for `D` only, such as 10m"},
			&cli.BoolFlag{Name: "end", Usage: "let runs start again"},
		},
		Action: func(c *cli.Context) error {
			d, err := durationFlag(c, "for")
			if err != nil {
				return err
			}
			if c.Bool("end") && d > 0 {
				return misuse("drain", "--end and --for exclude each other")
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			if c.Bool("end") {
				drained, err := svc.EndDrain(c.Context)
				if err != nil {
					return err
				}
				return s.printResult(c, drained, "drain ended: "+count(drained.Waiting, "run")+" waiting")
			}
			drained, err := svc.Drain(c.Context, d)
			if err != nil {
				return err
			}
			line := "drained"
			if !drained.Until.IsZero() {
				line += " until " + shortTime(drained.Until.In(s.zone(c)), time.Now())
			}
			line += ": " + count(drained.Waiting, "run") + " waiting"
			if n := len(drained.Forked); n > 0 {
				line += ", " + count(n, "forked run") + " still running: " + strings.Join(drained.Forked, ", ")
			}
			return s.printResult(c, drained, line)
		},
	}
}
