package command

import (
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
)

func whyCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "why",
		Category:  "See what happens",
		Usage:     "explain why a task did not run, or how it ran",
		ArgsUsage: "TASK [TIME]",
		Description: `Without TIME it explains the last slot that ran, or should have run. TIME
is as in rota help next, but of the past and in the task's zone: "02:30" is the
latest one, "3h" is three hours ago. Without a daemon the ledger and the file
answer.

  rota why backup
  rota why backup 02:30
  rota why backup 2026-11-22T02:30 --json`,
		Action: func(c *cli.Context) error {
			task := c.Args().First()
			if task == "" {
				return misuse("why", "why needs the name of a task")
			}
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			w := s.when(c)
			// A task that was removed from the file may still be asked about.
			if tasks, err := r.Tasks(c.Context, task); err == nil && len(tasks) == 1 {
				w.zone = zoneNamed(c, tasks[0].Timezone)
			}
			var at time.Time
			if text := c.Args().Get(1); text != "" {
				if at, err = before(text, w.now, w.zone); err != nil {
					return misuse("why", "TIME cannot be %q: %v", text, err)
				}
			}
			why, err := r.Why(c.Context, task, at)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, why)
			}
			return s.printLines(whyLines(w, why)...)
		},
	}
}

// whyLines are the sentences of an answer, and a hint.
func whyLines(w when, why api.Why) []string {
	head := why.Task
	if !why.At.IsZero() {
		head += " at " + w.both(why.At)
	}
	lines := append([]string{head}, why.Text...)
	if why.Run != nil {
		lines = append(lines, "details: rota show "+why.Run.ID)
	}
	return lines
}
