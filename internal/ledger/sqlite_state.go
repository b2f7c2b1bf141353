package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"
)

// readCursor reads how far the slots are written down; false: what is there is
// not to be believed.
func readCursor(conn *sqlite.Conn) (c Cursor, ok bool, err error) {
	ok = true
	err = query(conn, "SELECT epoch, through, revision, sum FROM cursor", nil, func(stmt *sqlite.Stmt) error {
		var cells [4]cell
		read(stmt, cells[:])
		if ok = sound(cells[:]); ok {
			c = Cursor{Epoch: int(cells[0].n), Through: cells[1].time(), Revision: cells[2].text}
		}
		return nil
	})
	return c, ok, err
}

// setCursor writes how far the slots are written down.
func (o *op) setCursor(c Cursor) error {
	c.Through = instant(c.Through)
	cells := []cell{integer(int64(c.Epoch)), when(c.Through), text(c.Revision)}
	cells = append(cells, sum(cells...))
	if err := query(o.w.conn, "INSERT OR REPLACE INTO cursor VALUES (1,?,?,?,?)", cells, nil); err != nil {
		return err
	}
	old := o.w.cursor
	o.w.cursor = c
	o.undo = append(o.undo, func() { o.w.cursor = old })
	o.after = append(o.after, func() { o.w.s.cursor.Store(&c) })
	return nil
}

// Task implements [Ledger].
func (s *SQLite) Task(ctx context.Context, name string) (state TaskState, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		state, err = readState(conn, name)
		return err
	})
	return state, err
}

// Tasks implements [Ledger].
func (s *SQLite) Tasks(ctx context.Context) (map[string]TaskState, error) {
	all := map[string]TaskState{}
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT name, version, state, sum FROM states", nil, func(stmt *sqlite.Stmt) error {
			if name, state, ok := decodeState(stmt); ok {
				all[name] = state
			}
			return nil
		})
	})
	return all, err
}

// readState reads the state of a task; one that is not sound is that of a task
// never seen.
func readState(conn *sqlite.Conn, name string) (state TaskState, err error) {
	const sql = "SELECT name, version, state, sum FROM states WHERE name = ?"
	err = query(conn, sql, []cell{text(name)}, func(stmt *sqlite.Stmt) error {
		if _, found, ok := decodeState(stmt); ok {
			state = found
		}
		return nil
	})
	return state, err
}

func decodeState(stmt *sqlite.Stmt) (name string, state TaskState, ok bool) {
	var cells [4]cell
	read(stmt, cells[:])
	if !sound(cells[:]) || json.Unmarshal([]byte(cells[2].text), &state) != nil {
		return "", TaskState{}, false
	}
	return cells[0].text, state, true
}

// setState writes the state of a task, if its version is still the given one.
func (o *op) setState(name string, version int, next TaskState) error {
	switch now, err := readState(o.w.conn, name); {
	case err != nil:
		return err
	case now.Version != version:
		return ErrConflict
	}
	next.Version = version + 1
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("state of %s: %w", name, err)
	}
	cells := []cell{text(name), integer(int64(next.Version)), text(string(data))}
	return query(o.w.conn, "INSERT OR REPLACE INTO states VALUES (?,?,?,?)", append(cells, sum(cells...)), nil)
}

// event adds to the history of rota itself.
func (o *op) event(e Event) error {
	if e.Time.IsZero() {
		e.Time = o.w.s.o.Now()
	}
	e.Time = instant(e.Time)
	cells := []cell{when(e.Time), text(e.Kind), text(e.Task), text(e.Who), text(e.Text)}
	if err := query(o.w.conn, "INSERT INTO events (time, kind, task, who, text, sum) VALUES (?,?,?,?,?,?)", append(cells, sum(cells...)), nil); err != nil {
		return err
	}
	o.after = append(o.after, func() { o.w.s.watchers.tell(e) })
	return nil
}

// Events implements [Ledger].
func (s *SQLite) Events(ctx context.Context, n int) (events []Event, err error) {
	if n <= 0 {
		return nil, s.usable(ctx)
	}
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		const sql = "SELECT time, kind, task, who, text, sum FROM events ORDER BY n DESC LIMIT ?"
		return query(conn, sql, []cell{integer(int64(n))}, func(stmt *sqlite.Stmt) error {
			var c [6]cell
			if read(stmt, c[:]); sound(c[:]) {
				events = append(events, Event{Time: c[0].time(), Kind: c[1].text, Task: c[2].text, Who: c[3].text, Text: c[4].text})
			}
			return nil
		})
	})
	slices.Reverse(events)
	return events, err
}
