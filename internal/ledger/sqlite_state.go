package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
)

// readCursor reads the cursor; false: it is damaged.
func readCursor(conn *sqlite.Conn) (c Cursor, ok bool, err error) {
	ok = true
	err = query(conn, "SELECT epoch, through, revision, boot, reach, sum FROM cursor", nil, func(stmt *sqlite.Stmt) error {
		var values [6]value
		read(stmt, values[:])
		if ok = checksumOK(values[:]); ok {
			c = Cursor{Epoch: int(values[0].n), Through: values[1].time(), Revision: values[2].text, Boot: values[3].text, Reach: values[4].time()}
		}
		return nil
	})
	return c, ok, err
}

// setCursor writes how far the slots are recorded. Slots of ahead are recorded, too; zero:
// none are.
func (t *tx) setCursor(c Cursor, ahead time.Time) error {
	c = c.normalize()
	values := []value{integer(int64(c.Epoch)), timeOrNull(c.Through), textOrNull(c.Revision), textOrNull(c.Boot), timeOrNull(c.Reach)}
	values = append(values, checksum(values...))
	const sql = "INSERT OR REPLACE INTO cursor (id, epoch, through, revision, boot, reach, sum) VALUES (1,?,?,?,?,?,?)"
	if err := query(t.w.conn, sql, values, nil); err != nil {
		return err
	}
	old := t.w.cursor
	t.w.cursor = c
	t.undo = append(t.undo, func() { t.w.cursor = old })
	t.after = append(t.after, func() {
		t.w.s.cursor.Store(&c)
		t.w.s.cursorCopy.write(c, ahead)
	})
	return nil
}

// readState reads the state of a task; a damaged one is that of a new task.
func readState(conn *sqlite.Conn, name string) (state TaskState, err error) {
	err = queryState(conn, name, func(values []value) { _, state, _ = decodeState(values) })
	return state, err
}

// queryState calls found with the row of a state of a task, if there is one.
func queryState(conn *sqlite.Conn, name string, found func(values []value)) error {
	const sql = "SELECT name, version, state, sum FROM states WHERE name = ?"
	return query(conn, sql, []value{textOrNull(name)}, func(stmt *sqlite.Stmt) error {
		found(stateValues(stmt))
		return nil
	})
}

func stateValues(stmt *sqlite.Stmt) []value {
	values := make([]value, 4)
	read(stmt, values)
	return values
}

// decodeState returns the state in a row; false: it is damaged.
func decodeState(values []value) (name string, state TaskState, ok bool) {
	if !checksumOK(values) || json.Unmarshal([]byte(values[2].text), &state) != nil {
		return "", TaskState{}, false
	}
	return values[0].text, state, true
}

// checkState returns ErrConflict unless the version of a task's state is still that
// which is to be changed.
func (t *tx) checkState(c StateChange) error {
	var version int
	err := queryState(t.w.conn, c.Name, func(values []value) {
		if version = int(values[1].n); version == c.Prev.Version && checksumOK(values) {
			return // as nearly always; it need not be decoded
		}
		_, now, _ := decodeState(values)
		version = now.Version
	})
	if err == nil && version != c.Prev.Version {
		err = ErrConflict
	}
	return err
}

// setState writes the state of a task, and the events that go with it.
func (t *tx) setState(c StateChange) error {
	next := c.Next.clone()
	next.Version = c.Prev.Version + 1
	data, err := json.Marshal(next)
	if err != nil {
		return &storeError{fmt.Errorf("state of %s: %w", c.Name, err)} // all of the change is undone
	}
	values := []value{textOrNull(c.Name), integer(int64(next.Version)), textOrNull(string(data))}
	t.w.written++
	if err := query(t.w.conn, "INSERT OR REPLACE INTO states VALUES (?,?,?,?)", append(values, checksum(values...)), nil); err != nil {
		return err
	}
	for _, e := range c.Events {
		if err := t.event(e); err != nil {
			return err
		}
	}
	return nil
}
