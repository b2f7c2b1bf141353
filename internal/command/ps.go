package command

import (
	"cmp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/runner"
)

// maxRuns bounds the runs of one query.
const maxRuns = 10_000

// unfinishedStates are the states of runs that have no outcome yet, in the order of ps.
var unfinishedStates = []runner.State{runner.Running, runner.Queued, runner.Delayed, runner.Held, runner.Recurring}

func psCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "ps",
		Category: "See what happens",
		Usage:    "list running and waiting runs",
		Description: `Waiting is queued, delayed until a time, held until rota release, or recurring:
a request with a trigger of its own.

  rota ps
  rota ps --json | jq -r '.runs[].run'`,
		Action: func(c *cli.Context) error {
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			runs, err := r.Runs(c.Context, api.RunQuery{States: unfinishedStates, N: maxRuns})
			if err != nil {
				return err
			}
			s.warnTruncated(c, len(runs), maxRuns, "runs")
			slices.SortStableFunc(runs, func(a, b api.Run) int {
				return cmp.Or(cmp.Compare(slices.Index(unfinishedStates, a.State), slices.Index(unfinishedStates, b.State)), since(a).Compare(since(b)))
			})
			if c.Bool("json") {
				return s.json(s.out, map[string][]api.Run{"runs": listed(runs)})
			}
			if len(runs) == 0 {
				s.printNotice(c, "no run is running or waiting")
				return nil
			}
			next, err := nextOfRecurring(c, r, runs)
			if err != nil {
				return err
			}
			return s.unfinishedGrid(s.when(c), runs, next).print(s.out, s.width())
		},
	}
}

// nextOfRecurring returns when the recurring requests among runs come due, by their
// ids.
func nextOfRecurring(c *cli.Context, r api.Reader, runs []api.Run) (map[string]time.Time, error) {
	var names []string
	for _, run := range runs {
		if run.State == runner.Recurring && !slices.Contains(names, run.Task) {
			names = append(names, run.Task)
		}
	}
	if names == nil {
		return nil, nil
	}
	slots, err := r.Next(c.Context, api.NextQuery{Tasks: names, N: 1})
	if api.CodeOf(err) == api.NotFound { // a removed task may still have waiting runs
		slots, err = r.Next(c.Context, api.NextQuery{N: 1})
	}
	next := map[string]time.Time{}
	for _, slot := range slots {
		if slot.Request != "" {
			next[slot.Request] = slot.At
		}
	}
	return next, err
}

// warnTruncated warns that there may be more than were listed.
func (s *session) warnTruncated(c *cli.Context, got, most int, things string) {
	if got >= most && !c.Bool("quiet") {
		s.warn("only the newest %d %s are shown", most, things)
	}
}

// unfinishedGrid is the table of runs without an outcome; next is when the recurring
// requests come due.
func (s *session) unfinishedGrid(w when, runs []api.Run, next map[string]time.Time) grid {
	g := grid{head: []string{"STATE", "RUN", "TIME", "WHY"}, shrink: []int{3, 1}}
	for _, r := range runs {
		state := withSymbol(string(r.State))
		if r.State == runner.Running && r.Reason == runner.ReasonRunsLate {
			state += ", late"
		}
		g.rows = append(g.rows, []string{state, r.ID, timeText(w, r, next[r.ID]), whyOf(r)})
		if s.useColor(s.out) {
			g.colors = append(g.colors, colorOf(string(r.State)))
		}
	}
	return g
}

// timeText is the time column of a run without an outcome.
func timeText(w when, r api.Run, next time.Time) string {
	switch r.State {
	case runner.Running:
		if w.absolute {
			return w.short(r.Started)
		}
		return durationText(w.now.Sub(r.Started))
	case runner.Recurring:
		return w.till(next)
	case runner.Delayed:
		at := r.NotBefore
		if at.IsZero() {
			at = r.Scheduled
		}
		return w.till(at)
	}
	return w.ago(since(r))
}
