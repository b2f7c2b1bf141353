package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// TestUnsoundRows changes rows behind the back of the ledger.
func TestUnsoundRows(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ask := func(id string) error {
		task, _ := runner.SplitID(id)
		_, err := s.Submit(t.Context(), runner.Run{ID: id, Task: task, State: runner.Held})
		return err
	}
	if err := errors.Join(ask("a/1"), ask("a/2"), ask("a/3"),
		s.SetTask(t.Context(), "a", TaskState{}, TaskState{Skip: []Skip{{Slot: at}}}), s.SetTask(t.Context(), "b", TaskState{}, TaskState{Skip: []Skip{{Slot: at}}})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), Cursor{}, Cursor{Epoch: 1, Through: at}, runner.Batch{}); err != nil {
		t.Fatal(err)
	}
	events, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	onWriter(t, s, func(conn *sqlite.Conn) error {
		return execute(conn, `UPDATE runs SET state = 'recurring' WHERE key = '1'; UPDATE runs SET why = 'x' WHERE key = '2';
			UPDATE states SET version = 2 WHERE name = 'a'`)
	})

	if _, _, err := s.Get(t.Context(), "a/2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if e := <-events; e.Kind != "damage" || !strings.Contains(e.Text, "a/2") {
		t.Errorf("event after get: %+v", e)
	}
	if err := s.Shift(t.Context(), "a/1", runner.Recurring, runner.Transition{Outcome: runner.Cancelled}); !errors.Is(err, ErrNotFound) {
		t.Errorf("shift: %v", err)
	}
	if e := <-events; e.Kind != "damage" || !strings.Contains(e.Text, "a/1") {
		t.Errorf("event after shift: %+v", e)
	}
	if err := ask("a/1"); err != nil { // the id is free
		t.Error(err)
	}
	if runs, err := s.List(t.Context(), Filter{}); err != nil || len(runs) != 2 || runs[0].ID != "a/1" || runs[1].ID != "a/3" {
		t.Errorf("list: %+v, %v", runs, err)
	}
	if all, err := s.Tasks(t.Context()); err != nil || len(all) != 1 || len(all["b"].Skip) != 1 {
		t.Errorf("tasks: %+v, %v", all, err)
	}
	if state, err := s.Task(t.Context(), "a"); err != nil || len(state.Skip) > 0 || state.Version != 0 {
		t.Errorf("task: %+v, %v", state, err)
	}

	onWriter(t, s, func(conn *sqlite.Conn) error {
		return execute(conn, "UPDATE runs SET state = 'queued' WHERE key = '3'; UPDATE cursor SET epoch = 7")
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if found := s.Found(); found.SetAside != "" || len(found.Damaged) != 3 || !strings.Contains(found.Damaged[0], "a/3") ||
		found.Damaged[1] != "the state of a"+checksumMismatch || found.Damaged[2] != "the cursor"+checksumMismatch {
		t.Errorf("found %+v", found)
	}
	if c, err := s.Cursor(t.Context()); err != nil || c != (Cursor{}) {
		t.Errorf("cursor: %+v, %v", c, err)
	}
	if last, err := s.Events(t.Context(), EventFilter{Limit: 1}); err != nil || len(last) != 1 || last[0].Text != s.Found().String() {
		t.Errorf("event: %+v, %v", last, err)
	}
}

// TestVacuum removes most of what is kept, and sees the file become smaller.
func TestVacuum(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var batch runner.Batch
	for i := range 2000 {
		at := at.Add(time.Duration(i) * time.Second)
		batch.Runs = append(batch.Runs, runner.Run{ID: runner.SlotID("a", at, 1), Task: "a", Outcome: runner.Failed, Finished: at, Error: strings.Repeat("x", 1000)})
	}
	if _, err := s.Advance(t.Context(), Cursor{}, Cursor{Epoch: 1}, batch); err != nil {
		t.Fatal(err)
	}
	all := Retention{Task: func(string) Keep { return Keep{} }}
	before, err := s.Retain(t.Context(), all)
	if err != nil || before.Runs != 0 || before.Size < 2000*1000 {
		t.Errorf("with no limit: %+v, %v", before, err)
	}
	all.Task = func(string) Keep { return Keep{Runs: 10} }
	after, err := s.Retain(t.Context(), all)
	if err != nil || after.Runs != 1990 || after.Size > before.Size/5 {
		t.Errorf("with a limit: %+v, %v", after, err)
	}
}

// TestEventsAreBounded writes more than are kept, and more damage.
func TestEventsAreBounded(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.write(t.Context(), func(o *tx) error {
		const many = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?) INSERT INTO events (kind, sum) SELECT 'reload', ? FROM c"
		if err := query(o.w.conn, many, []value{integer(maxEventsEach + 5), checksum(nullValue, textOrNull("reload"))}, nil); err != nil {
			return err
		}
		for range maxDamaged + 5 {
			if err := query(o.w.conn, "INSERT INTO damaged (found, row) VALUES (0, 'x')", nil, nil); err != nil {
				return err
			}
		}
		return o.event(Event{Kind: "last"})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retain(t.Context(), Retention{Task: func(string) Keep { return Keep{} }}); err != nil {
		t.Fatal(err)
	}
	if last, err := s.Events(t.Context(), EventFilter{Limit: 1}); err != nil || len(last) != 1 || last[0].Kind != "last" {
		t.Errorf("last event: %+v, %v", last, err)
	}
	onWriter(t, s, func(conn *sqlite.Conn) error {
		const sql = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM damaged)"
		return query(conn, sql, nil, func(stmt *sqlite.Stmt) error {
			if events, damaged := stmt.ColumnInt(0), stmt.ColumnInt(1); events != maxEventsEach+1 || damaged != maxDamaged {
				t.Errorf("%d events and %d damaged rows are left", events, damaged)
			}
			return nil
		})
	})
}

// TestDamageMetWhileInUse is of a page that only a later read finds damaged.
func TestDamageMetWhileInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.view(t.Context(), func(*sqlite.Conn) error { return wrapSQLiteError(sqlite.ResultCorrupt.ToError()) })
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("error: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, aside := range []bool{true, false} { // and after that all is well
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if found := s.Found(); (found.SetAside != "") != aside || (found.Cause != "") != aside {
			t.Errorf("found %+v", found)
		}
		s.Close()
	}
}
