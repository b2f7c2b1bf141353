package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// A kill while runs are forgotten leaves rows without files, never files for a run that
// takes the id. Here the rows cannot be removed, as if rota were killed before that.
func TestForgetRemovesFilesFirst(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"a/1", "a/2"} {
		_, err := s.Submit(t.Context(), runner.Run{ID: id, Task: "a", Cause: runner.CauseManual, State: runner.Queued})
		leases, err2 := s.Claim(t.Context(), []string{id})
		if err := errors.Join(err, err2); err != nil || len(leases) != 1 {
			t.Fatal(leases, err)
		}
		if err := s.Finish(t.Context(), leases[0], runner.Result{Outcome: runner.OK}); err != nil {
			t.Fatal(err)
		}
	}
	logs := filepath.Join(dir, "logs", "a")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.1.log", "1.result", "2.1.log"} {
		if err := os.WriteFile(filepath.Join(logs, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	onWriter(t, s, func(conn *sqlite.Conn) error {
		return execute(conn, "CREATE TEMP TRIGGER killed BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'killed'); END")
	})
	if n, err := s.Forget(t.Context(), Filter{IDs: []string{"a/1"}}); n != 0 || err == nil {
		t.Errorf("forget: %d, %v", n, err)
	}
	if run, _, err := s.Get(t.Context(), "a/1"); err != nil || run.Outcome != runner.OK {
		t.Errorf("%+v, %v", run, err)
	}
	for name, want := range map[string]bool{"1.1.log": false, "1.result": false, "2.1.log": true} {
		if _, err := os.Stat(filepath.Join(logs, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
