package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// commit writes a change. What is refused halfway is taken back by transact.
func (o *op) commit(c Change) (done Committed, err error) {
	if c.Cursor != nil && !o.w.cursor.is(c.Cursor.From) {
		return done, ErrStale
	}
	for _, s := range c.States {
		if err := o.checkState(s); err != nil {
			return done, err
		}
	}
	if done, err = o.rules().commit(c); err != nil {
		return done, err
	}
	// Nothing below is refused: it writes at once.
	for _, s := range c.States {
		if err := o.setState(s); err != nil {
			return done, err
		}
	}
	for _, e := range c.Events {
		if err := o.event(e); err != nil {
			return done, err
		}
	}
	for _, n := range c.Notices {
		n, err := o.notice(n)
		if err != nil {
			return done, err
		}
		done.Notices = append(done.Notices, n)
	}
	for _, number := range c.Delivered {
		if err := query(o.w.conn, "DELETE FROM outbox WHERE n = ?", []cell{integer(number)}, nil); err != nil {
			return done, err
		}
		o.w.written++
	}
	if c.Cursor != nil {
		return done, o.setCursor(c.Cursor.To, c.Batch.Ahead)
	}
	return done, nil
}

// notice adds to the outbox.
func (o *op) notice(n Notice) (Notice, error) {
	n = n.kept()
	data, err := json.Marshal(n)
	if err != nil {
		return n, &storeError{fmt.Errorf("notice of %s: %w", n.Run.ID, err)}
	}
	o.w.lastNotice++
	n.Number = o.w.lastNotice
	cells := []cell{integer(n.Number), text(string(data))}
	o.w.written++
	return n, query(o.w.conn, "INSERT INTO outbox (n, notice, sum) VALUES (?,?,?)", append(cells, sum(cells...)), nil)
}

// Outbox implements [Reader]. A notice that is not sound is left out.
func (s *reading) Outbox(ctx context.Context, limit int) (list []Notice, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT n, notice, sum FROM outbox ORDER BY n", nil, func(stmt *sqlite.Stmt) error {
			var cells [3]cell
			read(stmt, cells[:])
			n := Notice{Number: cells[0].n}
			if sound(cells[:]) && json.Unmarshal([]byte(cells[1].text), &n) == nil {
				list = append(list, n)
			}
			if limit > 0 && len(list) == limit {
				return errEnough
			}
			return nil
		})
		if err == errEnough {
			return nil
		}
		return err
	})
	return list, err
}
