package ledger

import (
	"encoding/json"
	"fmt"
	"time"

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

// setCursor writes how far the slots are recorded. Slots of ahead are recorded, too; zero:
// none are.
func (o *op) setCursor(c Cursor, ahead time.Time) error {
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
	o.after = append(o.after, func() {
		o.w.s.cursor.Store(&c)
		o.w.s.mark.write(c, ahead)
	})
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

// checkState returns ErrConflict unless the version of a task's state is still that
// which is to be changed.
func (o *op) checkState(c StateChange) error {
	now, err := readState(o.w.conn, c.Name)
	if err == nil && now.Version != c.Prev.Version {
		err = ErrConflict
	}
	return err
}

// setState writes the state of a task, and the events that go with it.
func (o *op) setState(c StateChange) error {
	next := c.Next.clone()
	next.Version = c.Prev.Version + 1
	data, err := json.Marshal(next)
	if err != nil {
		return &storeError{fmt.Errorf("state of %s: %w", c.Name, err)} // all of the change is undone
	}
	cells := []cell{text(c.Name), integer(int64(next.Version)), text(string(data))}
	o.w.written++
	if err := query(o.w.conn, "INSERT OR REPLACE INTO states VALUES (?,?,?,?)", append(cells, sum(cells...)), nil); err != nil {
		return err
	}
	for _, e := range c.Events {
		if err := o.event(e); err != nil {
			return err
		}
	}
	return nil
}
