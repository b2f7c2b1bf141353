package ledger

import "rota/runner"

// tx is one change in progress: a table whose rows are written at its end.
type tx struct {
	w         *writer
	rows      map[string]*row   // those that were looked up, by id; nil: not found
	fresh     map[string][]*row // new ones of this change, by task
	summaries map[string][]*row // summarized ones that it put, by task
	dirty     []*row            // those to be written
	first     int64             // rows from this number on are new
	undo      []func()          // undoes changes outside of the database
	after     []func()          // called once the transaction is committed
}

func newTx(w *writer) *tx {
	return &tx{w: w, rows: map[string]*row{}, fresh: map[string][]*row{}, summaries: map[string][]*row{}, first: w.last + 1}
}

func (t *tx) rules() rules { return rules{table: t, o: t.w.s.o} }

func (t *tx) put(r *row) error {
	w := t.w
	if r.number == 0 {
		w.last++
		r.number = w.last
		t.rows[r.run.ID] = r
		t.fresh[r.run.Task] = append(t.fresh[r.run.Task], r)
	}
	if !r.unsaved {
		r.unsaved = true
		t.dirty = append(t.dirty, r)
		if r.run.IsSummary() {
			t.summaries[r.run.Task] = append(t.summaries[r.run.Task], r)
		}
	}
	if r.savedState == runner.Queued {
		t.count(r.run.Queue, -1)
	}
	if r.savedState = r.run.State; r.savedState == runner.Queued {
		t.count(r.run.Queue, +1)
	}
	return nil
}

func (t *tx) count(queue string, by int) {
	t.w.waiting[queue] += by
	t.undo = append(t.undo, func() { t.w.waiting[queue] -= by })
}

func (t *tx) queued(queue string) int { return t.w.waiting[queue] }
func (t *tx) token(id string) string  { return t.w.tokens[id] }

func (t *tx) lease(id, token string) {
	tokens := t.w.tokens
	old := tokens[id]
	if old == token {
		return
	}
	set := func(token string) {
		if tokens[id] = token; token == "" {
			delete(tokens, id)
		}
	}
	set(token)
	t.undo = append(t.undo, func() { set(old) })
}

// flush writes the rows that changed.
func (t *tx) flush() error {
	for _, r := range t.dirty {
		rec, err := pack(r, t.intern)
		if err != nil {
			return err
		}
		sql, args := insertRun, rec[:]
		switch {
		case r.number >= t.first && r.run.IsSummary():
			t.w.summarized[rec[colTask].n] = true
		case r.number >= t.first:
		case r.run.IsSummary():
			sql, args = updateSummary.sql, updateSummary.args(&rec)
		case r.requestChanged:
			sql, args = updateAsked.sql, updateAsked.args(&rec)
		case !r.savedStarted.Equal(r.run.Started):
			sql, args = updateStart.sql, updateStart.args(&rec)
		default:
			sql, args = updateRun.sql, updateRun.args(&rec)
		}
		if err := query(t.w.conn, sql, args, nil); err != nil {
			return err
		}
	}
	t.w.written += len(t.dirty)
	if len(t.dirty) > 0 {
		tasks := make([]string, len(t.dirty))
		for i, r := range t.dirty {
			tasks[i] = r.run.Task
		}
		t.after = append(t.after, func() { t.w.s.invalidate(tasks...) })
	}
	return nil
}
