package page

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// overviewView keeps the tasks in memory, and queries only those again that have changed.
type overviewView struct {
	w      overviewQuery
	tasks  map[string]api.Task
	shown  map[string]bool // the rows of the page
	missed map[string]bool
	since  time.Time // when the page was made
}

func (v *visit) overviewView() (view, error) {
	tasks, err := v.Service.Tasks(v.r.Context())
	if err != nil {
		return nil, err
	}
	missed, err := v.missedTasks()
	if err != nil {
		return nil, err
	}
	q := v.r.URL.Query()
	o := &overviewView{w: overviewQueryOf(q), tasks: map[string]api.Task{}, missed: missed, since: v.now.Add(-time.Hour)}
	if ms, err := strconv.ParseInt(q.Get("at"), 10, 64); err == nil {
		o.since = time.UnixMilli(ms).Add(-time.Second)
	}
	for _, t := range tasks {
		o.tasks[t.Task] = t
	}
	return o, nil
}

// affectedBy implements view. A task may become late without an event: that is checked with
// the status of rota.
func (o *overviewView) affectedBy(c changes) bool { return c.all || c.rota || len(c.tasks) > 0 }

// changedSince reports whether a task may have changed between the page and its stream.
func (o *overviewView) changedSince(t api.Task) bool {
	return len(t.Running) > 0 || t.Hold != nil && t.Hold.Since.After(o.since) || t.Last != nil && (t.Last.Started.After(o.since) || t.Last.Finished.After(o.since)) || t.State == string(runner.Queued)
}

// query queries the tasks that have changed.
func (o *overviewView) query(v *visit, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > pageRows {
		names = nil // one query of all
	}
	tasks, err := v.Service.Tasks(v.r.Context(), names...)
	for _, t := range tasks {
		if _, known := o.tasks[t.Task]; known {
			o.tasks[t.Task] = t
		}
	}
	return err
}

func (o *overviewView) regions(v *visit, c changes) ([]region, error) {
	changed := map[string]bool{}
	for name := range c.tasks {
		if _, known := o.tasks[name]; known {
			changed[name] = true
		}
	}
	for name := range c.missed {
		o.missed[name] = true
	}
	if c.all {
		for name, t := range o.tasks {
			changed[name] = changed[name] || o.changedSince(t)
		}
	}
	if err := o.query(v, slices.Sorted(maps.Keys(changed))); err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(o.tasks))
	regions := []region{{ID: "chips", Template: "chips", Data: v.chips(all, o.missed, o.w)}}
	chosen, pager := v.choose(all, o.missed, o.w)
	regions = append(regions, region{ID: "pager", Template: "pager", Data: pager})

	// The page gets the rows that have changed and those that it does not have, and loses
	// those that do not match any more. A row does not move, so that nobody presses the
	// wrong button.
	shown := map[string]bool{}
	var keep []string
	var rows []api.Task
	after := map[string]string{}
	last := ""
	for _, t := range chosen {
		shown[t.Task] = true
		keep = append(keep, domID("task", t.Task))
		if changed[t.Task] || o.shown != nil && !o.shown[t.Task] {
			rows = append(rows, t)
			after[t.Task] = last
		}
		last = domID("task", t.Task)
	}
	if o.shown == nil { // the rows of the page are not known
		regions = append(regions, region{ID: "rows", Keep: append([]string{}, keep...)})
	}
	for _, name := range slices.Sorted(maps.Keys(o.shown)) {
		if !shown[name] {
			regions = append(regions, region{ID: domID("task", name)})
		}
	}
	o.shown = shown
	made, err := v.taskRows(rows)
	for _, row := range made {
		regions = append(regions, region{ID: domID("task", row.Task), Template: "task-row", Data: row, In: "rows", After: after[row.Task]})
	}
	return regions, err
}
