package page

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// overviewPage shows all tasks.
type overviewPage struct {
	Head   head
	Chips  chips
	Search string
	Hidden []choice // the parameters of the query that the search keeps
	Orders []choice
	Rows   []taskRow
	Pager  pager
	Empty  bool // there is no task at all
}

// pager is which of the tasks are shown.
type pager struct {
	Shown         string // which of how many; "": all
	Before, After string // the pages before and after this one; "": none
	None          string // why there is no row
}

// chips are counts that filter.
type chips struct {
	All      []chip
	CanAgain bool // run again what failed
}

type chip struct {
	choice
	Class string
	Count int
}

// taskRow is a task in the overview.
type taskRow struct {
	Task, Description                    string
	Tags                                 []string
	State                                word
	Schedule                             string
	Raw                                  string // the schedule of the file, where another one is in force
	Next                                 moment
	NextWord                             string // in its place
	Last                                 moment
	How                                  string // how the last run ended, if not well
	LastURL                              string
	Took                                 string
	SoFar                                string // since when it runs, for the script
	Spark                                spark
	Failed                               string // the last line of output of a failed run
	Failures                             int    // in a row
	CanRun, CanStop, CanHold, CanRelease bool
	Back                                 string
}

// pageRows is how many tasks one page shows.
const pageRows = 100

// filters are those of the overview, in the order of the chips.
var filters = []struct{ name, text, class string }{
	{"running", "running", "run"}, {"failed", "failed", "bad"}, {"late", "late", "late"}, {"held", "held", "held"}, {"missed", "missed", "late"}, {"", "all", "all"},
}

// orders of the tasks.
var orders = []struct{ name, text string }{{"", "attention"}, {"next", "next"}, {"name", "name"}}

// overviewQuery selects what the overview shows.
type overviewQuery struct {
	state, search, order string
	page                 int
}

func overviewQueryOf(q url.Values) overviewQuery {
	w := overviewQuery{state: q.Get("state"), search: strings.TrimSpace(q.Get("q")), order: q.Get("order")}
	w.page, _ = strconv.Atoi(q.Get("page"))
	w.page = min(max(w.page, 1), 1_000_000)
	return w
}

// query is the overviewQuery as the query of an address.
func (w overviewQuery) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"state": w.state, "q": w.search, "order": w.order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if w.page > 1 {
		q.Set("page", strconv.Itoa(w.page))
	}
	return q
}

func (v *visit) overviewURL(w overviewQuery) string {
	u := v.url()
	if q := w.query(); len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// late reports whether a task is late: it runs for longer than it should, or is overdue.
func (v *visit) late(t api.Task) bool { return t.Late || v.overdue(t) }

// overdue reports whether a task should run and does not, as it waits or its time has passed.
func (v *visit) overdue(t api.Task) bool {
	return t.State == string(runner.Queued) || t.Hold == nil && len(t.Running) == 0 && !t.Next.IsZero() && v.now.Sub(t.Next) > 2*time.Second
}

// failed reports whether the last run of a task failed, whatever it does now.
func failed(t api.Task) bool {
	return isFailure(t.State) || t.Last != nil && t.Last.Outcome.IsFailure()
}

// matchesFilter reports whether a task matches a filter.
func (v *visit) matchesFilter(t api.Task, filter string, missed map[string]bool) bool {
	switch filter {
	case "running":
		return len(t.Running) > 0
	case "failed":
		return failed(t)
	case "late":
		return v.late(t)
	case "held":
		return t.Hold != nil
	case "missed":
		return missed[t.Task]
	}
	return true
}

// matchesSearch reports whether a task contains the text of the search.
func matchesSearch(t api.Task, search string) bool {
	if search == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(search)) }
	return has(t.Task) || has(t.Description) || has(t.Does) || slices.ContainsFunc(t.Tags, has)
}

// attention orders tasks by how much they need it.
func (v *visit) attention(t api.Task) int {
	switch {
	case failed(t):
		return 0
	case v.late(t):
		return 1
	case len(t.Running) > 0:
		return 2
	case !t.Next.IsZero() && t.Hold == nil:
		return 3
	case t.Hold != nil:
		return 4
	}
	return 5
}

// missedTasks are the tasks with a missed slot in the last day.
func (v *visit) missedTasks() (map[string]bool, error) {
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Summaries: true, Outcomes: []runner.Outcome{runner.Missed}, Since: v.now.Add(-24 * time.Hour), N: 10_000})
	missed := map[string]bool{}
	for _, r := range runs {
		missed[r.Task] = true
	}
	return missed, err
}

func (v *visit) chips(tasks []api.Task, missed map[string]bool, w overviewQuery) chips {
	var c chips
	for _, f := range filters {
		with := w
		with.state, with.page = f.name, 1
		chip := chip{choice{f.name, f.text, v.overviewURL(with), w.state == f.name}, f.class, 0}
		for _, t := range tasks {
			if v.matchesFilter(t, f.name, missed) {
				chip.Count++
			}
		}
		if f.name == "failed" && chip.Count > 0 && v.Site.Actions {
			c.CanAgain = slices.ContainsFunc(tasks, func(t api.Task) bool { return failed(t) && v.may(api.MayRequest, t.Task) })
		}
		c.All = append(c.All, chip)
	}
	return c
}

// overview shows all tasks.
func (v *visit) overview() error {
	tasks, err := v.Service.Tasks(v.r.Context())
	if err != nil {
		return err
	}
	missed, err := v.missedTasks()
	if err != nil {
		return err
	}
	w := overviewQueryOf(v.r.URL.Query())
	p := overviewPage{Chips: v.chips(tasks, missed, w), Search: w.search, Empty: len(tasks) == 0}
	for _, o := range orders {
		with := w
		with.order, with.page = o.name, 1
		p.Orders = append(p.Orders, choice{o.name, o.text, v.overviewURL(with), w.order == o.name})
	}
	for _, keep := range []choice{{Text: "state", Value: w.state}, {Text: "order", Value: w.order}} {
		if keep.Value != "" {
			p.Hidden = append(p.Hidden, keep)
		}
	}
	shown, pager := v.choose(tasks, missed, w)
	if p.Pager = pager; p.Empty {
		p.Pager.None = ""
	}
	if p.Rows, err = v.taskRows(shown); err != nil {
		return err
	}
	if p.Head, err = v.head("overview", "Tasks"); err != nil {
		return err
	}
	q := w.query()
	q.Set("at", strconv.FormatInt(v.now.UnixMilli(), 10))
	p.Head.live(v, "overview", q)
	return v.show(200, "overview", p)
}

// choose returns the tasks that match, in their order. It changes the list.
func (v *visit) choose(tasks []api.Task, missed map[string]bool, w overviewQuery) ([]api.Task, pager) {
	var p pager
	shown := v.sorted(slices.DeleteFunc(tasks, func(t api.Task) bool { return !v.matchesFilter(t, w.state, missed) || !matchesSearch(t, w.search) }), w.order)
	if pages := max(1, (len(shown)+pageRows-1)/pageRows); pages > 1 {
		w.page = min(w.page, pages)
		from, to := (w.page-1)*pageRows, min(w.page*pageRows, len(shown))
		p.Shown = strconv.Itoa(from+1) + " to " + strconv.Itoa(to) + " of " + count(len(shown), "task", "tasks")
		at := w
		if at.page = w.page - 1; at.page > 0 {
			p.Before = v.overviewURL(at)
		}
		if at.page = w.page + 1; at.page <= pages {
			p.After = v.overviewURL(at)
		}
		shown = shown[from:to]
	}
	if len(shown) == 0 {
		p.None = "No tasks."
		if w.search != "" || w.state != "" {
			p.None = "No task matches."
		}
	}
	return shown, p
}

func (v *visit) sorted(tasks []api.Task, order string) []api.Task {
	next := func(a, b api.Task) int {
		if a.Next.IsZero() != b.Next.IsZero() {
			if a.Next.IsZero() {
				return 1
			}
			return -1
		}
		return a.Next.Compare(b.Next)
	}
	slices.SortStableFunc(tasks, func(a, b api.Task) int {
		switch order {
		case "name":
			return cmp.Compare(a.Task, b.Task)
		case "next":
			return cmp.Or(next(a, b), cmp.Compare(a.Task, b.Task))
		}
		return cmp.Or(cmp.Compare(v.attention(a), v.attention(b)), next(a, b), cmp.Compare(a.Task, b.Task))
	})
	return tasks
}

// taskRows are rows of some tasks, with their last runs: one query for all.
func (v *visit) taskRows(tasks []api.Task) ([]taskRow, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Task
	}
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Tasks: names, Each: sparkRuns})
	if err != nil {
		return nil, err
	}
	last := make(map[string][]*api.Run, len(tasks))
	for i := len(runs) - 1; i >= 0; i-- { // the oldest first
		task := runs[i].Task
		last[task] = append(last[task], &runs[i])
	}
	rows := make([]taskRow, len(tasks))
	for i, t := range tasks {
		rows[i] = v.taskRow(t, last[t.Task])
	}
	return rows, nil
}

// taskRow is the row of a task, with its last runs.
func (v *visit) taskRow(t api.Task, runs []*api.Run) taskRow {
	row := taskRow{
		Task: t.Task, Description: t.Description, Tags: t.Tags, State: wordFor(t.State), Schedule: t.Schedule, Took: "–", Failures: t.Failures,
		Spark: sparkOf(runs), Back: "/", CanRun: v.may(api.MayRequest, t.Task), CanStop: len(t.Running) > 0 && v.may(api.MayOwn, t.Task),
		CanHold: t.Hold == nil && v.may(api.MayOwn, t.Task), CanRelease: t.Hold != nil && v.may(api.MayOwn, t.Task),
		Last: moment{Text: "–"},
	}
	if t.On != nil {
		row.Schedule, row.Raw = t.On.Expr, t.Schedule
	}
	if t.Late {
		row.State = words["running late"]
	}
	switch {
	case t.Hold != nil && len(t.Running) == 0:
		row.NextWord = "held"
	case v.overdue(t):
		row.NextWord = "late"
		if t.State != string(runner.Queued) {
			row.State = words["late"]
		}
	case len(t.Running) > 0 && !t.Next.After(v.now):
		row.NextWord = "–"
	default:
		row.Next = v.till(t.Next, t.Timezone)
	}
	if r := t.Last; r != nil {
		row.Took, row.LastURL = v.took(*r), v.url("runs", r.ID)
		switch {
		case r.Outcome == "" && r.State == runner.Running:
			row.Last, row.SoFar = v.ago(r.Started, t.Timezone), r.Started.UTC().Format(time.RFC3339)
			row.Last.Text = "started " + row.Last.Text
			if row.Last.Rel != "" {
				row.Last.Rel = "started"
			}
		case r.Outcome != "":
			row.Last, row.How = v.ago(r.Finished, t.Timezone), r.HowEnded()
			if r.Outcome.IsFailure() {
				row.Failed = lastLine(r.Error)
				if row.How == "" && string(r.Outcome) != t.State {
					row.How = wordFor(string(r.Outcome)).Text
				}
			}
		}
	}
	return row
}
