package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// onWriter calls f with the connection of the writer.
func onWriter(t *testing.T, s *SQLite, f func(*sqlite.Conn) error) {
	t.Helper()
	if err := s.write(t.Context(), func(o *op) error { return f(o.w.conn) }); err != nil {
		t.Fatal(err)
	}
}

// limit lets the ledger grow by so many pages and no more, as a full disk would.
func limit(t *testing.T, s *SQLite, more int) {
	t.Helper()
	onWriter(t, s, func(conn *sqlite.Conn) error {
		pages := 0
		if err := query(conn, "PRAGMA page_count", nil, func(stmt *sqlite.Stmt) error { pages = stmt.ColumnInt(0); return nil }); err != nil {
			return err
		}
		return execute(conn, fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
	})
}

// TestFullDisk lets the disk be full, and then have room again.
func TestFullDisk(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.DiskLow() {
		t.Fatal("there is no room for a reserve")
	}
	ask := func(i int) error {
		_, err := s.Submit(t.Context(), runner.Run{
			ID: fmt.Sprintf("a/%d", i), Task: "a", Cause: runner.CauseManual, State: runner.Held, Input: strings.Repeat("x", 3000),
		})
		return err
	}
	limit(t, s, 3)
	i := 0
	for ; i < 100 && err == nil; i++ {
		err = ask(i)
	}
	if !errors.Is(err, ErrDiskFull) {
		t.Fatalf("after %d runs on a full disk: %v", i, err)
	}
	if _, err := os.Stat(s.reserve.path); err == nil || !s.DiskLow() {
		t.Error("the reserve is not given up")
	}
	runs, err := s.List(t.Context(), Filter{})
	if err != nil || len(runs) != i-1 {
		t.Errorf("%d of %d runs are there: %v", len(runs), i-1, err)
	}

	limit(t, s, 1000)
	s.work <- &request{done: make(chan struct{}), do: func(o *op) error { s.reserve.next = time.Time{}; return nil }}
	for ; i < 110; i++ {
		if err := ask(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // so that the writer has done all
		t.Error(err)
	}
	if _, err := os.Stat(s.reserve.path); err != nil || s.DiskLow() {
		t.Errorf("the reserve is not there again: %v", err)
	}
}

// TestReserveLetsRecordingGoOn gives the room in reserve to the ledger.
func TestReserveLetsRecordingGoOn(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fails := 1 // as on a disk that has no room until the reserve is given up
	if err := s.write(t.Context(), func(o *op) error {
		if fails--; fails == 0 {
			return &storeError{ErrDiskFull}
		}
		return o.event(Event{Kind: "test"})
	}); err != nil {
		t.Errorf("write with a reserve: %v", err)
	}
	for _, want := range []string{"disk", "test"} {
		if e := <-events; e.Kind != want {
			t.Errorf("event %+v, want one of %q", e, want)
		}
	}
	if !s.DiskLow() {
		t.Error("the disk is not low")
	}
}
