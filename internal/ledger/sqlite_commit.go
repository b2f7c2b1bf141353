package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// commit writes a change. transact rolls back what is refused halfway.
func (t *tx) commit(c Change) (done Committed, err error) {
	if c.Cursor != nil && !t.w.cursor.samePosition(c.Cursor.From) {
		return done, ErrStale
	}
	for _, s := range c.States {
		if err := t.checkState(s); err != nil {
			return done, err
		}
	}
	if done, err = t.rules().commit(c); err != nil {
		return done, err
	}
	// Nothing below is refused.
	for _, s := range c.States {
		if err := t.setState(s); err != nil {
			return done, err
		}
	}
	for _, e := range c.Events {
		if err := t.event(e); err != nil {
			return done, err
		}
	}
	for _, n := range c.Notices {
		n, err := t.notice(n)
		if err != nil {
			return done, err
		}
		done.Notices = append(done.Notices, n)
	}
	for _, number := range c.Delivered {
		if err := query(t.w.conn, "DELETE FROM outbox WHERE n = ?", []value{integer(number)}, nil); err != nil {
			return done, err
		}
		t.w.written++
	}
	if c.Cursor != nil {
		return done, t.setCursor(c.Cursor.To, c.Batch.Ahead)
	}
	return done, nil
}

// notice adds to the outbox.
func (t *tx) notice(n Notice) (Notice, error) {
	n = n.normalize()
	data, err := json.Marshal(n)
	if err != nil {
		return n, &storeError{fmt.Errorf("notice of %s: %w", n.Run.ID, err)}
	}
	t.w.lastNotice++
	n.Number = t.w.lastNotice
	values := []value{integer(n.Number), textOrNull(string(data))}
	t.w.written++
	return n, query(t.w.conn, "INSERT INTO outbox (n, notice, sum) VALUES (?,?,?)", append(values, checksum(values...)), nil)
}

// Outbox implements [Reader]. A damaged notice is ignored.
func (s *reader) Outbox(ctx context.Context, limit int) (list []Notice, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT n, notice, sum FROM outbox ORDER BY n", nil, func(stmt *sqlite.Stmt) error {
			var values [3]value
			read(stmt, values[:])
			n := Notice{Number: values[0].n}
			if checksumOK(values[:]) && json.Unmarshal([]byte(values[1].text), &n) == nil {
				list = append(list, n)
			}
			if limit > 0 && len(list) == limit {
				return errStop
			}
			return nil
		})
		if err == errStop {
			return nil
		}
		return err
	})
	return list, err
}
