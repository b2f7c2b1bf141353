package command

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

func showCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Category:  "See what happens",
		Usage:     "show a task as it is in force, or a run",
		ArgsUsage: "TASK|RUN",
		Description: `For a task: its settings, its last 5 runs and its next 3 slots; with --all the
defaults, too. For a run: each transition with its time, and of its last attempt
the CPU time and the peak memory of the largest process, if above rota's own.

  rota show backup
  rota show backup/20261122T023000Z
  rota show backup/20261122T023000Z --json | jq .transitions`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "of a task the defaults, too"},
		},
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return misuse("show", "show needs the name of a task or a run")
			}
			r, done, err := s.reader(c)
			if err != nil {
				return err
			}
			defer done()
			if strings.Contains(name, "/") {
				run, err := shownRun(c, r, name)
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return s.json(s.out, run)
				}
				return runDetails(s.when(c), run).print(s.out)
			}
			t, err := shownTask(c, r, name)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return s.json(s.out, t)
			}
			w := s.when(c)
			w.zone = zoneNamed(c, t.Timezone)
			return s.showTask(w, t, c.Bool("all"))
		},
	}
}

// runPage is what show prints of a run.
type runPage struct {
	api.RunDetails
	Next time.Time `json:"next,omitzero"` // of a recurring request
}

func shownRun(c *cli.Context, r api.Reader, id string) (runPage, error) {
	run, err := r.Run(c.Context, id)
	if err != nil {
		return runPage{}, err
	}
	next, err := nextOfRecurring(c, r, []api.Run{run.Run})
	return runPage{run, next[run.ID]}, err
}

// taskPage is what show prints of a task.
type taskPage struct {
	api.Task
	Runs  []api.Run  `json:"runs"`
	Slots []api.Slot `json:"slots"`
}

func shownTask(c *cli.Context, r api.Reader, name string) (taskPage, error) {
	tasks, err := r.Tasks(c.Context, name)
	if err != nil {
		return taskPage{}, err
	}
	if len(tasks) != 1 {
		return taskPage{}, api.Errorf(api.Failed, "", "asked for one task, got %d", len(tasks))
	}
	p := taskPage{Task: tasks[0]}
	if p.Runs, err = r.Runs(c.Context, api.RunQuery{Task: name, N: 5}); err != nil {
		return p, err
	}
	if p.Slots, err = r.Next(c.Context, api.NextQuery{Tasks: []string{name}, N: 3}); err != nil {
		return p, err
	}
	p.Runs, p.Slots = listed(p.Runs), listed(p.Slots)
	return p, nil
}

func (s *session) showTask(w when, t taskPage, all bool) error {
	if err := taskDetails(w, t).print(s.out); err != nil {
		return err
	}
	for _, part := range []struct {
		head   string
		unsaid bool
	}{{"settings", false}, {"defaults", true}} {
		if part.unsaid && !all {
			continue
		}
		g := grid{}
		for _, x := range t.Settings {
			if x.Default == part.unsaid {
				g.rows = append(g.rows, []string{"  " + x.Key, cmp.Or(x.Value, "-")})
			}
		}
		if len(g.rows) > 0 {
			fmt.Fprintln(s.out, "\n"+part.head)
		}
		if err := g.print(s.out, 0); err != nil {
			return err
		}
	}
	if len(t.Runs) > 0 {
		fmt.Fprintln(s.out, "\nlast runs")
		g := s.runGrid(w, t.Runs)
		g.head = nil
		for i := range g.rows {
			g.rows[i][0] = "  " + g.rows[i][0]
		}
		return g.print(s.out, s.width())
	}
	return nil
}

// taskDetails are the state and the summary of a task.
func taskDetails(w when, t taskPage) details {
	var b details
	b.add("task", t.Task.Task+"  "+withSymbol(t.State))
	b.add("about", t.Description)
	b.add("tags", strings.Join(t.Tags, ", "))
	b.add("action", t.Does)
	b.add("schedule", t.Schedule)
	if t.Timezone != "Local" { // else it is the machine's
		b.add("zone", t.Timezone)
	}
	if t.On != nil {
		b.add("rescheduled", t.On.Expr+sinceBy(w, t.On.By, "", t.On.Since, t.On.Until))
	}
	if t.Hold != nil {
		b.add("held", strings.TrimPrefix(sinceBy(w, t.Hold.By, t.Hold.Why, t.Hold.Since, t.Hold.Until), ", "))
	}
	if h := t.Planned; h != nil {
		b.add("planned hold", "from "+w.both(h.Since)+sinceBy(w, h.By, h.Why, time.Time{}, h.Until))
	}
	for i, a := range t.After {
		b.add(firstLabel(i == 0, "after"), a.Task+": "+map[bool]string{true: "ok since it last ran", false: "not ok yet since it last ran"}[a.OK])
	}
	for i, slot := range t.Slots {
		b.add(firstLabel(i == 0, "next"), slotText(w, slot))
	}
	for i, x := range t.RunsLeft {
		b.add(firstLabel(i == 0, "runs left"), fmt.Sprintf("%d of %d: %s", x.Left, x.Count, x.Trigger))
	}
	for i, at := range t.Skip {
		b.add(firstLabel(i == 0, "skipped"), w.both(at))
	}
	b.add("running", strings.Join(t.Running, "\n"))
	b.add("waiting", strings.Join(t.Waiting, "\n"))
	for i, r := range t.Recurring {
		b.add(firstLabel(i == 0, "recurring"), r.ID+": "+r.On)
	}
	if t.Failures > 1 {
		b.add("failures", fmt.Sprintf("%d in a row", t.Failures))
	}
	b.add("last ok", w.both(t.LastSuccess))
	return b
}

// firstLabel is the label of the first of several values.
func firstLabel(first bool, word string) string {
	if first {
		return word
	}
	return ""
}

// slotText is a slot on one line.
func slotText(w when, slot api.Slot) string {
	text := w.both(slot.At)
	if slot.Request != "" {
		text += "  of " + slot.Request
	}
	if slot.Note != "" {
		text += "  (" + slot.Note + ")"
	}
	return text
}

// runDetails are the details of a run.
func runDetails(w when, r runPage) details {
	var b details
	head := withSymbol(r.Run.Word())
	if r.Why != "" {
		head += ": " + r.Why
	}
	b.add("run", r.ID)
	b.add("state", head)
	b.add("cause", causeOf(r.Run))
	if r.IsSummary() {
		b.add("slots", fmt.Sprintf("%d, from %s to %s", r.Count, w.full(r.First), w.full(r.Last)))
		if r.By != "" {
			b.add("superseded", "by "+r.By)
		}
	}
	b.add("on", r.On)
	if !r.Next.IsZero() {
		b.add("next", w.both(r.Next))
	}
	b.add("scheduled", w.both(r.Scheduled))
	if r.State == runner.Delayed {
		b.add("waits until", w.both(r.NotBefore))
	}
	b.add("queued", w.both(r.Queued))
	b.add("started", w.both(r.Started))
	b.add("finished", w.both(r.Finished))
	b.add("took", w.tookText(r.Run))
	if r.Attempts > 1 {
		text := strconv.Itoa(r.Attempts)
		if earlier := slices.DeleteFunc(slices.Clone(r.WithOutput), func(n int) bool { return n == r.Attempts }); len(earlier) > 0 {
			numbers := make([]string, len(earlier))
			for i, n := range earlier {
				numbers[i] = strconv.Itoa(n)
			}
			text += "; earlier output: rota logs " + r.ID + " --attempt " + strings.Join(numbers[:min(len(numbers), 5)], "|")
			if len(numbers) > 5 {
				text += "|…|" + numbers[len(numbers)-1]
			}
			text += "|all"
		}
		b.add("attempts", text)
	}
	if r.Exit != nil {
		b.add("exit", fmt.Sprint(*r.Exit))
	}
	b.add("signal", r.Signal)
	if r.CPU > 0 {
		b.add("cpu", durationOf(r.CPU).Round(time.Millisecond).String())
	}
	if r.MaxRSS > 0 {
		b.add("memory", bytesText(r.MaxRSS)+" at most")
	}
	b.add("trace", r.Trace)
	b.add("queue", r.Queue)
	for i, name := range slices.Sorted(maps.Keys(r.Params)) {
		b.add(firstLabel(i == 0, "params"), escape.Line(name+"="+r.Params[name]))
	}
	b.add("input", r.Input)
	if r.Result > 0 {
		b.add("result", count(int(r.Result), "byte")+": rota result "+r.ID)
	}
	if r.Outputs {
		b.add("output", "rota logs "+r.ID)
	}
	b.add("error", r.Error)
	for i, t := range r.Transitions {
		text := w.full(t.Time) + "  " + withSymbol(string(t.State)+string(t.Outcome))
		if t.Why != "" {
			text += "  " + t.Why
		}
		b.add(firstLabel(i == 0, "steps"), text)
	}
	return b
}

// causeOf is the cause of a run, and who or what requested it.
func causeOf(r api.Run) string {
	text := string(r.Cause)
	if r.Who != "" {
		text += ", by " + r.Who
	}
	if r.Parent != "" {
		text += ", of " + r.Parent
	}
	return text
}
