package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/runner"
)

func TestMemory(t *testing.T) {
	ledgertest.Test(t, func(t *testing.T) ledger.Ledger {
		return ledger.NewMemory(ledger.Options{Queues: func(name string) int {
			if name == ledgertest.Narrow {
				return ledgertest.Room
			}
			return 0
		}})
	})
}

// withLogs returns a ledger at a fixed time, whose logs lie in the folder.
func withLogs(t *testing.T) (m *ledger.Memory, folder string) {
	folder = t.TempDir()
	m = ledger.NewMemory(ledger.Options{
		Now:     func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) },
		LogPath: func(id string) string { return filepath.Join(folder, strings.ReplaceAll(id, "/", "+")) },
	})
	t.Cleanup(func() { m.Close() })
	return m, folder
}

// finish adds, claims and finishes a run.
func finish(t *testing.T, m *ledger.Memory, id string) {
	t.Helper()
	task, _ := runner.SplitID(id)
	if _, err := m.Submit(t.Context(), runner.Run{ID: id, Task: task, Cause: runner.CauseManual, State: runner.Queued}); err != nil {
		t.Fatal(err)
	}
	leases, err := m.Claim(t.Context(), []string{id})
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	if err := m.Finish(t.Context(), leases[0], runner.Result{Outcome: runner.OK}); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m, _ := withLogs(t)
	for i := range 1005 {
		finish(t, m, fmt.Sprintf("a/%04d", i))
		if err := m.Event(t.Context(), ledger.Event{Kind: "reload", Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		c, _ := m.Cursor(t.Context())
		at := time.Unix(int64(60*i), 0)
		_, err := m.Advance(t.Context(), c, ledger.Cursor{Epoch: 1, Through: at}, runner.Batch{Folds: []runner.Run{{
			ID: runner.SlotID("a", at, 1), Task: "a", Outcome: runner.Missed, First: at, Last: at, Count: 1,
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	runs, err := m.List(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := runs[1].ID, runs[len(runs)-1].ID; len(runs) != 2000 || first != "a/1004" || last != "a/0005" {
		t.Errorf("%d rows, runs from %s to %s", len(runs), first, last)
	}
	events, err := m.Events(t.Context(), 5000)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := events[0].Text, events[len(events)-1].Text; len(events) != 1000 || first != "5" || last != "1004" {
		t.Errorf("%d events, from %s to %s", len(events), first, last)
	}
}

func TestMemoryLogs(t *testing.T) {
	m, folder := withLogs(t)
	finish(t, m, "a/1")
	finish(t, m, "a/2")
	finish(t, m, "b/1") // without output
	for _, name := range []string{"a+1", "a+2", "a+3"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("output of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(id string) string {
		f, err := m.OpenLog(t.Context(), id)
		if errors.Is(err, ledger.ErrNotFound) {
			return "none"
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for id, want := range map[string]string{"a/1": "output of a+1", "a/2": "output of a+2", "a/3": "none", "b/1": "none"} {
		if got := read(id); got != want {
			t.Errorf("log of %s: %q, want %q", id, got, want)
		}
	}
	if n, err := m.Prune(t.Context(), 1); n != 1 || err != nil {
		t.Errorf("prune: %d, %v", n, err)
	}
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if read("a/1") != "none" || read("a/2") != "output of a+2" || len(left) != 2 {
		t.Errorf("after a prune: %q, %q of %q", read("a/1"), read("a/2"), left)
	}
}

func TestMemorySaysWhatItCannotForget(t *testing.T) {
	m, folder := withLogs(t)
	finish(t, m, "a/0")
	if err := os.MkdirAll(filepath.Join(folder, "a+0", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		finish(t, m, fmt.Sprintf("a/%d", i+1))
	}
	events, err := m.Events(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Kind != "history" || events[0].Task != "a" || !strings.Contains(events[0].Text, "output of a/0: ") {
		t.Errorf("events: %+v", events)
	}
}
