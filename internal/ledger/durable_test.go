package ledger

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// TestSettings asks the connection that writes.
func TestSettings(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	onWriter(t, s, func(conn *sqlite.Conn) error {
		for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "auto_vacuum": "2"} {
			got := ""
			if err := query(conn, "PRAGMA "+name, nil, func(stmt *sqlite.Stmt) error { got = stmt.ColumnText(0); return nil }); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		return nil
	})
}

// answered is what a child says when a change was answered.
const answered = "answered "

// writeAndReport is the child of TestSyncBeforeAnswer: it makes changes one after
// the other, and says so after each.
func writeAndReport(t *testing.T, dir string) {
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	run := runner.Run{ID: runner.SlotID("a", at, 1), Task: "a", Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: at}
	tell := func(what string, err error) {
		if err != nil {
			t.Fatal(what, err)
		}
		fmt.Fprintln(os.Stderr, answered+what)
	}
	leases, err := s.Advance(t.Context(), Cursor{}, Cursor{Epoch: 1, Through: at}, runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
	tell("advance", err)
	_, err = s.Submit(t.Context(), runner.Run{ID: "b/x", Task: "b", State: runner.Queued})
	tell("submit", err)
	tell("finish", s.Finish(t.Context(), leases[0], runner.Result{Outcome: runner.OK}))
}

// TestSyncBeforeAnswer watches the system calls of a ledger: before it answers,
// what it wrote to its log is synced, and nothing is written in between.
func TestSyncBeforeAnswer(t *testing.T) {
	const variable = "ROTA_TEST_WRITE_AND_TELL"
	if dir := os.Getenv(variable); dir != "" {
		writeAndReport(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command(strace, "-f", "-y", "-s", "64", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace,
		os.Args[0], "-test.run=^TestSyncBeforeAnswer$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "PTRACE") {
			t.Skipf("may not trace: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log := regexp.QuoteMeta(filepath.Join(dir, fileName+"-wal"))
	wrote := regexp.MustCompile(`p?write(64)?\(\d+<` + log + `>`)
	synced := regexp.MustCompile(`(fsync|fdatasync)\(\d+<` + log + `>`)
	answers, writes, dirty := 0, 0, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch line := lines.Text(); {
		case wrote.MatchString(line):
			writes++
			dirty = true
		case synced.MatchString(line):
			dirty = false
		case strings.Contains(line, answered):
			if answers++; dirty || writes == 0 {
				t.Errorf("%d writes, synced %v, before: %s", writes, !dirty, line)
			}
			writes = 0
		}
	}
	if answers != 3 {
		t.Errorf("%d answers in the trace", answers)
	}
}
