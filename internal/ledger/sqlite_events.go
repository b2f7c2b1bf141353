package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// event adds to the history of rota itself.
func (t *tx) event(e Event) error {
	if e.Time.IsZero() {
		e.Time = t.w.s.o.Now()
	}
	e.Time = normalizeTime(e.Time)
	values := []value{timeOrNull(e.Time), textOrNull(e.Kind), textOrNull(e.Task), textOrNull(e.Who), textOrNull(packEvent(e))}
	if err := query(t.w.conn, "INSERT INTO events (time, kind, task, who, text, sum) VALUES (?,?,?,?,?,?)", append(values, checksum(values...)), nil); err != nil {
		return err
	}
	t.w.written++
	t.after = append(t.after, func() { t.w.s.watchers.send(e) })
	return nil
}

// Events implements [Reader].
func (s *reader) Events(ctx context.Context, f EventFilter) (events []Event, err error) {
	sql, args := f.where()
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		err := query(conn, "SELECT time, kind, task, who, text, sum FROM events "+sql+" ORDER BY n DESC", args, func(stmt *sqlite.Stmt) error {
			var c [6]value
			if read(stmt, c[:]); checksumOK(c[:]) {
				e := Event{Time: c[0].time(), Kind: c[1].text, Task: c[2].text, Who: c[3].text}
				e.Text, e.Data = unpackEvent(c[4].text)
				events = append(events, e)
			}
			if f.Limit > 0 && len(events) == f.Limit {
				return errStop
			}
			return nil
		})
		if err == errStop {
			return nil
		}
		return err
	})
	slices.Reverse(events)
	return events, err
}

// dataSeparator separates the text of an event from its data.
const dataSeparator = "\x01"

// packEvent is the stored form of the text and data of an event.
func packEvent(e Event) string {
	if e.Data == (EventData{}) {
		return e.Text
	}
	data, err := json.Marshal(e.Data)
	if err != nil { // a time out of range
		return e.Text
	}
	return e.Text + dataSeparator + string(data)
}

// unpackEvent is the inverse of packEvent.
func unpackEvent(kept string) (text string, data EventData) {
	text, packed, ok := strings.Cut(kept, dataSeparator)
	if ok {
		_ = json.Unmarshal([]byte(packed), &data)
	}
	return text, data
}

// where is the filter in SQL.
func (f EventFilter) where() (sql string, args []value) {
	all := []string{"WHERE true"}
	if f.Task != "" {
		all, args = append(all, "(task = ? OR task IS NULL)"), append(args, textOrNull(f.Task))
	}
	if len(f.Kinds) > 0 {
		all = append(all, "kind IN (?"+strings.Repeat(",?", len(f.Kinds)-1)+")")
		for _, kind := range f.Kinds {
			args = append(args, textOrNull(kind))
		}
	}
	if !f.Since.IsZero() {
		all, args = append(all, "time >= ?"), append(args, timeOrNull(normalizeTime(f.Since)))
	}
	if !f.Until.IsZero() {
		all, args = append(all, "time < ?"), append(args, timeOrNull(normalizeTime(f.Until)))
	}
	return strings.Join(all, " AND "), args
}
