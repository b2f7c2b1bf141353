package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// TestEventsOfOthersStay: no number of events of one user removes the events of others.
func TestEventsOfOthersStay(t *testing.T) {
	s, err := Open(t.Context(), Directory(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const few, each, most = 50, 100, 5000
	add := func(kind, task, who string) {
		t.Helper()
		if err := s.Event(t.Context(), Event{Kind: kind, Task: task, Who: who}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range few {
		add("hold", "t0", "root")
		add("release", fmt.Sprint("t", i), "root")
	}
	add("start", "", "")
	// Thousands of each: holds of a task, by runs of it, and of many tasks.
	many := func(n int, who, task string) {
		t.Helper()
		onWriter(t, s, func(conn *sqlite.Conn) error {
			return query(conn, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?) INSERT INTO events (kind, task, who, sum) SELECT 'hold', "+task+", "+who+", 0 FROM c", []value{integer(int64(n))}, nil)
		})
	}
	many(4000, "'nobody'", "'t0'")
	many(4000, "'run t0/' || x", "'t0'")
	many(15_000, "'nobody'", "'own' || (x % 80)")
	retain := func() (total int) {
		t.Helper()
		if err := s.retainEvents(t.Context(), each, most); err != nil {
			t.Fatal(err)
		}
		onWriter(t, s, func(conn *sqlite.Conn) error {
			left := map[string]int{}
			err := query(conn, "SELECT who, kind, count(*) FROM events GROUP BY who, kind", nil, func(stmt *sqlite.Stmt) error {
				who, _, _ := strings.Cut(stmt.ColumnText(0), "/")
				left[who+" "+stmt.ColumnText(1)] += stmt.ColumnInt(2)
				total += stmt.ColumnInt(2)
				return nil
			})
			if left["root hold"] != few || left["root release"] != few || left[" start"] != 1 {
				t.Errorf("of root are left: %v", left)
			}
			if left["run t0 hold"] > each || left["nobody hold"] == 0 {
				t.Errorf("of nobody are left: %v", left)
			}
			return err
		})
		return total
	}
	if total := retain(); total != most {
		t.Errorf("%d events are left", total)
	}
	add("hold", "t0", "nobody")
	if total := retain(); total != most {
		t.Errorf("%d events are left, with one more", total)
	}
	if last, err := s.Events(t.Context(), EventFilter{Limit: 1}); err != nil || len(last) != 1 || last[0].Who != "nobody" {
		t.Errorf("the newest: %+v, %v", last, err)
	}
}

// TestRowsCountAsKept: what rows take counts, and goes where the most is; with a run
// goes its input.
func TestRowsCountAsKept(t *testing.T) {
	dir := Directory(t)
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	ended := func(task string, i, bytes int) runner.Run {
		end := at.Add(time.Duration(i) * time.Second)
		return runner.Run{ID: fmt.Sprint(task, "/k", i), Task: task, Cause: runner.CauseManual, Outcome: runner.OK, Scheduled: end, Finished: end, Params: map[string]string{"p": strings.Repeat("x", bytes)}}
	}
	var batch runner.Batch
	const large, small = 400, 20
	for i := range small {
		batch.Runs = append(batch.Runs, ended("small", i-1000, 100)) // older than all
	}
	for i := range large {
		batch.Runs = append(batch.Runs, ended("flood", i, 64<<10))
	}
	if _, err := s.Advance(t.Context(), Cursor{}, Cursor{Epoch: 1}, batch); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs", "flood"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k0", fmt.Sprint("k", large-1)} {
		if err := os.WriteFile(filepath.Join(dir, "logs", "flood", key+".input"), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep := Retention{Task: func(string) Keep { return Keep{} }, Total: 64 << 20}
	removed, err := s.Retain(t.Context(), keep)
	if err != nil || removed.Runs != 0 || removed.Left != 2000 {
		t.Errorf("within the limit: %+v, %v", removed, err)
	}
	keep.Total = 8 << 20
	removed, err = s.Retain(t.Context(), keep)
	if err != nil || removed.Runs < 50 || removed.Runs > 200 || removed.Left != 2000 {
		t.Errorf("beyond the limit: %+v, %v", removed, err)
	}
	left := func(task string) []runner.Run {
		runs, err := s.List(t.Context(), Filter{Task: task})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	if n := len(left("small")); n != small {
		t.Errorf("%d of the small ones are left", n)
	}
	runs := left("flood")
	if newest, oldest := runs[0].ID, runs[len(runs)-1].ID; newest != fmt.Sprint("flood/k", large-1) || oldest != fmt.Sprint("flood/k", removed.Runs) {
		t.Errorf("left are %s to %s", oldest, newest)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "logs", "flood", "*")); len(files) != 1 {
		t.Errorf("inputs: %v", files)
	}
	if bytes, err := s.countedBytes(t.Context()); err != nil || bytes > keep.Total/2+1<<20 {
		t.Errorf("%d bytes of rows are left, %v", bytes, err)
	}
}

func TestLevelOf(t *testing.T) {
	for _, test := range []struct {
		bytes []int64
		over  int64
		want  int64
	}{
		{[]int64{100, 10}, 50, 50},
		{[]int64{100, 10}, 95, 7},
		{[]int64{10, 100, 90}, 20, 85},
		{[]int64{5}, 100, 0},
		{nil, 1, 0},
	} {
		var all []taskBytes
		for i, b := range test.bytes {
			all = append(all, taskBytes{int64(i), b})
		}
		if got := max(0, limitFor(all, test.over)); got != test.want {
			t.Errorf("%v over by %d: %d, want %d", test.bytes, test.over, got, test.want)
		}
	}
}

// TestForgetRemovesAllFiles: of a run that is forgotten no file is left, also of what
// was killed, and none of another one is removed.
func TestForgetRemovesAllFiles(t *testing.T) {
	dir := Directory(t)
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logs := filepath.Join(dir, "logs", "a")
	shared := filepath.Join(logs, "s.input")
	for _, run := range []runner.Run{
		{ID: "a/k", Task: "a", Outcome: runner.Lost, Attempts: 1}, {ID: "a/kk", Task: "a", Outcome: runner.OK, Attempts: 1},
		{ID: "a/s", Task: "a", Outcome: runner.Cancelled, On: "interval 1h", InputFile: shared},
		{ID: "a/s.20261122T023000Z", Task: "a", State: runner.Queued, Parent: "a/s", InputFile: shared},
	} {
		cursor, err := s.Cursor(t.Context())
		if err == nil {
			_, err = s.Advance(t.Context(), cursor, cursor, runner.Batch{Runs: []runner.Run{run}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"k.1.log", "k.1.log.1", "k.1.log.2", "k.2.log", "k.result", "k.input", "kk.1.log", "s.input", "other"} {
		if err := os.WriteFile(filepath.Join(logs, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Forget(t.Context(), Filter{IDs: []string{"a/k", "a/s"}}); n != 2 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	files, _ := filepath.Glob(filepath.Join(logs, "*"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if got := strings.Join(files, " "); got != "kk.1.log other s.input" {
		t.Errorf("left: %s", got)
	}
}
