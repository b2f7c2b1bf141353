package command

import (
	"cmp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/runner"
)

// mostRuns bounds what is asked for at once.
const mostRuns = 10_000

// alive are the states of runs that have no outcome yet, in the order of ps.
var alive = []runner.State{runner.Running, runner.Queued, runner.Delayed, runner.Held, runner.Recurring}

func psCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "ps",
		Category: "See what happens",
		Usage:    "list the runs that run or wait",
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
			runs, err := r.Runs(c.Context, api.RunQuery{States: alive, N: mostRuns})
			if err != nil {
				return err
			}
			s.bounded(c, len(runs), mostRuns, "runs")
			slices.SortStableFunc(runs, func(a, b api.Run) int {
				return cmp.Or(cmp.Compare(slices.Index(alive, a.State), slices.Index(alive, b.State)), since(a).Compare(since(b)))
			})
			if c.Bool("json") {
				return s.json(s.out, map[string][]api.Run{"runs": listed(runs)})
			}
			if len(runs) == 0 {
				s.aside(c, "nothing runs or waits")
				return nil
			}
			next, err := nextOfRecurring(c, r, runs)
			if err != nil {
				return err
			}
			return s.waitingGrid(s.when(c), runs, next).print(s.out, s.width())
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
	if api.CodeOf(err) == api.NotFound { // a task has vanished from the file, but not yet what waits of it
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

// bounded says on stderr that there may be more than was asked for.
func (s *session) bounded(c *cli.Context, got, most int, things string) {
	if got >= most && !c.Bool("quiet") {
		s.warn("only the newest %d %s are shown", most, things)
	}
}

// waitingGrid lays runs without an outcome out as a table; next is when those
// that stand come due.
func (s *session) waitingGrid(w when, runs []api.Run, next map[string]time.Time) grid {
	g := grid{head: []string{"STATE", "RUN", "TIME", "WHY"}, soft: []int{3, 1}}
	for _, r := range runs {
		state := marked(string(r.State))
		if r.State == runner.Running && r.Reason == runner.ReasonRunsLate {
			state += ", late"
		}
		g.rows = append(g.rows, []string{state, r.ID, waitOf(w, r, next[r.ID]), whyOf(r)})
		if s.colored(s.out) {
			g.inks = append(g.inks, ink(string(r.State)))
		}
	}
	return g
}

// waitOf is the time that says most about a run without an outcome.
func waitOf(w when, r api.Run, next time.Time) string {
	switch r.State {
	case runner.Running:
		if w.absolute {
			return w.short(r.Started)
		}
		return lasted(w.now.Sub(r.Started))
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
