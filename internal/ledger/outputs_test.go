package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

// output writes a file of a run that ended so many minutes before now.
func output(t *testing.T, dir, task, name string, bytes, minutes int) {
	t.Helper()
	path := filepath.Join(dir, "logs", task, name)
	at := time.Now().Add(-time.Duration(minutes) * time.Minute)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(strings.Repeat("x", bytes)), 0o600), os.Chtimes(path, at, at))
	if err != nil {
		t.Fatal(err)
	}
}

// outputs lists the files of all runs.
func outputs(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "logs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		paths[i] = strings.TrimPrefix(path, filepath.Join(dir, "logs")+"/")
	}
	return paths
}

func TestOutputsOfARun(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	finish(t, l, "a/1", runner.OK)
	finish(t, l, "a/10", runner.OK)
	output(t, dir, "a", "1.1.log", 5, 0)
	output(t, dir, "a", "1.result", 7, 0)
	output(t, dir, "a", "1.input", 9, 0)
	output(t, dir, "a", "10.1.log", 3, 0)
	if n, err := l.Forget(t.Context(), ledger.Filter{IDs: []string{"a/1"}}); n != 1 || err != nil {
		t.Errorf("forget: %d, %v", n, err)
	}
	if left := outputs(t, dir); !slices.Equal(left, []string{"a/10.1.log"}) {
		t.Errorf("left: %q", left)
	}
}

func TestRetentionOfOutputs(t *testing.T) {
	all := []string{"a/1.1.log", "a/1.2.log", "a/2.1.log", "a/2.result", "a/3.1.log", "a/wait.1.log", "a/x.txt", "b/1.1.log", "b/2.1.log.3"}
	without := func(removed ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(removed, name) })
	}
	for _, row := range []struct {
		what string
		keep ledger.Keep
		max  int64
		want []string
	}{
		{"no limit", ledger.Keep{}, 0, all},
		{"as many as there are", ledger.Keep{Outputs: 4}, 10000, all},
		{"fewer runs", ledger.Keep{Outputs: 2}, 0, without("a/1.1.log", "a/1.2.log", "a/2.1.log", "a/2.result")},
		{"fewer bytes of a task", ledger.Keep{Bytes: 500}, 0, without("a/1.1.log", "a/1.2.log")},
		{"age", ledger.Keep{Age: 35 * time.Minute}, 0, without("a/1.1.log", "a/1.2.log", "a/2.1.log", "a/2.result", "b/1.1.log")},
		{"fewer runs, but some time at least", ledger.Keep{Outputs: 1, AtLeast: 45 * time.Minute}, 0, without("a/1.1.log", "a/1.2.log", "b/1.1.log")},
		{"fewer bytes of all", ledger.Keep{}, 550, without("a/1.1.log", "a/1.2.log", "b/1.1.log")},
		{"fewer bytes of all, but some time at least", ledger.Keep{AtLeast: 55 * time.Minute}, 1, without("a/1.1.log", "a/1.2.log")},
		{"no byte", ledger.Keep{}, 1, []string{"a/wait.1.log", "a/x.txt"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			dir := directory(t)
			l := open(t, dir)
			if _, err := l.Submit(t.Context(), runner.Run{ID: "a/wait", Task: "a", State: runner.Delayed}); err != nil {
				t.Fatal(err)
			}
			output(t, dir, "a", "1.1.log", 100, 62)
			output(t, dir, "a", "1.2.log", 100, 60)
			output(t, dir, "a", "2.1.log", 100, 40)
			output(t, dir, "a", "2.result", 100, 40)
			output(t, dir, "a", "3.1.log", 100, 30)
			output(t, dir, "a", "wait.1.log", 100, 99) // its run waits for a retry
			output(t, dir, "a", "x.txt", 100, 99)      // not ours
			output(t, dir, "b", "1.1.log", 100, 50)
			output(t, dir, "b", "2.1.log.3", 100, 20) // of a run that was killed
			removed, err := l.Retain(t.Context(), ledger.Retention{Task: func(string) ledger.Keep { return row.keep }, Total: row.max})
			if err != nil {
				t.Fatal(err)
			}
			left := outputs(t, dir)
			if !slices.Equal(left, row.want) {
				t.Errorf("left:\n%q, want\n%q", left, row.want)
			}
			if bytes := int64(100 * (len(all) - len(left))); removed.Bytes != bytes || removed.Left != 800-bytes {
				t.Errorf("%+v, want %d bytes gone and %d left", removed, bytes, 800-bytes)
			}
		})
	}
}

// The input of a recurring request is read by its runs, also by one that still waits
// when the request is no more.
func TestRetentionOfASharedInput(t *testing.T) {
	dir := directory(t)
	l := open(t, dir)
	input := filepath.Join(dir, "logs", "a", "s.input")
	_, err := l.Submit(t.Context(), runner.Run{ID: "a/s", Task: "a", State: runner.Recurring, On: "interval 1h", InputFile: input})
	_, err2 := l.Submit(t.Context(), runner.Run{ID: "a/s.20261122T023000Z", Task: "a", State: runner.Queued, Parent: "a/s", InputFile: input})
	if err := errors.Join(err, err2, l.Cancel(t.Context(), "a/s", runner.TextReason("enough"))); err != nil {
		t.Fatal(err)
	}
	output(t, dir, "a", "s.input", 100, 99)
	retain := func(want ...string) {
		t.Helper()
		if _, err := l.Retain(t.Context(), ledger.Retention{Task: func(string) ledger.Keep { return ledger.Keep{Age: time.Hour} }}); err != nil {
			t.Fatal(err)
		}
		if left := outputs(t, dir); !slices.Equal(left, want) {
			t.Errorf("left: %q, want %q", left, want)
		}
	}
	retain("a/s.input")
	if err := l.Cancel(t.Context(), "a/s.20261122T023000Z", runner.TextReason("enough")); err != nil {
		t.Fatal(err)
	}
	retain()
}
