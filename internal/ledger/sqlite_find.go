package ledger

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

func (t *tx) find(id string) (*row, error) {
	known, asked := t.rows[id]
	if known != nil {
		return known, nil
	}
	task, _ := runner.SplitID(id)
	s := slotOf(id)
	for _, r := range t.summaries[task] { // it may have grown over the slot since that was asked for
		if r.covers(s) {
			return r, nil
		}
	}
	if asked {
		return nil, nil
	}
	summarized, err := t.w.mayHaveSummaries(task)
	if err != nil {
		return nil, err
	}
	r, err := lookup(t.w.conn, t.w.s.names, id, s, summarized, t.quarantine)
	if err != nil {
		return nil, err
	}
	if r != nil {
		if known := t.rows[r.run.ID]; known != nil {
			r = known // with what this change has done to it
		}
		if r.run.ID != id && !r.covers(s) {
			r = nil
		}
	}
	if r != nil {
		t.rows[r.run.ID] = r
	}
	if r == nil || r.run.ID == id {
		t.rows[id] = r
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
	err := query(w.conn, "SELECT 1 FROM runs WHERE task = ? AND count IS NOT NULL LIMIT 1", []value{integer(id)}, func(*sqlite.Stmt) error {
		has = true
		return nil
	})
	if err == nil {
		w.summarized[id] = has
	}
	return has, err
}

func (t *tx) newest(task, parent string) (*row, error) {
	fresh := t.fresh[task]
	for i := len(fresh) - 1; i >= 0; i-- {
		if fresh[i].run.Parent == parent {
			return fresh[i], nil
		}
	}
	id, ok := t.w.s.names.id(task)
	if !ok {
		return nil, nil
	}
	where, args := "INDEXED BY runs_by_task WHERE task = ? AND parent IS NULL ORDER BY n DESC", []value{integer(id)}
	if parent != "" {
		where, args = "INDEXED BY runs_by_parent WHERE parent = ? AND task = ? ORDER BY n DESC", []value{textOrNull(parent), integer(id)}
	}
	r, err := firstRow(t.w.conn, t.w.s.names, where, args, t.quarantine)
	if r != nil {
		if known := t.rows[r.run.ID]; known != nil {
			return known, nil
		}
		t.rows[r.run.ID] = r
	}
	return r, err
}

// lookup reads the row of an id; nil: there is none. It may return a summary row that
// covers the slot, if summarized.
func lookup(conn *sqlite.Conn, names *names, id string, s slot, summarized bool, unsound func(*record) error) (*row, error) {
	task, key := runner.SplitID(id)
	number, ok := names.id(task)
	if !ok || key == "" {
		return nil, nil
	}
	at := keyValue(id, s)
	r, err := firstRow(conn, names, "WHERE task = ? AND key = ?", []value{integer(number), at}, unsound)
	if r != nil || err != nil || !summarized || s.epoch == 0 {
		return r, err
	}
	from := integer(0)
	if at.kind == sqlite.TypeText {
		from = textOrNull(s.request + ".")
	}
	const where = "INDEXED BY runs_folded WHERE task = ? AND key BETWEEN ? AND ? AND count IS NOT NULL ORDER BY key DESC"
	err = scanRows(conn, names, where, []value{integer(number), from, at}, unsound, func(f *row) error {
		if f.slot.request != s.request || f.slot.epoch != s.epoch {
			return nil // keys of requests are in the order of their text
		}
		r = f
		return errStop
	})
	return r, err
}

// firstRow reads the first intact row; nil: there is none.
func firstRow(conn *sqlite.Conn, names *names, where string, args []value, unsound func(*record) error) (found *row, err error) {
	err = scanRows(conn, names, where, args, unsound, func(r *row) error { found = r; return errStop })
	return found, err
}

// scanRows calls f for each row, until f returns an error; errStop ends the scan without
// an error. Rows that do not match their checksum are skipped and passed to onDamaged,
// which may change the database.
func scanRows(conn *sqlite.Conn, names *names, where string, args []value, unsound func(*record) error, f func(*row) error) error {
	return scanRecords(conn, names, where, args, unsound, unpack, f)
}

// scanRuns is scanRows without transitions.
func scanRuns(conn *sqlite.Conn, names *names, where string, args []value, unsound func(*record) error, f func(*row) error) error {
	return scanRecords(conn, names, where, args, unsound, unpackWithoutTransitions, f)
}

// scanBrief is scanRuns without parameters and inputs, which may be large.
func scanBrief(conn *sqlite.Conn, names *names, where string, args []value, unsound func(*record) error, f func(*row) error) error {
	return scanRecords(conn, names, where, args, unsound, unpackBrief, f)
}

func scanRecords(conn *sqlite.Conn, names *names, where string, args []value, unsound func(*record) error,
	unpack func(*record, func(int64) (string, error)) (*row, error), f func(*row) error) error {
	var rec record
	var bad []record
	err := query(conn, selectRuns+where, args, func(stmt *sqlite.Stmt) error {
		read(stmt, rec[:])
		if checksumOK(rec[:]) {
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
	if err == errStop {
		return nil
	}
	return err
}

// quarantine deletes a row that does not match its checksum, and records it in damaged.
func (t *tx) quarantine(rec *record) error {
	now := normalizeTime(t.w.s.o.Now())
	what := t.w.s.describe(rec)
	removed, err := t.deleteIndexed(rec)
	if errors.Is(err, errUnindexed) {
		what += " which disagrees with the indexes,"
		removed, err = t.deleteUnindexed(rec)
	}
	if err != nil {
		return err
	}
	if removed == 0 {
		return nil // already deleted
	}
	t.after = append(t.after, func() { t.w.s.invalidate() })
	if err := query(t.w.conn, "INSERT INTO damaged (found, row) VALUES (?,?)", []value{timeOrNull(now), textOrNull(what)}, nil); err != nil {
		return err
	}
	return t.event(Event{Time: now, Kind: "damage", Text: what + damageText(rec) + " and is ignored"})
}

// errUnindexed is the error about a row that an index does not have under its key.
var errUnindexed = errors.New("an index does not know the row")

// deleteIndexed deletes a row that its indexes agree with.
func (t *tx) deleteIndexed(rec *record) (removed int, err error) {
	const find = "SELECT n FROM runs INDEXED BY sqlite_autoindex_runs_1 WHERE task = ? AND key = ?"
	indexed := int64(0) // another row, if this one now has the other's key
	err = query(t.w.conn, find, []value{rec[colTask], rec[colKey]}, func(stmt *sqlite.Stmt) error { indexed = stmt.ColumnInt64(0); return nil })
	if err == nil && indexed != rec[colN].n {
		return 0, errUnindexed
	}
	if err == nil {
		err = query(t.w.conn, "DELETE FROM runs WHERE n = ?", []value{rec[colN]}, nil)
		removed = t.w.conn.Changes()
	}
	if errors.Is(err, ErrDamaged) {
		err = errUnindexed
	}
	return removed, err
}

// deleteUnindexed deletes a row in spite of its indexes and rebuilds them, which takes
// seconds for a million rows.
func (t *tx) deleteUnindexed(rec *record) (removed int, err error) {
	// Otherwise SQLite reports a missing index entry as corruption.
	if err := execute(t.w.conn, "PRAGMA writable_schema = ON"); err != nil {
		return 0, err
	}
	err = query(t.w.conn, "DELETE FROM runs WHERE n = ?", []value{rec[colN]}, nil)
	removed = t.w.conn.Changes()
	if e := execute(t.w.conn, "PRAGMA writable_schema = OFF"); err == nil {
		err = e
	}
	if err != nil || removed == 0 {
		return 0, err
	}
	return removed, execute(t.w.conn, "REINDEX runs")
}

const checksumMismatch = " does not match its checksum"

// damageText is what is wrong with a damaged row.
func damageText(rec *record) string {
	if !checksumOK(rec[:]) {
		return checksumMismatch
	}
	return " cannot be read"
}

// describe identifies a damaged row by the values of its columns.
func (s *reader) describe(rec *record) string {
	task, err := s.names.name(rec[colTask].n)
	if err != nil {
		task = "?"
	}
	id, _ := idOf(task, rec[colKey])
	return fmt.Sprintf("row %d, run %s, %s%s,", rec[colN].n, id, rec[colState].text, rec[colOutcome].text)
}

// requestQuarantine has the writer quarantine a damaged row, and does not wait for it.
func (s *SQLite) requestQuarantine(rec *record) error {
	n := rec[colN]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil
	}
	select {
	case s.work <- &request{done: make(chan struct{}), inTx: func(o *tx) error {
		// The writer's page cache may still have the intact row.
		if err := execute(o.w.conn, "PRAGMA shrink_memory"); err != nil {
			return err
		}
		return scanRows(o.w.conn, s.names, "WHERE n = ?", []value{n}, o.quarantine, func(*row) error { return nil })
	}}:
	default: // the next reader finds it again
	}
	return nil
}
