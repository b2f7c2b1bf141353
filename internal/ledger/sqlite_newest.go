package ledger

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// Find implements [Reader].
func (s *reading) Find(ctx context.Context, of string, at time.Time) (run runner.Run, steps []runner.Transition, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		for epoch := 1<<epochBits - 1; ; {
			if epoch, err = s.epochBelow(conn, of, epoch); err != nil {
				return err
			}
			if epoch == 0 {
				return fmt.Errorf("%w: %s at %s", ErrNotFound, of, at.Format(time.RFC3339))
			}
			id := idAt(of, at, epoch)
			slot := slotOf(id)
			r, err := lookup(conn, s.names, id, slot, true, s.report)
			if err != nil {
				return err
			}
			if r != nil && (r.run.ID == id || r.covers(slot)) {
				run, steps = r.run, r.steps
				return nil
			}
		}
	})
	return run, steps, err
}

// epochBelow returns the newest epoch before the given one in which a task, or
// recurring request, has slots; 0: none.
func (s *reading) epochBelow(conn *sqlite.Conn, of string, epoch int) (below int, err error) {
	task, key := runner.SplitID(of)
	number, ok := s.names.id(task)
	if !ok {
		return 0, nil
	}
	if key == "" {
		const sql = "SELECT max(key) FROM runs WHERE task = ? AND key < ?"
		err = query(conn, sql, []cell{integer(number), integer(int64(epoch) << timeBits)}, func(stmt *sqlite.Stmt) error {
			below = int(stmt.ColumnInt64(0) >> timeBits)
			return nil
		})
		return below, err
	}
	const sql = "SELECT key FROM runs WHERE task = ? AND key > ? AND key < ?" // read from the index alone
	err = query(conn, sql, []cell{integer(number), text(key + "."), text(key + "/")}, func(stmt *sqlite.Stmt) error {
		if s := slotOf(task + "/" + stmt.ColumnText(0)); s.of == key && s.epoch < epoch {
			below = max(below, s.epoch)
		}
		return nil
	})
	return below, err
}

// Newest implements [Reader].
func (s *reading) Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error) {
	found := map[string]*row{}
	consider := func(r *row) error {
		if best := found[r.run.Task]; r.counts() && (best == nil || best.before(r)) {
			found[r.run.Task] = r
		}
		return nil
	}
	const (
		alive    = "INDEXED BY runs_alive WHERE state IS NOT NULL"
		aliveOf  = "INDEXED BY runs_alive WHERE state IN ('running','queued','delayed','held','" + recurringWord + "') AND task = ?"
		last     = "(SELECT n FROM runs INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC LIMIT 1)"
		lastOf   = "WHERE n = " + last
		lastEach = "WHERE n IN (SELECT (SELECT n FROM runs INDEXED BY runs_started WHERE task = names.id AND started IS NOT NULL ORDER BY started DESC, n DESC LIMIT 1) FROM names)"
		others   = "INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC"
	)
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		var again []cell // tasks whose last row is not to be believed
		report := func(rec *record) error {
			again = append(again, rec[colTask])
			return s.report(rec)
		}
		if len(tasks) == 0 {
			if err := glance(conn, s.names, alive, nil, s.report, consider); err != nil {
				return err
			}
			if err := glance(conn, s.names, lastEach, nil, report, consider); err != nil {
				return err
			}
		}
		for _, task := range tasks {
			id, ok := s.names.id(task)
			if !ok {
				continue
			}
			of := []cell{integer(id)}
			if err := glance(conn, s.names, aliveOf, of, s.report, consider); err != nil {
				return err
			}
			if err := glance(conn, s.names, lastOf, of, report, consider); err != nil {
				return err
			}
		}
		for _, task := range again {
			r, err := one(conn, s.names, others, []cell{task}, s.report)
			if err != nil {
				return err
			}
			if r != nil {
				_ = consider(r)
			}
		}
		return nil
	})
	runs := make(map[string]runner.Run, len(found))
	for task, r := range found {
		runs[task] = r.run.Brief()
	}
	return runs, err
}
