package ledger

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// Find implements [Reader].
func (s *reader) Find(ctx context.Context, owner string, at time.Time) (run runner.Run, steps []runner.Transition, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		for epoch := 1<<epochBits - 1; ; {
			if epoch, err = s.epochBelow(conn, owner, epoch); err != nil {
				return err
			}
			if epoch == 0 {
				return fmt.Errorf("%w: %s at %s", ErrNotFound, owner, at.Format(time.RFC3339))
			}
			id := idAt(owner, at, epoch)
			slot := slotOf(id)
			r, err := lookup(conn, s.names, id, slot, true, s.onDamaged)
			if err != nil {
				return err
			}
			if r != nil && (r.run.ID == id || r.covers(slot)) {
				run, steps = r.run, r.transitions
				return nil
			}
		}
	})
	return run, steps, err
}

// epochBelow returns the newest epoch before the given one in which a task, or
// recurring request, has slots; 0: none.
func (s *reader) epochBelow(conn *sqlite.Conn, owner string, epoch int) (below int, err error) {
	task, key := runner.SplitID(owner)
	number, ok := s.names.id(task)
	if !ok {
		return 0, nil
	}
	if key == "" {
		const sql = "SELECT max(key) FROM runs WHERE task = ? AND key < ?"
		err = query(conn, sql, []value{integer(number), integer(int64(epoch) << timeBits)}, func(stmt *sqlite.Stmt) error {
			below = int(stmt.ColumnInt64(0) >> timeBits)
			return nil
		})
		return below, err
	}
	const sql = "SELECT key FROM runs WHERE task = ? AND key > ? AND key < ?" // read from the index alone
	err = query(conn, sql, []value{integer(number), textOrNull(key + "."), textOrNull(key + "/")}, func(stmt *sqlite.Stmt) error {
		if s := slotOf(task + "/" + stmt.ColumnText(0)); s.request == key && s.epoch < epoch {
			below = max(below, s.epoch)
		}
		return nil
	})
	return below, err
}

// Newest implements [Reader].
func (s *reader) Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error) {
	found := map[string]*row{}
	consider := func(r *row) error {
		if best := found[r.run.Task]; r.mayBeNewest() && (best == nil || best.olderThan(r)) {
			found[r.run.Task] = r
		}
		return nil
	}
	const (
		alive    = "INDEXED BY runs_alive WHERE state IS NOT NULL"
		aliveOf  = "INDEXED BY runs_alive WHERE state IN ('running','queued','delayed','held','" + storedRecurring + "') AND task = ?"
		last     = "(SELECT n FROM runs INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC LIMIT 1)"
		lastOf   = "WHERE n = " + last
		lastEach = "WHERE n IN (SELECT (SELECT n FROM runs INDEXED BY runs_started WHERE task = names.id AND started IS NOT NULL ORDER BY started DESC, n DESC LIMIT 1) FROM names)"
		others   = "INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC"
	)
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		var again []value // tasks whose last row is damaged
		report := func(rec *record) error {
			again = append(again, rec[colTask])
			return s.onDamaged(rec)
		}
		if len(tasks) == 0 {
			if err := scanBrief(conn, s.names, alive, nil, s.onDamaged, consider); err != nil {
				return err
			}
			if err := scanBrief(conn, s.names, lastEach, nil, report, consider); err != nil {
				return err
			}
		}
		for _, task := range tasks {
			id, ok := s.names.id(task)
			if !ok {
				continue
			}
			of := []value{integer(id)}
			if err := scanBrief(conn, s.names, aliveOf, of, s.onDamaged, consider); err != nil {
				return err
			}
			if err := scanBrief(conn, s.names, lastOf, of, report, consider); err != nil {
				return err
			}
		}
		for _, task := range again {
			r, err := firstRow(conn, s.names, others, []value{task}, s.onDamaged)
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
