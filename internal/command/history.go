package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/runner"
)

// outcomes are all that a run can end with.
var outcomes = []runner.Outcome{
	runner.OK, runner.Failed, runner.TimedOut, runner.Cancelled, runner.Skipped, runner.Missed, runner.Lost, runner.Replaced,
}

func historyCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "history",
		Category:  "See what happens",
		Usage:     "list runs and skipped slots, the newest first",
		ArgsUsage: "[TASK]",
		Description: `Successive slots of a task that were skipped for the same reason are one line.
TIME is as in rota help next, but of the past: "02:30" is the latest one, and
"7d" is a week ago. Without a daemon it is read from the ledger.

--events lists events of rota itself instead, and who caused them: starts,
reloads, holds, changes of the clock. With a TASK, events of other tasks are
omitted.

  rota history
  rota history backup -n 100
  rota history --failed --since 7d
  rota history --events --since 7d
  rota history --outcome skipped,missed --json`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "n", Value: 20, Usage: "`N` lines (20)"},
			&cli.BoolFlag{Name: "failed", Usage: "only failed, timeout and lost"},
			&cli.StringFlag{Name: "outcome", Usage: "only these: `WORD,…`"},
			&cli.StringFlag{Name: "since", Usage: "only since `TIME`"},
			&cli.BoolFlag{Name: "events", Usage: "what happened to rota itself"},
		},
		Action: func(c *cli.Context) error {
			q, err := historyQuery(c)
			if err != nil {
				return err
			}
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			if c.IsSet("since") {
				if q.Since, err = before(c.String("since"), time.Now(), s.zone(c)); err != nil {
					return misuse("history", "--since cannot be %q: %v", c.String("since"), err)
				}
			}
			if c.Bool("events") {
				return s.pastEvents(c, r, api.EventQuery{Task: q.Task, Since: q.Since, N: q.N})
			}
			runs, err := r.Runs(c.Context, q)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, map[string][]api.Run{"runs": listed(runs)})
			}
			// By the time that the column shows.
			slices.SortStableFunc(runs, func(a, b api.Run) int { return since(b).Compare(since(a)) })
			return s.runGrid(s.when(c), runs).print(s.out, s.width())
		},
	}
}

// historyQuery reads the command line but for --since, for which the zone has to
// be known.
func historyQuery(c *cli.Context) (api.RunQuery, error) {
	q := api.RunQuery{Task: c.Args().First(), N: c.Int("n")}
	if q.N < 1 || q.N > maxRuns {
		return q, misuse("history", "-n has to be 1 to %d", maxRuns)
	}
	for _, name := range []string{"failed", "outcome"} {
		if c.Bool("events") && c.IsSet(name) {
			return q, misuse("history", "--events and --%s exclude each other", name)
		}
	}
	if c.Bool("failed") {
		q.Outcomes = append(q.Outcomes, runner.Failed, runner.TimedOut, runner.Lost)
	}
	if c.IsSet("outcome") {
		list, err := outcomesIn(c.String("outcome"))
		if err != nil {
			return q, err
		}
		q.Outcomes = append(q.Outcomes, list...)
	}
	return q, nil
}

// pastEvents lists the events of rota itself.
func (s *session) pastEvents(c *cli.Context, r api.Reader, q api.EventQuery) error {
	events, err := r.Events(c.Context, q)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return s.json(s.out, map[string][]api.Event{"events": listed(events)})
	}
	w := s.when(c)
	g := grid{head: []string{"TIME", "EVENT", "TASK", "BY", "WHAT"}, shrink: []int{4, 2}}
	for _, e := range events {
		text, _, _ := strings.Cut(e.Text, "\n")
		g.rows = append(g.rows, []string{w.ago(e.Time), e.Kind, e.Task, e.Who, text})
	}
	return g.print(s.out, s.width())
}

// runGrid lays runs out as a table.
func (s *session) runGrid(w when, runs []api.Run) grid {
	g := grid{head: []string{"RUN", "TIME", "TOOK", "RESULT", "WHY"}, shrink: []int{4, 0}, colorColumn: 3}
	for _, r := range runs {
		g.rows = append(g.rows, []string{r.ID, w.ago(since(r)), w.tookText(r), resultOf(r), whyOf(r)})
		if s.useColor(s.out) {
			g.colors = append(g.colors, colorOf(r.Word()))
		}
	}
	return g
}

// since is when the state of a run began: its start or, of one that never started, when
// it came due.
func since(r api.Run) time.Time {
	for _, t := range []time.Time{r.Started, r.Last, r.Scheduled, r.Queued, r.Finished} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// resultOf is the outcome of a run or its state, and how its process ended.
func resultOf(r api.Run) string {
	word := r.Word()
	if how := r.HowEnded(); how != "" && word == string(runner.Failed) {
		return strings.Replace(withSymbol(word), word, how, 1)
	}
	return withSymbol(word)
}

// whyOf is the cause of a run and the reason of its state, on one line.
func whyOf(r api.Run) string {
	var parts []string
	switch {
	case r.IsSummary() && r.Count > 1:
		parts = append(parts, count(r.Count, "slot"))
	case !r.IsSummary():
		parts = append(parts, string(r.Cause))
	}
	if r.On != "" {
		parts = append(parts, r.On)
	}
	if by := "by " + r.Who; r.Who != "" && !strings.HasSuffix(r.Why, by) {
		parts = append(parts, by)
	}
	if r.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", r.Attempts))
	}
	if why, _, _ := strings.Cut(r.Why, "\n"); why != "" && why != r.HowEnded() {
		parts = append(parts, why)
	}
	if parts == nil {
		return string(r.Cause)
	}
	return strings.Join(parts, ", ")
}
