package ledger

import (
	"context"
	"strings"

	"zombiezen.com/go/sqlite"
)

// How many events are kept, without a setting. What one user does over and over
// pushes out what that user did before, and nobody else's.
const (
	keepLong = 100_000 // of all
	keepEach = 1000    // of one kind, of one task, by one user
)

// fate is what events are counted apart by. The runs of a task are one user.
type fate struct{ kind, task, who string }

func fateOf(kind, task, who string) fate {
	if strings.HasPrefix(who, "run ") {
		who, _, _ = strings.Cut(who, "/")
	}
	return fate{kind, task, who}
}

// retainEvents removes events: of each fate the oldest beyond so many, and beyond so
// many of all the oldest of those fates that have the most.
func (s *SQLite) retainEvents(ctx context.Context, each, most int) error {
	newest := int64(0)
	type event struct {
		n    int64
		rank int // among those of its fate, from the newest on
	}
	var doomed []int64
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT max(n) FROM events", nil, func(stmt *sqlite.Stmt) error { newest = stmt.ColumnInt64(0); return nil })
		if err != nil || newest == s.events.Load() {
			return err
		}
		var rest []event
		ranks, of := make([]int, each+1), map[fate]int{} // how many there are of each rank, and of each fate
		err = query(conn, "SELECT n, kind, task, who FROM events ORDER BY n DESC", nil, func(stmt *sqlite.Stmt) error {
			n, f := stmt.ColumnInt64(0), fateOf(stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnText(3))
			of[f]++
			if rank := of[f]; rank <= each {
				ranks[rank]++
				rest = append(rest, event{n, rank})
			} else {
				doomed = append(doomed, n)
			}
			return nil
		})
		last, room := 0, most // the last rank of which all are kept, and how many of the next one are
		for last < each && ranks[last+1] <= room {
			last++
			room -= ranks[last]
		}
		for _, e := range rest { // the newest first
			switch {
			case e.rank <= last:
			case e.rank == last+1 && room > 0:
				room--
			default:
				doomed = append(doomed, e.n)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for len(doomed) > 0 {
		some := doomed[:min(stepRows, len(doomed))]
		doomed = doomed[len(some):]
		err := s.write(ctx, func(o *op) error {
			for _, n := range some {
				if err := query(o.w.conn, "DELETE FROM events WHERE n = ?", []cell{integer(n)}, nil); err != nil {
					return err
				}
			}
			o.w.written += len(some)
			return nil
		})
		if err != nil {
			return err
		}
	}
	s.events.Store(newest)
	return nil
}
