package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// event adds to the history of rota itself.
func (o *op) event(e Event) error {
	if e.Time.IsZero() {
		e.Time = o.w.s.o.Now()
	}
	e.Time = instant(e.Time)
	cells := []cell{when(e.Time), text(e.Kind), text(e.Task), text(e.Who), text(packEvent(e))}
	if err := query(o.w.conn, "INSERT INTO events (time, kind, task, who, text, sum) VALUES (?,?,?,?,?,?)", append(cells, sum(cells...)), nil); err != nil {
		return err
	}
	o.w.written++
	o.after = append(o.after, func() { o.w.s.watchers.tell(e) })
	return nil
}

// Events implements [Reader].
func (s *reading) Events(ctx context.Context, f EventFilter) (events []Event, err error) {
	sql, args := f.where()
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT time, kind, task, who, text, sum FROM events "+sql+" ORDER BY n DESC", args, func(stmt *sqlite.Stmt) error {
			var c [6]cell
			if read(stmt, c[:]); sound(c[:]) {
				e := Event{Time: c[0].time(), Kind: c[1].text, Task: c[2].text, Who: c[3].text}
				e.Text, e.Data = unpackEvent(c[4].text)
				events = append(events, e)
			}
			if f.Limit > 0 && len(events) == f.Limit {
				return errEnough
			}
			return nil
		})
		if err == errEnough {
			return nil
		}
		return err
	})
	slices.Reverse(events)
	return events, err
}

// dataMark stands between the text of an event and its data.
const dataMark = "\x01"

// packEvent is what is kept of an event as text.
func packEvent(e Event) string {
	if e.Data == (EventData{}) {
		return e.Text
	}
	data, err := json.Marshal(e.Data)
	if err != nil { // a time out of range
		return e.Text
	}
	return e.Text + dataMark + string(data)
}

// unpackEvent is the inverse of packEvent.
func unpackEvent(kept string) (text string, data EventData) {
	text, packed, ok := strings.Cut(kept, dataMark)
	if ok {
		_ = json.Unmarshal([]byte(packed), &data)
	}
	return text, data
}

// where is the filter in SQL.
func (f EventFilter) where() (sql string, args []cell) {
	all := []string{"WHERE true"}
	if f.Task != "" {
		all, args = append(all, "(task = ? OR task IS NULL)"), append(args, text(f.Task))
	}
	if len(f.Kinds) > 0 {
		all = append(all, "kind IN (?"+strings.Repeat(",?", len(f.Kinds)-1)+")")
		for _, kind := range f.Kinds {
			args = append(args, text(kind))
		}
	}
	if !f.Since.IsZero() {
		all, args = append(all, "time >= ?"), append(args, when(instant(f.Since)))
	}
	if !f.Until.IsZero() {
		all, args = append(all, "time < ?"), append(args, when(instant(f.Until)))
	}
	return strings.Join(all, " AND "), args
}
