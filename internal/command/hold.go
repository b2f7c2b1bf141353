package command

import (
	"cmp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
)

func holdCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "hold",
		Category:  "Change what runs",
		Usage:     "start no slots of tasks until they are released",
		ArgsUsage: "TASK…|--all",
		Description: `Runs under way continue, and waiting runs keep waiting. Slots that come due
meanwhile are recorded as skipped, and not started later. Holds persist over
restarts.

A hold by a caller who may control the task, such as root, binds its user, who
can neither release it nor use --force. Other holds can be released by everyone
who may hold the task.

  rota hold report --for 2h --reason 'db migration'
  rota hold report --at 22:00 --for 2h
  rota hold --all`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "all tasks"},
			&cli.StringFlag{Name: "at", Usage: "from `TIME` on, such as 22:00; else from now on"},
			&cli.StringFlag{Name: "for", Usage: "for `D` only, such as 2h; else until rota release"},
			&cli.StringFlag{Name: "reason", Usage: "`TEXT` that others see as the reason"},
		},
		Action: func(c *cli.Context) error {
			h := api.Holding{Tasks: c.Args().Slice(), All: c.Bool("all"), Why: c.String("reason")}
			if err := someOrAll(c, "a task"); err != nil {
				return err
			}
			var err error
			if h.For, err = durationFlag(c, "for"); err != nil {
				return err
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			if h.At, err = s.timeFlag(c, "at"); err != nil {
				return err
			}
			tasks, err := svc.Hold(c.Context, h)
			if err != nil && len(tasks) == 0 {
				return err
			}
			lines := make([]string, len(tasks))
			for i, t := range tasks {
				lines[i] = s.held(c, t, time.Now())
			}
			if len(tasks) == 0 {
				lines = []string{"no tasks to hold"}
			}
			return cmp.Or(err, s.printResult(c, map[string][]api.Task{"tasks": tasks}, lines...))
		},
	}
}

// held describes the hold, or the planned hold, of a task.
func (s *session) held(c *cli.Context, t api.Task, now time.Time) string {
	line, hold := "held "+t.Task, t.Hold
	if c.IsSet("at") {
		line, hold = "planned a hold of "+t.Task, t.Planned
		if hold != nil {
			line += " from " + shortTime(hold.Since.In(s.zone(c)), now)
		}
	}
	switch {
	case hold == nil:
	case hold.Until.IsZero():
		line += " until it is released"
	default:
		line += " until " + shortTime(hold.Until.In(s.zone(c)), now)
	}
	if hold != nil && hold.Why != "" {
		line += ` ("` + hold.Why + `")`
	}
	switch next := shortTime(t.Next.In(s.zone(c)), now); {
	case t.Next.IsZero():
	case covers(t.Hold, t.Next) || covers(t.Planned, t.Next):
		line += "; its next slot, " + next + ", will be skipped while it is held"
	default:
		line += "; its next slot is still " + next
	}
	return line
}

// covers reports whether a slot falls into a hold.
func covers(h *api.Hold, slot time.Time) bool {
	return h != nil && !slot.Before(h.Since) && (h.Until.IsZero() || slot.Before(h.Until))
}

// someOrAll refuses a command line with neither names nor --all, and with both.
func someOrAll(c *cli.Context, what string) error {
	name := c.Command.Name
	switch names := c.Args().Present(); {
	case !names && !c.Bool("all"):
		return misuse(name, "%s needs the name of %s, or --all", name, what)
	case names && c.Bool("all"):
		return misuse(name, "--all and %s exclude each other", strings.Join(c.Args().Slice(), ", "))
	}
	return nil
}

func releaseCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "release",
		Category:  "Change what runs",
		Usage:     "end holds of tasks, or let held runs start",
		ArgsUsage: "TASK…|RUN…|--all",
		Description: `Slots skipped meanwhile are not started. A hold planned with --at is cancelled.
--all releases all tasks; held runs are released by their ids.

  rota release report
  rota release report/evening
  rota release --all`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "all tasks"},
		},
		Action: func(c *cli.Context) error {
			if err := someOrAll(c, "a task or the id of a run"); err != nil {
				return err
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			r, err := svc.Release(c.Context, c.Args().Slice()...)
			if err != nil && len(r.Tasks)+len(r.Runs) == 0 {
				return err
			}
			var lines []string
			for _, name := range append(r.Tasks, r.Runs...) {
				lines = append(lines, "released "+name)
			}
			if lines == nil {
				lines = []string{"nothing was held"}
			}
			return cmp.Or(err, s.printResult(c, r, lines...))
		},
	}
}
