package command

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/schedule"
)

func rescheduleCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "reschedule",
		Category:  "Change what runs",
		Usage:     "run a task on another schedule for a while",
		ArgsUsage: "TASK|RUN EXPR…|default|never",
		Description: `EXPR is as in rota help explain; RUN is a recurring request. It persists
over restarts, until the triggers in the file change or, with --until, up to a
time. After an EXPR of one instant, such as in 5m, the task is due as in the
file again or, with --then never, not at all. The file is unchanged: default
restores its triggers, and ends skips (rota skip).

  rota reschedule sync interval 3h
  rota reschedule sync weekday mon-fri at 08:00 --until 2026-12-24
  rota reschedule "$ROTA_TASK" in 5m
  rota reschedule "$ROTA_TASK" in 5m --then never
  rota reschedule sync never
  rota reschedule sync default`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "until", Usage: "only up to `TIME`"},
			&cli.StringFlag{Name: "then", Usage: "after one instant: `default` or never"},
		},
		Action: func(c *cli.Context) error {
			r := api.Rescheduling{Name: c.Args().First(), Expr: strings.Join(c.Args().Tail(), " "), Then: c.String("then")}
			if r.Name == "" || r.Expr == "" {
				return misuse("reschedule", "reschedule needs the name of a task and when it is due")
			}
			if words := c.Args().Tail(); fileAmong(words) != "" {
				if _, faults := schedule.ParseExprAt(r.Expr, time.UTC, time.Now()); faults != nil {
					return replacedStar("reschedule TASK", words)
				}
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			if r.Until, err = s.timeFlag(c, "until"); err != nil {
				return err
			}
			done, err := svc.Reschedule(c.Context, r)
			if err != nil {
				return err
			}
			return s.printResult(c, done, rescheduled(s.when(c), filepath.Base(s.configName()), done))
		},
	}
}

// rescheduled describes the result of a reschedule.
func rescheduled(w when, file string, r api.Rescheduled) string {
	line := r.Name + ": "
	switch {
	case r.Expr == "default":
		line += "as in " + file + " again, "
	case r.Expr != "never":
		line += r.Expr + ", "
	}
	if r.Next.IsZero() {
		line += "no longer due"
	} else {
		line += "next " + w.till(r.Next)
	}
	if !r.Was.IsZero() {
		line += " (was " + w.till(r.Was) + ")"
	}
	if !r.Until.IsZero() {
		line += "; until " + shortTime(w.in(r.Until), w.now) + ", then as in " + file
	}
	switch r.Then {
	case "default":
		line += "; then as in " + file
	case "never":
		line += "; then never"
	}
	return line
}
