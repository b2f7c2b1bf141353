package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// TestFlippedWhileInUse flips bytes of what one row says, one at a time, in the
// file of a ledger that is in use. That row is reported and put away, its id
// is free again, and nothing else has changed, now or at the next start.
func TestFlippedWhileInUse(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const flipped, mark, rows = "b/15", "what it reads", 30
	s, err := Open(t.Context(), Directory(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		task := string(rune('a' + i%2))
		run := runner.Run{ID: fmt.Sprintf("%s/%d", task, i), Task: task, Cause: runner.CauseManual, State: runner.Running, Input: mark, Started: at, Attempts: 1, Parent: "p/1"}
		if _, err := s.Submit(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		if err := s.Shift(t.Context(), run.ID, runner.Running, runner.Transition{Time: at, Outcome: runner.Failed, Why: "exit 3"}); err != nil {
			t.Fatal(err)
		}
	}
	_, steps, err := s.Get(t.Context(), flipped)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	// The order of its columns: the task, a number of one byte; the key; …; the
	// transitions; the checksum, of four bytes or six.
	first := bytes.Index(good, []byte("15manual")) - 1
	packed := packTransitions(steps)
	last := first + bytes.Index(good[first:], packed) + len(packed) + 4
	if first < 0 || last < first+len(packed)+len(mark) || last > first+100 {
		t.Fatalf("the row is at %d to %d", first, last)
	}
	forced, tried := 0, 0
	for place := first; place < last; place++ {
		if place > first+3 && (place-first)%6 > 0 { // all of its id, and some of the rest
			continue
		}
		tried++
		if err := os.WriteFile(s.path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), s.files.StateDir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{good[place] ^ 0x04}, int64(place))
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}

		runs, err := s.List(t.Context(), Filter{})
		if err != nil || len(runs) != rows-1 {
			t.Errorf("byte %d: list: %d runs, %v", place-first, len(runs), err)
		}
		e := <-events
		if e.Kind != "damage" || !strings.Contains(e.Text, "row 16,") {
			t.Errorf("byte %d: event %+v", place-first, e)
		}
		if strings.Contains(e.Text, "indexes") {
			forced++
		}
		if _, _, err := s.Get(t.Context(), flipped); !errors.Is(err, ErrNotFound) {
			t.Errorf("byte %d: get: %v", place-first, err)
		}
		if _, err := s.Submit(t.Context(), runner.Run{ID: flipped, Task: "b", State: runner.Queued}); err != nil {
			t.Errorf("byte %d: the id is not free: %v", place-first, err)
		}
		if runs, err := s.List(t.Context(), Filter{Task: "b", Parent: "p/1"}); err != nil || len(runs) != rows/2-1 {
			t.Errorf("byte %d: list by indexes: %d runs, %v", place-first, len(runs), err)
		}
		onWriter(t, s, func(conn *sqlite.Conn) error {
			for sql, want := range map[string]string{"PRAGMA integrity_check": "ok", "SELECT count(*) FROM damaged": "1", "PRAGMA writable_schema": "0"} {
				if err := query(conn, sql, nil, func(stmt *sqlite.Stmt) error {
					if got := stmt.ColumnText(0); got != want {
						t.Errorf("byte %d: %s: %s", place-first, sql, got)
					}
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if s, err = Open(t.Context(), s.files.StateDir, Options{}); err != nil {
			t.Fatal(err)
		}
		if found := s.Found(); found.String() != "" {
			t.Errorf("byte %d: the next start found %v", place-first, found)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if forced == 0 || forced == tried {
		t.Errorf("in %d of %d cases the indexes said otherwise", forced, tried)
	}
}
