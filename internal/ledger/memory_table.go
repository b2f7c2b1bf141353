package ledger

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"rota/runner"
)

// memoryTable keeps rows in memory.
type memoryTable struct {
	last    int64               // the number of the newest row
	rows    map[string]*row     // by id
	tasks   map[string]*history // by name
	waiting map[string]int      // how many runs are queued, by queue
	tokens  map[string]string   // of leases, by id
	copied  map[*row]bool       // the rows of a clone that are its own; nil: all are
}

// history is the rows of one task.
type history struct {
	rows      []*row // in the order of writing
	summaries []*row // the summarized ones among them, by slot
	ended     int    // how many of the others have an outcome
}

func newMemoryTable() *memoryTable {
	return &memoryTable{rows: map[string]*row{}, tasks: map[string]*history{}, waiting: map[string]int{}, tokens: map[string]string{}}
}

// named yields the history of each of the tasks that has one; without names, of all.
func (m *memoryTable) named(tasks []string) iter.Seq2[string, *history] {
	if len(tasks) == 0 {
		return maps.All(m.tasks)
	}
	return func(yield func(string, *history) bool) {
		for _, task := range tasks {
			if h := m.tasks[task]; h != nil && !yield(task, h) {
				return
			}
		}
	}
}

// clone returns a copy that copies a row once that is found, to be changed.
func (m *memoryTable) clone() *memoryTable {
	c := &memoryTable{
		last: m.last, rows: maps.Clone(m.rows), tasks: make(map[string]*history, len(m.tasks)),
		waiting: maps.Clone(m.waiting), tokens: maps.Clone(m.tokens), copied: map[*row]bool{},
	}
	for name, h := range m.tasks {
		c.tasks[name] = &history{rows: slices.Clone(h.rows), summaries: slices.Clone(h.summaries), ended: h.ended}
	}
	return c
}

// own returns a row as the table may change it: not the one of which it is a clone.
func (m *memoryTable) own(r *row) *row {
	if m.copied == nil || m.copied[r] {
		return r
	}
	twin := *r
	twin.transitions = slices.Clip(r.transitions)
	m.copied[&twin] = true
	m.rows[r.run.ID] = &twin
	h := m.tasks[r.run.Task]
	for _, rows := range [][]*row{h.rows, h.summaries} {
		if i := slices.Index(rows, r); i >= 0 {
			rows[i] = &twin
		}
	}
	return &twin
}

func (m *memoryTable) find(id string) (*row, error) {
	if r := m.rows[id]; r != nil {
		return m.own(r), nil
	}
	task, _ := runner.SplitID(id)
	h := m.tasks[task]
	if h == nil || len(h.summaries) == 0 {
		return nil, nil
	}
	s := slotOf(id)
	if i, _ := slices.BinarySearchFunc(h.summaries, s, compareSlots); i > 0 && h.summaries[i-1].covers(s) {
		return m.own(h.summaries[i-1]), nil
	}
	return nil, nil
}

func (m *memoryTable) newest(task, parent string) (*row, error) {
	h := m.tasks[task]
	if h == nil {
		return nil, nil
	}
	for _, r := range slices.Backward(h.rows) {
		if r.run.Parent == parent {
			return m.own(r), nil
		}
	}
	return nil, nil
}

func (m *memoryTable) put(r *row) error {
	h := m.tasks[r.run.Task]
	if h == nil {
		h = &history{}
		m.tasks[r.run.Task] = h
	}
	ended := r.run.State == "" && (r.number == 0 || r.savedState != "")
	if r.number == 0 {
		m.last++
		r.number = m.last
		m.rows[r.run.ID] = r
		if m.copied != nil {
			m.copied[r] = true
		}
		h.rows = append(h.rows, r)
		if r.run.IsSummary() {
			i, _ := slices.BinarySearchFunc(h.summaries, r.slot, compareSlots)
			h.summaries = slices.Insert(h.summaries, i, r)
		}
	}
	if r.savedState == runner.Queued {
		m.waiting[r.run.Queue]--
	}
	if r.savedState = r.run.State; r.savedState == runner.Queued {
		m.waiting[r.run.Queue]++
	}
	if ended {
		if !r.run.IsSummary() {
			h.ended++
		}
		if h.ended > keepRuns || len(h.summaries) > keepRuns {
			runs, summaries := h.byEnd()
			m.remove(h, slices.Concat(allButLast(runs, keepRuns), allButLast(summaries, keepRuns)))
		}
	}
	return nil
}

func (m *memoryTable) queued(queue string) int { return m.waiting[queue] }
func (m *memoryTable) token(id string) string  { return m.tokens[id] }

func (m *memoryTable) lease(id, token string) {
	if m.tokens[id] = token; token == "" {
		delete(m.tokens, id)
	}
}

// byEnd returns what has ended of a task, the oldest end first.
func (h *history) byEnd() (runs, summaries []*row) {
	for _, r := range h.rows {
		switch {
		case r.run.IsSummary():
			summaries = append(summaries, r)
		case r.run.State == "":
			runs = append(runs, r)
		}
	}
	byEnd := func(a, b *row) int { return a.run.Finished.Compare(b.run.Finished) }
	slices.SortStableFunc(runs, byEnd)
	slices.SortStableFunc(summaries, byEnd)
	return runs, summaries
}

// allButLast returns the rows before the last n.
func allButLast(rows []*row, n int) []*row { return rows[:max(0, len(rows)-n)] }

// remove removes ended rows of a task.
func (m *memoryTable) remove(h *history, rows []*row) {
	if len(rows) == 0 {
		return
	}
	for _, r := range rows {
		delete(m.rows, r.run.ID)
		if !r.run.IsSummary() {
			h.ended--
		}
	}
	removed := func(r *row) bool { return m.rows[r.run.ID] != r }
	h.rows, h.summaries = slices.DeleteFunc(h.rows, removed), slices.DeleteFunc(h.summaries, removed)
}

// retain removes what need not be kept of a task, and returns how many.
func (m *memoryTable) retain(h *history, keep Keep, now time.Time) (runs, summaries int) {
	remove := func(rows []*row) int {
		drop := 0
		for i, r := range rows {
			age := now.Sub(r.run.Finished)
			if keep.protects(now, r.run.Finished) || (keep.Runs == 0 || i >= len(rows)-keep.Runs) && (keep.Age == 0 || age <= keep.Age) {
				break
			}
			drop = i + 1
		}
		m.remove(h, rows[:drop])
		return drop
	}
	ended, summarized := h.byEnd()
	return remove(ended), remove(summarized)
}

// list returns the rows that the filter selects, the newest first.
func (m *memoryTable) list(f Filter) []*row {
	var rows []*row
	for _, task := range slices.Sorted(maps.Keys(m.tasks)) {
		if f.Task == "" || f.Task == task {
			rows = append(rows, m.tasks[task].rows...)
		}
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !f.selects(r.run) })
	if f.Each > 0 && len(f.Tasks) > 0 {
		slices.SortFunc(rows, func(a, b *row) int {
			return cmp.Or(b.run.Started.Compare(a.run.Started), cmp.Compare(b.number, a.number))
		})
		of := map[string]int{}
		rows = slices.DeleteFunc(rows, func(r *row) bool { of[r.run.Task]++; return of[r.run.Task] > f.Each })
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(b.number, a.number) })
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	return rows
}

// activeSince reports whether a run, or a slot of a summary row, was running or due at or
// after an instant. Of pending runs only those that are queued are.
func activeSince(r runner.Run, at time.Time) bool {
	switch {
	case r.IsSummary():
		return !r.Last.Before(at)
	case r.Outcome != "":
		return !r.Finished.Before(at)
	}
	return r.State == runner.Running || r.State == runner.Queued
}

// selects reports whether the filter selects the run.
func (f Filter) selects(r runner.Run) bool {
	switch {
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, r.ID):
		return false
	case f.Task != "" && f.Task != r.Task:
		return false
	case f.Parent != "" && f.Parent != r.Parent:
		return false
	case f.Summaries && !r.IsSummary():
		return false
	case len(f.Tasks) > 0 && !slices.Contains(f.Tasks, r.Task):
		return false
	case f.Each > 0 && len(f.Tasks) > 0 && r.Started.IsZero():
		return false
	case f.Each == 0 && !f.Active.IsZero() && len(f.Tasks) > 0 && !activeSince(r, normalizeTime(f.Active)):
		return false
	case !f.Since.IsZero() && Began(r).Before(normalizeTime(f.Since)):
		return false
	case !f.Before.IsZero() && (r.Outcome == "" || !r.Finished.Before(f.Before)):
		return false
	case len(f.States)+len(f.Outcomes) == 0:
		return true
	}
	return r.State != "" && slices.Contains(f.States, r.State) || r.Outcome != "" && slices.Contains(f.Outcomes, r.Outcome)
}
