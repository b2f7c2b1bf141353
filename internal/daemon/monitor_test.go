package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPromtool: Prometheus reads the metrics, and has nothing against their names.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"state\"\n[notify.ops]\ncommand = \"true\"\n[queues.q]\n[tasks.t]\nat_start = true\nexpect_success_within = \"1h\"\nqueue = \"q\"\ncommand = \"true\"\n")
	s := inProcess(t, filepath.Join(dir, "jobs.toml"))
	var text []byte
	await(t, "end of the run", func() bool {
		r, err := s.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), `rota_runs_total{outcome="ok",task="t"} 1`)
	})
	for _, m := range []string{`rota_run_cpu_seconds_total{task="t"} `, `rota_notify_failures_total{target="ops"} 0`, "go_goroutines ", "process_open_fds ", "rota_build_info{"} {
		if !strings.Contains(string(text), m) {
			t.Errorf("there is no %s in\n%s", m, text)
		}
	}
	c := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	c.Stdin = bytes.NewReader(text)
	if said, err := c.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool: %v\n%s", err, said)
	}
}

// BenchmarkMetrics is the price of a scrape of 2,000 tasks.
func BenchmarkMetrics(b *testing.B) {
	const tasks = 2000
	dir := b.TempDir()
	var jobs strings.Builder
	jobs.WriteString("[rota]\nstate_dir = \"state\"\n")
	for i := range tasks {
		fmt.Fprintf(&jobs, "[tasks.task%05d]\nat = \"%02d:%02d\"\nlog = \"x\"\n", i, i%24, i%60)
	}
	write(b, filepath.Join(dir, "jobs.toml"), jobs.String())
	s := inProcess(b, filepath.Join(dir, "jobs.toml"))
	for b.Loop() {
		r, err := s.Metrics(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		n, _ := io.Copy(io.Discard, r)
		b.ReportMetric(float64(n)/1e6, "MB")
	}
}
