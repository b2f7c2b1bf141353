package page

import (
	"cmp"
	"slices"
	"strconv"
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

// pageRows is how many tasks one page shows.
const pageRows = 100

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
