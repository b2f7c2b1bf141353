package ledger

import (
	"context"
	"strings"

	"zombiezen.com/go/sqlite"
)

// How many events are kept; no setting changes that. Many events of one user push out
// older events of that user only.
const (
	maxEvents     = 100_000 // of all
	maxEventsEach = 1000    // of one kind, of one task, by one user
)

// eventClass is what events are counted by. The runs of a task are one user.
type eventClass struct{ kind, task, who string }

func eventClassOf(kind, task, who string) eventClass {
	if strings.HasPrefix(who, "run ") {
		who, _, _ = strings.Cut(who, "/")
	}
	return eventClass{kind, task, who}
}

// retainEvents removes events: the oldest of each class beyond each, and then, while there
// are more than most, the oldest of the classes that have the most.
func (s *SQLite) retainEvents(ctx context.Context, each, most int) error {
	newest := int64(0)
	type event struct {
		n    int64
		rank int // within its class, from the newest on
	}
	var rows []int64
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT max(n) FROM events", nil, func(stmt *sqlite.Stmt) error { newest = stmt.ColumnInt64(0); return nil })
		if err != nil || newest == s.events.Load() {
			return err
		}
		var rest []event
		ranks, of := make([]int, each+1), map[eventClass]int{} // how many there are of each rank, and of each class
		err = query(conn, "SELECT n, kind, task, who FROM events ORDER BY n DESC", nil, func(stmt *sqlite.Stmt) error {
			n, f := stmt.ColumnInt64(0), eventClassOf(stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnText(3))
			of[f]++
			if rank := of[f]; rank <= each {
				ranks[rank]++
				rest = append(rest, event{n, rank})
			} else {
				rows = append(rows, n)
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
				rows = append(rows, e.n)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		some := rows[:min(batchRows, len(rows))]
		rows = rows[len(some):]
		err := s.write(ctx, func(o *tx) error {
			for _, n := range some {
				if err := query(o.w.conn, "DELETE FROM events WHERE n = ?", []value{integer(n)}, nil); err != nil {
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
