package ledger

import (
	"context"
	"errors"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// How much goes in one step, so that no write waits long for it.
const (
	stepRows  = 100
	stepPages = 100
)

// keepDamaged is how many rows that did not match their checksum are kept.
const keepDamaged = 1000

// doomed is an ended row that is to go.
type doomed struct {
	n    int64
	id   string // "": of a summary row, which has no files
	task string
}

// Forget implements [Ledger].
func (s *SQLite) Forget(ctx context.Context, f Filter) (int, error) {
	total := 0
	for {
		var some []doomed
		most := stepRows
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
			return skim(conn, s.names, where+" AND state IS NULL ORDER BY n DESC", args, s.report, func(r *row) error {
				if f.selects(r.run) {
					some = append(some, doomed{r.number, r.run.ID, r.run.Task})
				}
				if len(some) == most {
					return errEnough
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
func (s *SQLite) remove(ctx context.Context, rows []doomed) (n int, err error) {
	read, err := s.inputs(ctx)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, d := range rows {
		if d.id != "" {
			ids = append(ids, d.id)
		}
	}
	left := s.files.Forget(ids, read) // an error does not keep the rows for good
	err = s.write(ctx, func(o *op) error {
		n = 0
		for _, d := range rows {
			if err := query(o.w.conn, "DELETE FROM runs WHERE n = ? AND state IS NULL", []cell{integer(d.n)}, nil); err != nil {
				return err
			}
			n += o.w.conn.Changes()
		}
		o.w.written += n
		tasks := make([]string, len(rows))
		for i, d := range rows {
			tasks[i] = d.task
		}
		o.after = append(o.after, func() { s.forget(tasks...) })
		return nil
	})
	if err != nil {
		n = 0
	}
	return n, errors.Join(err, left)
}

// Retain implements [Ledger].
func (s *SQLite) Retain(ctx context.Context, keep Retention) (gone Removed, err error) {
	now := instant(s.o.Now())
	if err := s.retainOutputs(ctx, keep, now, &gone); err != nil { // first: it makes room without needing some
		return gone, err
	}
	for task := int64(0); ; {
		var name string
		if task, name, err = s.after(ctx, task); err != nil {
			return gone, err
		}
		if task == 0 {
			break
		}
		k := keep.Task(name)
		n, err := s.retain(ctx, ofRuns, task, name, k, now)
		gone.Runs += n
		if err != nil {
			return gone, err
		}
		n, err = s.retain(ctx, ofSummaries, task, name, k, now)
		gone.Summaries += n
		if err != nil {
			return gone, err
		}
	}
	if err := s.retainEvents(ctx, keepEach, keepLong); err != nil {
		return gone, err
	}
	const damaged = "DELETE FROM damaged WHERE id <= (SELECT id FROM damaged ORDER BY id DESC LIMIT 1 OFFSET ?)"
	if err := s.write(ctx, func(o *op) error { return query(o.w.conn, damaged, []cell{integer(keepDamaged)}, nil) }); err != nil {
		return gone, err
	}
	if err := s.retainRows(ctx, keep, now, &gone); err != nil {
		return gone, err
	}
	gone.Size, err = s.vacuum(ctx)
	return gone, err
}

// after returns the first task after the given one that has runs; 0: none has.
func (s *SQLite) after(ctx context.Context, task int64) (next int64, name string, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT min(task) FROM runs WHERE task > ?", []cell{integer(task)}, func(stmt *sqlite.Stmt) error {
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

// kind is one of the two kinds of ended rows, which are counted apart.
type kind struct {
	oldest    string // reads them, the oldest first
	newest    string // reads the one after so many of the newest
	summaries bool
}

var (
	ofRuns = kind{
		oldest: "SELECT n, key, finished FROM runs WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished, n",
		newest: "SELECT n FROM runs WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished DESC, n DESC LIMIT 1 OFFSET ?",
	}
	ofSummaries = kind{
		oldest:    "SELECT n, key, finished FROM runs WHERE task = ? AND count IS NOT NULL ORDER BY key",
		newest:    "SELECT n FROM runs WHERE task = ? AND count IS NOT NULL ORDER BY key DESC LIMIT 1 OFFSET ?",
		summaries: true,
	}
)

// retain removes the rows of one kind of a task that need not be kept.
func (s *SQLite) retain(ctx context.Context, of kind, task int64, name string, k Keep, now time.Time) (total int, err error) {
	tooOld := int64(math.MinInt64)
	if k.Age > 0 {
		tooOld = now.Add(-k.Age).UnixMicro()
	}
	for {
		var excess int64 // of the newest row that is too many
		var some []doomed
		err := s.view(ctx, func(conn *sqlite.Conn) error {
			if k.Runs > 0 {
				err := query(conn, of.newest, []cell{integer(task), integer(int64(k.Runs))}, func(stmt *sqlite.Stmt) error {
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
			err := query(conn, of.oldest, []cell{integer(task)}, func(stmt *sqlite.Stmt) error {
				n, ended := stmt.ColumnInt64(0), stmt.ColumnInt64(2)
				if k.protects(now, time.UnixMicro(ended)) || excess == 0 && ended >= tooOld || len(some) == stepRows {
					return errEnough
				}
				d := doomed{n: n, task: name}
				if !of.summaries {
					var key [2]cell
					read(stmt, key[:])
					d.id, _ = idOf(name, key[1])
				}
				some = append(some, d)
				if n == excess {
					excess = 0
				}
				return nil
			})
			if err == errEnough {
				return nil
			}
			return err
		})
		if err != nil || len(some) == 0 {
			return total, err
		}
		n, err := s.remove(ctx, some)
		total += n
		if err != nil || n == 0 || len(some) < stepRows {
			return total, err
		}
	}
}

// inputs are the files that runs read which have not ended: those of a recurring
// request are its runs', too.
func (s *SQLite) inputs(ctx context.Context) (map[string]bool, error) {
	read := map[string]bool{}
	return read, s.view(ctx, func(conn *sqlite.Conn) error {
		const sql = "SELECT input_file FROM runs INDEXED BY runs_alive WHERE state IS NOT NULL AND input_file IS NOT NULL"
		return query(conn, sql, nil, func(stmt *sqlite.Stmt) error { read[stmt.ColumnText(0)] = true; return nil })
	})
}

// alive returns the ids of the runs that have not ended, and of the requests whose
// input they read.
func (s *SQLite) alive(ctx context.Context) (map[string]bool, error) {
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
