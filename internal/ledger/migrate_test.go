package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// TestMigrationKeepsRows opens a ledger that the first version wrote.
func TestMigrationKeepsRows(t *testing.T) {
	s := newSQLite(t.TempDir(), Options{})
	first, err := migrations.ReadFile("migrations/001-first.sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connect(s.path, openToWrite)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	run := runner.Run{ID: "a/x", Task: "a", Cause: runner.CauseManual, Outcome: runner.OK, Started: at, Finished: at.Add(time.Second), Exit: new(0)}
	rec, err := pack(&row{number: 1, run: run}, func(string) (int64, error) { return 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	state := []value{textOrNull("a"), integer(3), textOrNull(`{"version":3,"seen":{"interval 5m":"2026-11-22T12:00:00Z"},"skip_next":true}`)}
	err = errors.Join(
		execute(conn, "CREATE TABLE migrations (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT;"+string(first)+"INSERT INTO migrations VALUES ('001-first.sql', 1)"),
		query(conn, "INSERT INTO names VALUES (?,?,?)", []value{integer(1), textOrNull("a"), checksum(integer(1), textOrNull("a"))}, nil),
		query(conn, "INSERT INTO runs VALUES (?"+strings.Repeat(",?", colSteps)+",?)", append(rec[:colSteps+1:colSteps+1], checksum(rec[:colSteps+1]...)), nil),
		query(conn, "INSERT INTO states VALUES (?,?,?,?)", append(state, checksum(state...)), nil),
		conn.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), s.files.StateDir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if found := s.Found(); found.String() != "" {
		t.Errorf("found %v", found)
	}
	if got, err := s.Newest(t.Context()); err != nil || got["a"].ID != "a/x" || got["a"].Outcome != runner.OK || !got["a"].Finished.Equal(run.Finished) {
		t.Errorf("newest: %+v, %v", got, err)
	}
	if got, err := s.Task(t.Context(), "a"); err != nil || got.Version != 3 || !got.FirstSeen.Of("interval 5m").Equal(at) {
		t.Errorf("state: %+v, %v", got, err)
	}
	onWriter(t, s, func(conn *sqlite.Conn) error {
		todo, err := unapplied(conn)
		if len(todo) > 0 {
			t.Errorf("not applied: %q", todo)
		}
		return err
	})
}
