package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
)

// smallLedger is how large the ledger may be before it counts among what is kept.
const smallLedger = 16 << 20

// used is how many bytes of the ledger are in use.
func (s *SQLite) used(ctx context.Context) (bytes int64, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		all, free, size, err := pagesOf(conn)
		bytes = (all - free) * size
		return err
	})
	return bytes, err
}

// counted is what the ledger counts among what is kept.
func (s *SQLite) counted(ctx context.Context) (bytes int64, err error) {
	bytes, err = s.used(ctx)
	return max(0, bytes-smallLedger), err
}

// weight is how much the ended runs of a task take in the ledger, about.
type weight struct {
	task  int64
	bytes int64
}

// bytesOfRow is about what a row takes, with its part of the indexes.
const bytesOfRow = "(400 + coalesce(octet_length(params),0) + coalesce(octet_length(input),0) + coalesce(octet_length(error),0) + coalesce(octet_length(why),0) + octet_length(steps))"

// retainRows removes ended runs while the ledger is more than half of what is kept in
// all: the oldest ones of the tasks whose runs take the most.
func (s *SQLite) retainRows(ctx context.Context, keep Retention, now time.Time, gone *Removed) error {
	bytes, err := s.counted(ctx)
	over := bytes - keep.Total/2
	if err != nil || keep.Total <= 0 || over <= 0 {
		return err
	}
	var all []weight
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT task, sum("+bytesOfRow+") FROM runs WHERE state IS NULL GROUP BY task", nil, func(stmt *sqlite.Stmt) error {
			all = append(all, weight{stmt.ColumnInt64(0), stmt.ColumnInt64(1)})
			return nil
		})
	})
	if err != nil {
		return err
	}
	level := levelOf(all, over)
	for _, w := range all {
		if w.bytes <= level {
			continue
		}
		name, err := s.names.name(w.task)
		if err != nil {
			return err
		}
		if err := s.lighten(ctx, w.task, name, w.bytes-level, keep.Task(name), now, gone); err != nil {
			return err
		}
	}
	return nil
}

// levelOf is how much the runs of each task may take so that all together take so
// much less.
func levelOf(all []weight, over int64) int64 {
	slices.SortFunc(all, func(a, b weight) int { return cmp.Compare(b.bytes, a.bytes) })
	sum := int64(0)
	for i, w := range all {
		sum += w.bytes
		next := int64(0)
		if i+1 < len(all) {
			next = all[i+1].bytes
		}
		n := int64(i + 1)
		if sum-n*next >= over {
			return (sum - over) / n
		}
	}
	return 0
}

// lighten removes the oldest ended runs of a task that take so many bytes.
func (s *SQLite) lighten(ctx context.Context, task int64, name string, bytes int64, k Keep, now time.Time, gone *Removed) error {
	const oldest = "SELECT n, key, finished, count, " + bytesOfRow + " FROM runs WHERE task = ? AND state IS NULL ORDER BY finished, n"
	var all []doomed
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, oldest, []cell{integer(task)}, func(stmt *sqlite.Stmt) error {
			var c [5]cell
			read(stmt, c[:])
			if bytes <= 0 || k.protects(now, c[2].time()) {
				return errEnough
			}
			d := doomed{n: c[0].n, task: name}
			if c[3].n == 0 {
				d.id, _ = idOf(name, c[1])
			}
			all = append(all, d)
			bytes -= c[4].n
			return nil
		})
		if err == errEnough {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(all, stepRows) {
		n, err := s.remove(ctx, some)
		gone.Runs += n
		if err != nil {
			return err
		}
	}
	return nil
}
