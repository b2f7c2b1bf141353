package ledger

import (
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// readCursor reads how far the slots are written down; false: what is there is
// not to be believed.
func readCursor(conn *sqlite.Conn) (c Cursor, ok bool, err error) {
	ok = true
	err = query(conn, "SELECT epoch, through, revision, boot, reach, sum FROM cursor", nil, func(stmt *sqlite.Stmt) error {
		var cells [6]cell
		read(stmt, cells[:])
		if ok = sound(cells[:]); ok {
			c = Cursor{Epoch: int(cells[0].n), Through: cells[1].time(), Revision: cells[2].text, Boot: cells[3].text, Reach: cells[4].time()}
		}
		return nil
	})
	return c, ok, err
}

// setCursor writes how far the slots are written down.
func (o *op) setCursor(c Cursor) error {
	c = c.kept()
	cells := []cell{integer(int64(c.Epoch)), when(c.Through), text(c.Revision), text(c.Boot), when(c.Reach)}
	cells = append(cells, sum(cells...))
	const sql = "INSERT OR REPLACE INTO cursor (id, epoch, through, revision, boot, reach, sum) VALUES (1,?,?,?,?,?,?)"
	if err := query(o.w.conn, sql, cells, nil); err != nil {
		return err
	}
	old := o.w.cursor
	o.w.cursor = c
	o.undo = append(o.undo, func() { o.w.cursor = old })
	o.after = append(o.after, func() { o.w.s.cursor.Store(&c) })
	return nil
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
	o.w.written++
	return query(o.w.conn, "INSERT OR REPLACE INTO states VALUES (?,?,?,?)", append(cells, sum(cells...)), nil)
}
