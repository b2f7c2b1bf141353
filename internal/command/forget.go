package command

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/internal/suggest"
	"rota/runner"
	"rota/schedule"
)

func forgetCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "forget",
		Category:  "Change what runs",
		Usage:     "remove ended runs, with their output and result",
		ArgsUsage: "[RUN…|TASK]",
		Description: `Either runs by id, or all ended runs of the TASK, with the outcome, that are
older than D. Waiting and running runs stay. A selection is confirmed on a
terminal; elsewhere it needs --yes.

WORD is ok, failed, timeout, cancelled, skipped, missed, lost or replaced.

  rota forget convert/photo1 convert/photo2
  rota forget --outcome failed,lost --older 90d --yes
  rota forget convert`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "outcome", Usage: "only those that ended as one of `WORD,…`"},
			&cli.StringFlag{Name: "older", Usage: "only those that ended more than `D` ago"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
		},
		Action: func(c *cli.Context) error {
			f, err := newForgetting(c)
			if err != nil {
				return err
			}
			if f.IDs == nil && !c.Bool("yes") {
				if err := s.confirm("forget " + selected(f) + "?"); err != nil {
					return err
				}
			}
			svc, err := s.service(c)
			if err != nil {
				return err
			}
			n, err := svc.Forget(c.Context, f)
			if err != nil {
				return err
			}
			return s.printResult(c, map[string]int{"forgotten": n}, "forgot "+count(n, "run"))
		},
	}
}

// newForgetting reads which runs to forget. A name with a slash is a run.
func newForgetting(c *cli.Context) (api.Forgetting, error) {
	var f api.Forgetting
	for _, name := range c.Args().Slice() {
		switch {
		case strings.Contains(name, "/"):
			f.IDs = append(f.IDs, name)
		case f.Task != "":
			return f, misuse("forget", "forget takes one task, not %s and %s", f.Task, name)
		default:
			f.Task = name
		}
	}
	var err error
	if c.IsSet("outcome") {
		if f.Outcomes, err = outcomesIn(c.String("outcome")); err != nil {
			return f, err
		}
	}
	if f.Older, err = durationFlag(c, "older"); err != nil {
		return f, err
	}
	selects := f.Task != "" || f.Outcomes != nil || f.Older > 0
	switch {
	case f.IDs != nil && selects:
		return f, misuse("forget", "ids of runs exclude --outcome, --older and a task")
	case f.IDs == nil && !selects:
		return f, misuse("forget", "forget needs ids of runs, a task, --outcome or --older")
	}
	return f, nil
}

// outcomesIn reads a list of outcomes, with commas between them.
func outcomesIn(text string) ([]runner.Outcome, error) {
	var list []runner.Outcome
	for word := range strings.SplitSeq(text, ",") {
		o := runner.Outcome(strings.TrimSpace(word))
		if !slices.Contains(outcomes, o) {
			var known []string
			for _, o := range outcomes {
				known = append(known, string(o))
			}
			if near := suggest.Nearest(string(o), known); near != "" {
				return nil, fail(exitUsage, fmt.Sprintf("did you mean %q?", near), "unknown outcome %q", o)
			}
			return nil, fail(exitUsage, "they are "+strings.Join(known, ", "), "unknown outcome %q", o)
		}
		list = append(list, o)
	}
	return list, nil
}

// selected describes a selection of runs.
func selected(f api.Forgetting) string {
	var names []string
	for _, o := range f.Outcomes {
		names = append(names, string(o))
	}
	text := "all ended runs"
	if names != nil {
		text = "all runs that ended as " + strings.Join(names, " or ")
	}
	if f.Task != "" {
		text += " of " + f.Task
	}
	if f.Older > 0 {
		text += ", more than " + schedule.FormatDuration(f.Older) + " ago"
	}
	return text
}

// confirm asks the user at the terminal. Without a terminal --yes is needed.
func (s *session) confirm(question string) error {
	if !term.IsTerminal(int(s.in.Fd())) {
		return fail(exitUsage, "add --yes", "stdin is not a terminal, so the question cannot be asked: %s", question)
	}
	fmt.Fprint(s.err, escape.Line(question)+" [y/N] ")
	answer, _ := bufio.NewReader(s.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fail(exitFailed, "", "nothing was done")
}
