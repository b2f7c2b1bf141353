package metrics

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var update = flag.Bool("update", false, "write testdata/names.txt anew")

// past is a ledger in which each task has succeeded.
type past struct{ ledger.Reader }

func (past) Past(_ context.Context, tasks ...string) (map[string]ledger.Past, error) {
	all := map[string]ledger.Past{}
	for _, task := range tasks {
		all[task] = ledger.Past{Success: time.Unix(3, 0)}
	}
	return all, nil
}

// source is a daemon that knows one task.
func source() Source {
	return Source{Ledger: past{ledger.NewMemory(ledger.Options{})}, Size: func() int64 { return 1 }, State: func(context.Context) (State, error) {
		return State{
			Queued: map[string]int{"": 0, "q": 1}, Held: map[string]bool{"t": true}, Running: map[string]int{"t": 1},
			Next: map[string]time.Time{"t": time.Unix(9, 0)}, Loaded: time.Unix(5, 0), Reloaded: true,
		}, nil
	}}
}

func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	var b strings.Builder
	if err := m.Write(t.Context(), &b, source(), nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func load(names ...string) *Metrics {
	m := New("1.2.3")
	tasks := map[string]Task{}
	for _, name := range names {
		tasks[name] = Task{Expected: time.Hour}
	}
	m.Load(tasks, []string{"ops"})
	return m
}

// TestNames: the metrics are those of testdata/names.txt, which the dashboard and the
// alert rules are held to, with the labels there.
func TestNames(t *testing.T) {
	m := load("t")
	start := time.Unix(100, 0)
	run := runner.Run{ID: "t/a", Task: "t", Cause: runner.CauseSchedule, State: runner.Running, Attempts: 1, Scheduled: start, Started: start}
	_ = m.Record(run)
	run.State, run.Outcome, run.Finished = "", runner.OK, start.Add(time.Second)
	_ = m.Record(run)
	text := scrape(t, m)
	labels := map[string]string{}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, "{")
		if inner, _, ok := strings.Cut(rest, "}"); ok && labels[name] == "" {
			for pair := range strings.SplitSeq(inner, ",") {
				label, _, _ := strings.Cut(pair, "=")
				labels[name] += " " + label
			}
		}
	}
	var names strings.Builder
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE rota_"); ok {
			name, _, _ := strings.Cut("rota_"+rest, " ")
			fmt.Fprintf(&names, "rota_%s%s\n", strings.TrimSpace(rest), labels[name])
		}
	}
	const file = "testdata/names.txt"
	if *update {
		if err := os.WriteFile(file, []byte(names.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || names.String() != string(want) {
		t.Errorf("the metrics are not those of %s (%v): go test ./internal/metrics -run TestNames -update\n%s", file, err, names.String())
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("there is no %s", name)
		}
	}
	if want := `rota_build_info{goversion="go`; !strings.Contains(text, want) || !strings.Contains(text, `version="1.2.3"} 1`) {
		t.Errorf("there is no %s", want)
	}
	if strings.Contains(text, "rota_run_duration_seconds_bucket{task") {
		t.Error("a histogram of each task")
	}
}

// TestAttempts: an attempt is counted when it ends, also one that an earlier daemon has
// started; a run that ends while it waits has none.
func TestAttempts(t *testing.T) {
	start := time.Unix(100, 0)
	ended := runner.Run{ID: "t/a", Task: "t", Outcome: runner.OK, Attempts: 1, Started: start, Finished: start.Add(4 * time.Second)}
	ended.Usage = runner.Usage{CPU: 2 * time.Second, MaxRSS: 3}
	for name, test := range map[string]struct {
		before func(m *Metrics, r runner.Run)
		want   string
	}{
		"started": {func(m *Metrics, r runner.Run) { r.State, r.Outcome = runner.Running, ""; _ = m.Record(r) }, "1"},
		"adopted": {func(m *Metrics, r runner.Run) { m.Adopt(r) }, "1"},
		"waiting": {func(m *Metrics, r runner.Run) {}, "0"},
		"counted": {func(m *Metrics, r runner.Run) { m.Adopt(r); r.State, r.Outcome = runner.Delayed, ""; _ = m.Record(r) }, "1"},
	} {
		m := load("t")
		test.before(m, ended)
		_ = m.Record(ended)
		text := scrape(t, m)
		lines := []string{"rota_run_duration_seconds_count " + test.want, `rota_runs_total{outcome="ok",task="t"} 1`}
		if test.want == "1" {
			lines = append(lines, `rota_run_seconds_total{task="t"} 4`, `rota_run_cpu_seconds_total{task="t"} 2`, `rota_task_last_max_rss_bytes{task="t"} 3`, `rota_task_last_duration_seconds{task="t"} 4`)
		}
		for _, want := range lines {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("%s: there is no %s in\n%s", name, want, text)
			}
		}
	}
}

// TestReasons: each reason to skip a slot has a label, and unknown ones a common one.
func TestReasons(t *testing.T) {
	m := load("t")
	for _, code := range []runner.ReasonCode{
		runner.ReasonHeld, runner.ReasonSkipped, runner.ReasonOverlapRunning, runner.ReasonOverlapQueued, runner.ReasonCoalesced,
		runner.ReasonQueueFull, runner.ReasonMaxWait, "a new one",
	} {
		_ = m.Record(runner.Run{Task: "t", Outcome: runner.Skipped, Reason: runner.Reason{Code: code}, Count: 2})
	}
	_ = m.Record(runner.Run{Task: "t", Outcome: runner.Missed, Count: 5})
	_ = m.Record(runner.Run{Task: "gone", Outcome: runner.Missed, Count: 5})
	text := scrape(t, m)
	for _, want := range []string{
		`skipped_total{reason="held",task="t"} 2`, `skipped_total{reason="skip",task="t"} 2`, `skipped_total{reason="overlap",task="t"} 4`,
		`skipped_total{reason="coalesced",task="t"} 2`, `skipped_total{reason="queue_full",task="t"} 2`, `skipped_total{reason="max_wait",task="t"} 2`,
		`skipped_total{reason="other",task="t"} 2`, `missed_total{task="t"} 5`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "gone") || strings.Contains(text, `runs_total{outcome="skipped"`) {
		t.Errorf("a task that is not in the file is counted, or a slot as a run:\n%s", text)
	}
}

// TestNotifyFailed: targets of the file are counted, others are not, and what is taken
// out of the file goes.
func TestNotifyFailed(t *testing.T) {
	m := load("t")
	m.NotifyFailed("ops")
	m.NotifyFailed("ops")
	m.NotifyFailed("gone")
	if text := scrape(t, m); !strings.Contains(text, `rota_notify_failures_total{target="ops"} 2`+"\n") || strings.Contains(text, "gone") {
		t.Error(text)
	}
	m.Load(nil, []string{"new"})
	text := scrape(t, m)
	if !strings.Contains(text, `rota_notify_failures_total{target="new"} 0`+"\n") || strings.Contains(text, "ops") || strings.Contains(text, `task="t"`) {
		t.Error(text)
	}
}

// BenchmarkRecord is what a run costs the loop: its start and its end.
func BenchmarkRecord(b *testing.B) {
	names := make([]string, 2000)
	for i := range names {
		names[i] = fmt.Sprintf("task%05d", i)
	}
	m := load(names...)
	start := time.Unix(100, 0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		task := names[i%len(names)]
		run := runner.Run{ID: "a", Task: task, Cause: runner.CauseSchedule, State: runner.Running, Attempts: 1, Scheduled: start, Started: start}
		_ = m.Record(run)
		run.State, run.Outcome, run.Finished = "", runner.OK, start.Add(time.Second)
		_ = m.Record(run)
		i++
	}
}

// BenchmarkWrite is what a scrape of 2,000 tasks costs, without the looks at the loop and
// the ledger.
func BenchmarkWrite(b *testing.B) {
	names := make([]string, 2000)
	for i := range names {
		names[i] = fmt.Sprintf("task%05d", i)
	}
	m := load(names...)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = len(scrape(b, m))
	}
	b.ReportMetric(float64(n)/1e6, "MB")
}
