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
	if err := s.write(t.Context(), func(o *tx) error { return f(o.w.conn) }); err != nil {
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
	s.work <- &request{done: make(chan struct{}), inTx: func(o *tx) error { s.reserve.next = time.Time{}; return nil }}
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
	if err := s.write(t.Context(), func(o *tx) error {
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

// TestFailureChangesNothing lets the disk fail after everything else went well,
// in a change that stands between two others.
func TestFailureChangesNothing(t *testing.T) {
	narrow := func(string) int { return 2 }
	s, err := Open(t.Context(), t.TempDir(), Options{Queues: narrow})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.reserve.release(time.Now())
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	run := func(task, key string) runner.Run {
		return runner.Run{ID: task + "/" + key, Task: task, Cause: runner.CauseManual, State: runner.Queued, Queue: "q"}
	}
	broken := errors.New("broken")
	before := &request{done: make(chan struct{}), inTx: func(o *tx) error { _, err := o.rules().submit(run("a", "1")); return err }}
	failing := &request{done: make(chan struct{}), inTx: func(o *tx) error {
		leases, err := o.rules().advance(runner.Batch{Runs: []runner.Run{run("new", "1"), run("a", "2")}, Claim: []string{"a/2", "a/1"}})
		if err != nil || len(leases) != 2 {
			t.Errorf("in the change that fails: %v, %v", leases, err)
		}
		if err := errors.Join(o.setCursor(Cursor{Epoch: 3, Through: at}, time.Time{}), o.event(Event{Kind: "never"}), o.flush()); err != nil {
			t.Error(err)
		}
		return &storeError{broken}
	}}
	after := &request{done: make(chan struct{}), inTx: func(o *tx) error { _, err := o.rules().submit(run("a", "3")); return err }}
	hold, held := make(chan struct{}), make(chan struct{})
	first := &request{done: make(chan struct{}), inTx: func(*tx) error { close(held); <-hold; return nil }}
	s.work <- first
	<-held
	for _, r := range []*request{before, failing, after} { // one group
		s.work <- r
	}
	close(hold)
	for _, r := range []*request{first, before, failing, after} {
		<-r.done
	}
	if before.err != nil || !errors.Is(failing.err, broken) || after.err != nil {
		t.Errorf("errors: %v, %v, %v", before.err, failing.err, after.err)
	}
	runs, err := s.List(t.Context(), Filter{})
	if err != nil || len(runs) != 2 || runs[0].ID != "a/3" || runs[1].ID != "a/1" {
		t.Errorf("runs: %+v, %v", runs, err)
	}
	if c, err := s.Cursor(t.Context()); err != nil || c != (Cursor{}) {
		t.Errorf("cursor: %+v, %v", c, err)
	}
	if events, err := s.Events(t.Context(), EventFilter{Limit: 9}); err != nil || len(events) != 0 {
		t.Errorf("events: %+v, %v", events, err)
	}
	if _, err := s.Submit(t.Context(), run("a", "4")); !errors.Is(err, ErrQueueFull) {
		t.Errorf("a third run in a queue with room for two: %v", err)
	}
	if _, err := s.Advance(t.Context(), Cursor{}, Cursor{Epoch: 1, Through: at}, runner.Batch{}); err != nil {
		t.Errorf("advance from the cursor that is written: %v", err)
	}
	leases, err := s.Claim(t.Context(), []string{"a/1", "a/2", "a/3"})
	if err != nil || len(leases) != 2 {
		t.Errorf("claim: %+v, %v", leases, err)
	}
	for _, r := range []runner.Run{run("new", "1"), run("a", "2")} { // a failed request can be repeated
		if _, err := s.Submit(t.Context(), r); err != nil {
			t.Errorf("submit of %s: %v", r.ID, err)
		}
	}
	if leases, err := s.Claim(t.Context(), []string{"a/2"}); err != nil || len(leases) != 1 {
		t.Errorf("claim of what failed before: %+v, %v", leases, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), s.files.StateDir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, _, err := again.Get(t.Context(), "new/1"); err != nil || got.Task != "new" || got.State != runner.Queued || again.Found().String() != "" {
		t.Errorf("what failed before: %+v, %v, %v", got, err, again.Found())
	}
}
