package ledger

import (
	"context"
	"errors"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// How much is removed in one transaction, so that no write waits long for it.
const (
	batchRows  = 100
	batchPages = 100
)

// maxDamaged is how many rows that did not match their checksum are kept.
const maxDamaged = 1000

// endedRow is an ended row to be removed.
type endedRow struct {
	n    int64
	id   string // "": of a summary row, which has no files
	task string
}

// Forget implements [Ledger].
func (s *SQLite) Forget(ctx context.Context, f Filter) (int, error) {
	total := 0
	for {
		var some []endedRow
		most := batchRows
		if f.Limit > 0 {
			most = min(most, f.Limit-total)
		}
		err := s.view(ctx, func(conn *sqlite.Conn) error {
			where, args, ok := s.where(f)
			if !ok || most == 0 {
				return nil
			}
			if where == "" {
				where = "WHERE true"
			}
			return scanRuns(conn, s.names, where+" AND state IS NULL ORDER BY n DESC", args, s.onDamaged, func(r *row) error {
				if f.selects(r.run) {
					some = append(some, endedRow{r.number, r.run.ID, r.run.Task})
				}
				if len(some) == most {
					return errStop
				}
				return nil
			})
		})
		if err != nil || len(some) == 0 {
			return total, err
		}
		n, err := s.remove(ctx, some)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// remove removes rows that have ended, and before them their files: whenever rota is
// killed, no run that takes the id of one that is forgotten finds what that has left.
func (s *SQLite) remove(ctx context.Context, rows []endedRow) (n int, err error) {
	read, err := s.inputsInUse(ctx)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, d := range rows {
		if d.id != "" {
			ids = append(ids, d.id)
		}
	}
	left := s.files.Forget(ids, read) // an error does not keep the rows from being removed
	err = s.write(ctx, func(o *tx) error {
		n = 0
		for _, d := range rows {
			if err := query(o.w.conn, "DELETE FROM runs WHERE n = ? AND state IS NULL", []value{integer(d.n)}, nil); err != nil {
				return err
			}
			n += o.w.conn.Changes()
		}
		o.w.written += n
		tasks := make([]string, len(rows))
		for i, d := range rows {
			tasks[i] = d.task
		}
		o.after = append(o.after, func() { s.invalidate(tasks...) })
		return nil
	})
	if err != nil {
		n = 0
	}
	return n, errors.Join(err, left)
}

// Retain implements [Ledger].
func (s *SQLite) Retain(ctx context.Context, keep Retention) (removed Removed, err error) {
	now := normalizeTime(s.o.Now())
	if err := s.retainOutputs(ctx, keep, now, &removed); err != nil { // first: it frees space without needing any
		return removed, err
	}
	for task := int64(0); ; {
		var name string
		if task, name, err = s.nextTask(ctx, task); err != nil {
			return removed, err
		}
		if task == 0 {
			break
		}
		k := keep.Task(name)
		n, err := s.retain(ctx, ofRuns, task, name, k, now)
		removed.Runs += n
		if err != nil {
			return removed, err
		}
		n, err = s.retain(ctx, ofSummaries, task, name, k, now)
		removed.Summaries += n
		if err != nil {
			return removed, err
		}
	}
	if err := s.retainEvents(ctx, maxEventsEach, maxEvents); err != nil {
		return removed, err
	}
	const damaged = "DELETE FROM damaged WHERE id <= (SELECT id FROM damaged ORDER BY id DESC LIMIT 1 OFFSET ?)"
	if err := s.write(ctx, func(o *tx) error { return query(o.w.conn, damaged, []value{integer(maxDamaged)}, nil) }); err != nil {
		return removed, err
	}
	if err := s.retainRows(ctx, keep, now, &removed); err != nil {
		return removed, err
	}
	removed.Size, err = s.vacuum(ctx)
	return removed, err
}

// nextTask returns the first task after the given one that has runs; 0: none has.
func (s *SQLite) nextTask(ctx context.Context, task int64) (next int64, name string, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT min(task) FROM runs WHERE task > ?", []value{integer(task)}, func(stmt *sqlite.Stmt) error {
			next = stmt.ColumnInt64(0)
			return nil
		})
	})
	if err == nil && next != 0 {
		if known, e := s.names.name(next); e == nil {
			name = known
		}
	}
	return next, name, err
}

// rowKind is one of the two kinds of ended rows, which are counted separately.
type rowKind struct {
	oldest    string // reads them, the oldest first
	newest    string // reads the one after so many of the newest
	summaries bool
}

var (
	ofRuns = rowKind{
		oldest: "SELECT n, key, finished FROM runs WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished, n",
		newest: "SELECT n FROM runs WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished DESC, n DESC LIMIT 1 OFFSET ?",
	}
	ofSummaries = rowKind{
		oldest:    "SELECT n, key, finished FROM runs WHERE task = ? AND count IS NOT NULL ORDER BY key",
		newest:    "SELECT n FROM runs WHERE task = ? AND count IS NOT NULL ORDER BY key DESC LIMIT 1 OFFSET ?",
		summaries: true,
	}
)

// retain removes the rows of one kind of a task that need not be kept.
func (s *SQLite) retain(ctx context.Context, of rowKind, task int64, name string, k Keep, now time.Time) (total int, err error) {
	tooOld := int64(math.MinInt64)
	if k.Age > 0 {
		tooOld = now.Add(-k.Age).UnixMicro()
	}
	for {
		var excess int64 // of the newest row that is too many
		var some []endedRow
		err := s.view(ctx, func(conn *sqlite.Conn) error {
			if k.Runs > 0 {
				err := query(conn, of.newest, []value{integer(task), integer(int64(k.Runs))}, func(stmt *sqlite.Stmt) error {
					excess = stmt.ColumnInt64(0)
					return nil
				})
				if err != nil {
					return err
				}
			}
			if excess == 0 && tooOld == math.MinInt64 {
				return nil
			}
			err := query(conn, of.oldest, []value{integer(task)}, func(stmt *sqlite.Stmt) error {
				n, ended := stmt.ColumnInt64(0), stmt.ColumnInt64(2)
				if k.protects(now, time.UnixMicro(ended)) || excess == 0 && ended >= tooOld || len(some) == batchRows {
					return errStop
				}
				d := endedRow{n: n, task: name}
				if !of.summaries {
					var key [2]value
					read(stmt, key[:])
					d.id, _ = idOf(name, key[1])
				}
				some = append(some, d)
				if n == excess {
					excess = 0
				}
				return nil
			})
			if err == errStop {
				return nil
			}
			return err
		})
		if err != nil || len(some) == 0 {
			return total, err
		}
		n, err := s.remove(ctx, some)
		total += n
		if err != nil || n == 0 || len(some) < batchRows {
			return total, err
		}
	}
}

// inputsInUse returns the input files of runs that have not ended; runs of a recurring
// request share its input file.
func (s *SQLite) inputsInUse(ctx context.Context) (map[string]bool, error) {
	read := map[string]bool{}
	return read, s.view(ctx, func(conn *sqlite.Conn) error {
		const sql = "SELECT input_file FROM runs INDEXED BY runs_alive WHERE state IS NOT NULL AND input_file IS NOT NULL"
		return query(conn, sql, nil, func(stmt *sqlite.Stmt) error { read[stmt.ColumnText(0)] = true; return nil })
	})
}

// unfinished returns the ids of the runs that have not ended, and of the requests whose
// input they read.
func (s *SQLite) unfinished(ctx context.Context) (map[string]bool, error) {
	runs, err := s.List(ctx, Filter{States: []runner.State{runner.Held, runner.Recurring, runner.Delayed, runner.Queued, runner.Running}})
	ids := map[string]bool{}
	for _, r := range runs {
		ids[r.ID] = true
		if r.InputFile != "" {
			ids[r.Parent] = true
		}
	}
	return ids, err
}
