package ledger

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

func (o *op) find(id string) (*row, error) {
	known, asked := o.rows[id]
	if known != nil {
		return known, nil
	}
	task, _ := runner.SplitID(id)
	s := slotOf(id)
	for _, r := range o.summaries[task] { // it may have grown over the slot since that was asked for
		if r.covers(s) {
			return r, nil
		}
	}
	if asked {
		return nil, nil
	}
	summarized, err := o.w.mayHaveSummaries(task)
	if err != nil {
		return nil, err
	}
	r, err := lookup(o.w.conn, o.w.s.names, id, s, summarized, o.unsound)
	if err != nil {
		return nil, err
	}
	if r != nil {
		if known := o.rows[r.run.ID]; known != nil {
			r = known // with what this change has done to it
		}
		if r.run.ID != id && !r.covers(s) {
			r = nil
		}
	}
	if r != nil {
		o.rows[r.run.ID] = r
	}
	if r == nil || r.run.ID == id {
		o.rows[id] = r
	}
	return r, nil
}

// mayHaveSummaries reports whether a task has summary rows, or had some.
func (w *writer) mayHaveSummaries(task string) (bool, error) {
	id, ok := w.s.names.id(task)
	if !ok {
		return false, nil
	}
	has, known := w.summarized[id]
	if known {
		return has, nil
	}
	err := query(w.conn, "SELECT 1 FROM runs WHERE task = ? AND count IS NOT NULL LIMIT 1", []cell{integer(id)}, func(*sqlite.Stmt) error {
		has = true
		return nil
	})
	if err == nil {
		w.summarized[id] = has
	}
	return has, err
}

func (o *op) newest(task, parent string) (*row, error) {
	fresh := o.fresh[task]
	for i := len(fresh) - 1; i >= 0; i-- {
		if fresh[i].run.Parent == parent {
			return fresh[i], nil
		}
	}
	id, ok := o.w.s.names.id(task)
	if !ok {
		return nil, nil
	}
	where, args := "INDEXED BY runs_by_task WHERE task = ? AND parent IS NULL ORDER BY n DESC", []cell{integer(id)}
	if parent != "" {
		where, args = "INDEXED BY runs_by_parent WHERE parent = ? AND task = ? ORDER BY n DESC", []cell{text(parent), integer(id)}
	}
	r, err := one(o.w.conn, o.w.s.names, where, args, o.unsound)
	if r != nil {
		if known := o.rows[r.run.ID]; known != nil {
			return known, nil
		}
		o.rows[r.run.ID] = r
	}
	return r, err
}

// lookup reads the row that an id stands for; nil: there is none. A summary row
// is one that may cover the slot; there is none unless summarized.
func lookup(conn *sqlite.Conn, names *names, id string, s slot, summarized bool, unsound func(*record) error) (*row, error) {
	task, key := runner.SplitID(id)
	number, ok := names.id(task)
	if !ok || key == "" {
		return nil, nil
	}
	at := keyCell(id, s)
	r, err := one(conn, names, "WHERE task = ? AND key = ?", []cell{integer(number), at}, unsound)
	if r != nil || err != nil || !summarized || s.epoch == 0 {
		return r, err
	}
	from := integer(0)
	if at.kind == sqlite.TypeText {
		from = text(s.of + ".")
	}
	const where = "INDEXED BY runs_folded WHERE task = ? AND key BETWEEN ? AND ? AND count IS NOT NULL ORDER BY key DESC"
	err = scan(conn, names, where, []cell{integer(number), from, at}, unsound, func(f *row) error {
		if f.slot.of != s.of || f.slot.epoch != s.epoch {
			return nil // keys of requests are in the order of their text
		}
		r = f
		return errEnough
	})
	return r, err
}

// one reads the first sound row; nil: there is none.
func one(conn *sqlite.Conn, names *names, where string, args []cell, unsound func(*record) error) (found *row, err error) {
	err = scan(conn, names, where, args, unsound, func(r *row) error { found = r; return errEnough })
	return found, err
}

// scan calls f for each row, until it returns an error; errEnough is none.
// Unsound is told of rows that do not match their sum and skipped; it may
// change the database.
func scan(conn *sqlite.Conn, names *names, where string, args []cell, unsound func(*record) error, f func(*row) error) error {
	return each(conn, names, where, args, unsound, unpack, f)
}

// skim is scan for those who need no transitions.
func skim(conn *sqlite.Conn, names *names, where string, args []cell, unsound func(*record) error, f func(*row) error) error {
	return each(conn, names, where, args, unsound, unpackRun, f)
}

// glance is skim for those who need neither parameters nor inputs, which may be large.
func glance(conn *sqlite.Conn, names *names, where string, args []cell, unsound func(*record) error, f func(*row) error) error {
	return each(conn, names, where, args, unsound, unpackBrief, f)
}

func each(conn *sqlite.Conn, names *names, where string, args []cell, unsound func(*record) error,
	unpack func(*record, func(int64) (string, error)) (*row, error), f func(*row) error) error {
	var rec record
	var bad []record
	err := query(conn, selectRuns+where, args, func(stmt *sqlite.Stmt) error {
		read(stmt, rec[:])
		if sound(rec[:]) {
			r, err := unpack(&rec, names.name)
			if err == nil {
				return f(r)
			}
		}
		bad = append(bad, rec)
		return nil
	})
	for i := range bad {
		if err := unsound(&bad[i]); err != nil {
			return err
		}
	}
	if err == errEnough {
		return nil
	}
	return err
}

// unsound moves a row that does not match its sum out of the way.
func (o *op) unsound(rec *record) error {
	now := instant(o.w.s.o.Now())
	what := o.w.s.describe(rec)
	gone, err := o.discard(rec)
	if errors.Is(err, errUnindexed) {
		what += " of which the indexes say otherwise,"
		gone, err = o.force(rec)
	}
	if err != nil {
		return err
	}
	if gone == 0 {
		return nil // it is gone already
	}
	o.after = append(o.after, func() { o.w.s.forget() })
	if err := query(o.w.conn, "INSERT INTO damaged (found, row) VALUES (?,?)", []cell{when(now), text(what)}, nil); err != nil {
		return err
	}
	return o.event(Event{Time: now, Kind: "damage", Text: what + flaw(rec) + " and is not believed"})
}

// errUnindexed is the error about a row of which an index says otherwise than it
// does itself.
var errUnindexed = errors.New("an index does not know the row")

// discard removes a row.
func (o *op) discard(rec *record) (gone int, err error) {
	const find = "SELECT n FROM runs INDEXED BY sqlite_autoindex_runs_1 WHERE task = ? AND key = ?"
	indexed := int64(0) // another row, if this one now has the other's key
	err = query(o.w.conn, find, []cell{rec[colTask], rec[colKey]}, func(stmt *sqlite.Stmt) error { indexed = stmt.ColumnInt64(0); return nil })
	if err == nil && indexed != rec[colN].n {
		return 0, errUnindexed
	}
	if err == nil {
		err = query(o.w.conn, "DELETE FROM runs WHERE n = ?", []cell{rec[colN]}, nil)
		gone = o.w.conn.Changes()
	}
	if errors.Is(err, ErrDamaged) {
		err = errUnindexed
	}
	return gone, err
}

// force removes a row in spite of its indexes, and makes those anew: of a
// million rows that takes seconds.
func (o *op) force(rec *record) (gone int, err error) {
	// Only so SQLite takes no offence at an entry that is not there.
	if err := execute(o.w.conn, "PRAGMA writable_schema = ON"); err != nil {
		return 0, err
	}
	err = query(o.w.conn, "DELETE FROM runs WHERE n = ?", []cell{rec[colN]}, nil)
	gone = o.w.conn.Changes()
	if e := execute(o.w.conn, "PRAGMA writable_schema = OFF"); err == nil {
		err = e
	}
	if err != nil || gone == 0 {
		return 0, err
	}
	return gone, execute(o.w.conn, "REINDEX runs")
}

const unmatched = " does not match its checksum"

// flaw is what is wrong with a row that cannot be believed.
func flaw(rec *record) string {
	if !sound(rec[:]) {
		return unmatched
	}
	return " cannot be read"
}

// describe names a row that cannot be believed, by what it says.
func (s *reading) describe(rec *record) string {
	task, err := s.names.name(rec[colTask].n)
	if err != nil {
		task = "?"
	}
	id, _ := idOf(task, rec[colKey])
	return fmt.Sprintf("row %d, run %s, %s%s,", rec[colN].n, id, rec[colState].text, rec[colOutcome].text)
}

// putAway has the writer move a row that is not sound out of the way, soon;
// whoever found it does not wait.
func (s *SQLite) putAway(rec *record) error {
	n := rec[colN]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil
	}
	select {
	case s.work <- &request{done: make(chan struct{}), do: func(o *op) error {
		// What the writer has in memory may be sound still.
		if err := execute(o.w.conn, "PRAGMA shrink_memory"); err != nil {
			return err
		}
		return scan(o.w.conn, s.names, "WHERE n = ?", []cell{n}, o.unsound, func(*row) error { return nil })
	}}:
	default: // it will be found again
	}
	return nil
}
