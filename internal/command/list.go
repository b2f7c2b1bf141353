package command

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/suggest"
	"rota/runner"
)

func listCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "list",
		Category: "See what happens",
		Usage:    "list tasks: state, schedule, next slot and last run",
		Description: `Failed tasks come first, then the next to come due. STATE is running, queued,
held or the outcome of the last run; "new" before the first. -w redraws the list
at changes; with -w --json each task is a line, and each change another.

  rota list
  rota list -w
  rota list --state failed
  rota list --tag db --json | jq -r '.tasks[].task'`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "tag", Usage: "only tasks with this `TAG`"},
			&cli.StringFlag{Name: "state", Usage: "only tasks in this `STATE`"},
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "keep running, and show changes"},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("watch") {
				return s.watchTasks(c)
			}
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			w := s.when(c) // before the request, so that times are not later than now
			tasks, err := tasksFor(c, r)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, map[string][]api.Task{"tasks": listed(tasks)})
			}
			return s.taskGrid(w, tasks).print(s.out, s.width())
		},
	}
}

// tasksFor returns the tasks that the user wants to see: what failed first, then
// by what is due next.
func tasksFor(c *cli.Context, r api.Reader) ([]api.Task, error) {
	all, err := r.Tasks(c.Context)
	if err != nil {
		return nil, err
	}
	list, tags, states := []api.Task{}, []string{}, []string{}
	tag, state := c.String("tag"), c.String("state")
	for word := range styles {
		states = append(states, word)
	}
	for _, t := range all {
		tags, states = append(tags, t.Tags...), append(states, t.State)
		if (tag == "" || slices.Contains(t.Tags, tag)) && (state == "" || t.State == state) {
			list = append(list, t)
		}
	}
	if tag != "" && !slices.Contains(tags, tag) {
		return nil, unknown(tag, tags, "no task has the tag %q", tag)
	}
	if state != "" && !slices.Contains(states, state) {
		f := unknown(state, states, "no state %q", state)
		f.code = exitUsage
		return nil, f
	}
	slices.SortStableFunc(list, func(a, b api.Task) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Next.Compare(b.Next), cmp.Compare(a.Task, b.Task))
	})
	return list, nil
}

// rank orders tasks: those that failed, those that come due, the others.
func rank(t api.Task) int {
	switch {
	case runner.Outcome(t.State).IsFailure():
		return 0
	case !t.Next.IsZero():
		return 1
	}
	return 2
}

// unknown is the failure of a name that is not among the known ones.
func unknown(name string, known []string, format string, args ...any) *failure {
	f := fail(exitUnknown, "", format, args...)
	if near := suggest.Nearest(name, known); near != "" {
		f.hint = fmt.Sprintf("did you mean %q?", near)
	}
	return f
}

// taskGrid is the table of tasks.
func (s *session) taskGrid(w when, tasks []api.Task) grid {
	g := grid{head: []string{"STATE", "TASK", "SCHEDULE", "NEXT", "LAST", "TOOK"}, hideFirst: []int{5}, trimTo: map[int]int{1: 24}, shrink: []int{2, 1}, hideLast: []int{2}}
	for _, t := range tasks {
		last, took := lastOf(w, t)
		state := withSymbol(t.State)
		if t.Late {
			state += ", late"
		}
		g.rows = append(g.rows, []string{state, t.Task, scheduleOf(t), nextOf(w, t), last, took})
		if s.useColor(s.out) {
			g.colors = append(g.colors, colorOf(t.State))
		}
	}
	return g
}

// scheduleOf is the schedule of a task.
func scheduleOf(t api.Task) string {
	if t.On != nil {
		return t.On.Expr + " (was: " + t.Schedule + ")"
	}
	return t.Schedule
}

// nextOf is when a task is due next.
func nextOf(w when, t api.Task) string {
	if t.Hold != nil {
		return "held"
	}
	return w.till(t.Next)
}

// lastOf is how and when a task last ran, and how long that took.
func lastOf(w when, t api.Task) (last, took string) {
	switch r := t.Last; {
	case r == nil:
		return "-", "-"
	case r.Outcome == "":
		return w.ago(t.LastSuccess), w.tookText(*r)
	default:
		last, how := w.ago(r.Finished), r.HowEnded()
		if how == "" && r.Outcome.IsFailure() && string(r.Outcome) != t.State {
			how = string(r.Outcome)
		}
		if how != "" {
			last = how + ", " + last
		}
		return last, w.tookText(*r)
	}
}
