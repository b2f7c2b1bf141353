package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
)

// uncountedBytes is the size up to which the ledger does not count as kept data.
const uncountedBytes = 16 << 20

// usedBytes is how many bytes of the ledger are in use.
func (s *SQLite) usedBytes(ctx context.Context) (bytes int64, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		all, free, size, err := pagesOf(conn)
		bytes = (all - free) * size
		return err
	})
	return bytes, err
}

// countedBytes is how many bytes of the ledger count as kept data.
func (s *SQLite) countedBytes(ctx context.Context) (bytes int64, err error) {
	bytes, err = s.usedBytes(ctx)
	return max(0, bytes-uncountedBytes), err
}

// taskBytes is the approximate size of the ended runs of a task in the ledger.
type taskBytes struct {
	task  int64
	bytes int64
}

// rowBytesSQL is the approximate size of a row with its index entries.
const rowBytesSQL = "(400 + coalesce(octet_length(params),0) + coalesce(octet_length(input),0) + coalesce(octet_length(error),0) + coalesce(octet_length(why),0) + octet_length(steps))"

// retainRows removes ended runs while the ledger is more than half of all kept data: the
// oldest runs of the tasks that take the most.
func (s *SQLite) retainRows(ctx context.Context, keep Retention, now time.Time, removed *Removed) error {
	bytes, err := s.countedBytes(ctx)
	over := bytes - keep.Total/2
	if err != nil || keep.Total <= 0 || over <= 0 {
		return err
	}
	var all []taskBytes
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT task, sum("+rowBytesSQL+") FROM runs WHERE state IS NULL GROUP BY task", nil, func(stmt *sqlite.Stmt) error {
			all = append(all, taskBytes{stmt.ColumnInt64(0), stmt.ColumnInt64(1)})
			return nil
		})
	})
	if err != nil {
		return err
	}
	level := limitFor(all, over)
	for _, w := range all {
		if w.bytes <= level {
			continue
		}
		name, err := s.names.name(w.task)
		if err != nil {
			return err
		}
		if err := s.removeOldestRows(ctx, w.task, name, w.bytes-level, keep.Task(name), now, removed); err != nil {
			return err
		}
	}
	return nil
}

// limitFor is how many bytes the runs of each task may take so that all together take
// over bytes less.
func limitFor(all []taskBytes, over int64) int64 {
	slices.SortFunc(all, func(a, b taskBytes) int { return cmp.Compare(b.bytes, a.bytes) })
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

// removeOldestRows removes the oldest ended runs of a task that take so many bytes.
func (s *SQLite) removeOldestRows(ctx context.Context, task int64, name string, bytes int64, k Keep, now time.Time, removed *Removed) error {
	const oldest = "SELECT n, key, finished, count, " + rowBytesSQL + " FROM runs WHERE task = ? AND state IS NULL ORDER BY finished, n"
	var all []endedRow
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, oldest, []value{integer(task)}, func(stmt *sqlite.Stmt) error {
			var c [5]value
			read(stmt, c[:])
			if bytes <= 0 || k.protects(now, c[2].time()) {
				return errStop
			}
			d := endedRow{n: c[0].n, task: name}
			if c[3].n == 0 {
				d.id, _ = idOf(name, c[1])
			}
			all = append(all, d)
			bytes -= c[4].n
			return nil
		})
		if err == errStop {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(all, batchRows) {
		n, err := s.remove(ctx, some)
		removed.Runs += n
		if err != nil {
			return err
		}
	}
	return nil
}
