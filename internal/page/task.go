package page

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

// taskPage shows one task.
type taskPage struct {
	Head     head
	Task     string
	Facts    taskFacts
	Chart    chart
	Counts   []outcomeCount
	Usage    string // what runs used
	Reach    string // how far back the counts go, if not as far as they should
	Runs     runTable
	Waiting  runTable
	Events   []eventRow
	Settings []api.Setting
	Form     *runForm // nil: the visitor may not request runs
	Why      *whyAnswer
	WhyAt    string // the time that was asked about
	Command  string // that requests a run on a command line
}

// taskFacts are the details of a task.
type taskFacts struct {
	Row                                   taskRow
	Does, Action, Mode, Queue, User, Zone string
	Hold, Planned, On                     string
	Next                                  []moment
	Skip                                  []moment
	Success                               moment
}

// outcomeCount is how often runs ended with an outcome.
type outcomeCount struct {
	Word        word
	Week, Month int
}

// runForm is the form to request a run.
type runForm struct {
	Task, Back string
	Params     []api.Setting
	Held       bool // the task is held
	CanForce   bool
}

// How many runs the page of a task reads, and how many of them it draws and lists.
const (
	maxRunsRead   = 1000
	maxBars       = 50
	maxRunsListed = 20
)

func (v *visit) task() error {
	p, err := v.taskPage(v.r.PathValue("task"))
	if err != nil {
		return err
	}
	p.Head.live(v, "tasks/"+p.Task, nil)
	return v.show(200, "task", p)
}

func (v *visit) taskPage(name string) (p taskPage, err error) {
	if !api.IsTask(name) {
		return p, api.Errorf(api.NotFound, "", "no task %q", escape.Short(name, 80))
	}
	tasks, err := v.Service.Tasks(v.r.Context(), name)
	if err != nil {
		return p, err
	}
	t := tasks[0]
	p.Task, p.Settings, p.Command = t.Task, t.Settings, "rota run "+t.Task
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Tasks: []string{name}, Each: maxRunsRead})
	if err != nil {
		return p, err
	}
	runs = lastStarted(runs)
	if p.Facts, err = v.taskFacts(t, runs); err != nil {
		return p, err
	}
	p.Chart = v.chart(runs)
	p.Counts, p.Reach = v.outcomes(runs)
	p.Usage = usage(runs)
	p.Runs = runTable{ID: "runs", None: "It has not run yet."}
	for _, r := range slices.Backward(runs[max(0, len(runs)-maxRunsListed):]) {
		p.Runs.Rows = append(p.Runs.Rows, v.runRow(r, t))
	}
	if p.Waiting, err = v.waiting(t); err != nil {
		return p, err
	}
	events, err := v.Service.Events(v.r.Context(), api.EventQuery{Task: name, N: 20})
	if err != nil {
		return p, err
	}
	p.Events = v.eventRows(events)
	if v.may(api.MayRequest, t.Task) {
		p.Form = &runForm{Task: t.Task, Back: "/tasks/" + t.Task, Held: t.Hold != nil, CanForce: t.Hold != nil && v.may(api.MayOwn, t.Task)}
		for _, name := range slices.Sorted(maps.Keys(t.Params)) {
			p.Form.Params = append(p.Form.Params, api.Setting{Key: name, Value: t.Params[name]})
		}
	}
	if at := v.r.URL.Query().Get("at"); at != "" {
		p.WhyAt, p.Why = at, v.why(t, at)
	}
	p.Head, err = v.head("", t.Task)
	return p, err
}

// runsWaiting are the states of runs that have not started.
var runsWaiting = []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring}

func (v *visit) waiting(t api.Task) (runTable, error) {
	table := runTable{ID: "waiting", None: "No waiting runs."}
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Task: t.Task, States: runsWaiting})
	for _, r := range runs {
		row := v.runRow(r, t)
		table.Cancel = table.Cancel || row.CanCancel
		table.Rows = append(table.Rows, row)
	}
	return table, err
}

func (v *visit) taskFacts(t api.Task, runs []api.Run) (taskFacts, error) {
	var last []*api.Run
	for i := max(0, len(runs)-sparkRuns); i < len(runs); i++ {
		last = append(last, &runs[i])
	}
	f := taskFacts{Row: v.taskRow(t, last), Does: t.Does, Action: t.Action, Mode: string(t.Mode), Queue: t.Queue, User: t.User, Zone: t.Timezone}
	f.Row.Back = "/tasks/" + t.Task
	f.Success = v.ago(t.LastSuccess, t.Timezone)
	f.Hold, f.Planned = v.holdText(t.Hold, t.Timezone), v.holdText(t.Planned, t.Timezone)
	if t.On != nil {
		f.On = t.On.Expr
		if !t.On.Until.IsZero() {
			f.On += ", until " + full(v.in(t.On.Until, t.Timezone))
		}
		if t.On.By != "" {
			f.On += ", by " + t.On.By
		}
	}
	for _, skip := range t.Skip {
		f.Skip = append(f.Skip, v.at(skip, t.Timezone))
	}
	slots, err := v.Service.Next(v.r.Context(), api.NextQuery{Tasks: []string{t.Task}, N: 5})
	for _, s := range slots {
		if len(f.Next) < 5 && s.At.After(v.now) {
			m := v.till(s.At, t.Timezone)
			var notes []string
			if s.Request != "" { // which the schedule does not name
				_, key := runner.SplitID(s.Request)
				notes = append(notes, "recurring request "+key)
			}
			if s.Note != "" {
				notes = append(notes, s.Note)
			}
			if notes != nil {
				m.Full += " (" + strings.Join(notes, "; ") + ")"
			}
			f.Next = append(f.Next, m)
		}
	}
	return f, err
}

// holdText is who holds something, and why; "": not held.
func (v *visit) holdText(h *api.Hold, zone string) string {
	if h == nil {
		return ""
	}
	text := "since " + full(v.in(h.Since, zone))
	if !h.Until.IsZero() {
		text += ", until " + full(v.in(h.Until, zone))
	}
	if h.By != "" {
		text += ", by " + h.By
	}
	if h.Why != "" {
		text += ": " + h.Why
	}
	return text
}

// outcomes counts how runs ended in the last week and month.
func (v *visit) outcomes(runs []api.Run) (all []outcomeCount, reach string) {
	week, month := v.now.Add(-7*24*time.Hour), v.now.Add(-30*24*time.Hour)
	weeks, months := map[string]int{}, map[string]int{}
	for _, r := range runs {
		if r.Outcome == "" || r.Finished.Before(month) {
			continue
		}
		months[string(r.Outcome)]++
		if !r.Finished.Before(week) {
			weeks[string(r.Outcome)]++
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(months), func(a, b string) int { return cmp.Or(cmp.Compare(months[b], months[a]), cmp.Compare(a, b)) }) {
		all = append(all, outcomeCount{wordFor(name), weeks[name], months[name]})
	}
	if len(runs) == maxRunsRead && runs[0].Started.After(month) {
		reach = "Only the last 1,000 runs are counted, which go back " + span(v.now.Sub(runs[0].Started)) + "."
	}
	return all, reach
}

// usage is what the runs of a task used.
func usage(runs []api.Run) string {
	var cpu float64
	var n int
	var memory int64
	for _, r := range runs {
		if r.Outcome != "" && r.CPU > 0 {
			cpu, n = cpu+r.CPU, n+1
		}
		memory = max(memory, r.MaxRSS)
	}
	var parts []string
	if n > 0 {
		parts = append(parts, lasted(time.Duration(cpu/float64(n)*float64(time.Second)))+" of CPU time on average")
	}
	if memory > 0 {
		parts = append(parts, "at most "+size(memory)+" of memory")
	}
	if parts == nil {
		return ""
	}
	return "A run used " + strings.Join(parts, ", and ") + "."
}
