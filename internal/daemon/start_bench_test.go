package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/control"
	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/runner"
)

// BenchmarkStart is the time from the birth of a daemon that keeps a million runs
// of 100 tasks until its first slot has started a process, and the memory it has
// once retention has run and each task is listed.
func BenchmarkStart(b *testing.B) {
	const runs, tasks = 1_000_000, 100
	dir := b.TempDir()
	var jobs strings.Builder
	jobs.WriteString("[rota]\nstate_dir = \"state\"\n[history]\nruns = 1000000\nage = \"3650d\"\n")
	for i := range tasks {
		fmt.Fprintf(&jobs, "[tasks.task-%d]\ncron = \"0 0 1 1 *\"\ncommand = \"true\"\n", i)
	}
	jobs.WriteString("[tasks.first]\nat_start = true\ncommand = \"echo up >>up\"\n")
	if err := os.WriteFile(filepath.Join(dir, "jobs.toml"), []byte(jobs.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	book, err := ledger.Open(b.Context(), state, ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var batch runner.Batch
	cursor := ledger.Cursor{}
	for i := range runs {
		at := time.Date(2026, 1, 1, 0, 0, i/tasks, 0, time.UTC)
		name := fmt.Sprint("task-", i%tasks)
		batch.Runs = append(batch.Runs, runner.Run{
			ID: runner.SlotID(name, at, 1), Task: name, Cause: runner.CauseSchedule, Outcome: runner.OK,
			Scheduled: at, Queued: at, Started: at, Finished: at.Add(time.Second), Attempts: 1, Exit: new(0),
		})
		if len(batch.Runs) == 10_000 {
			next := ledger.Cursor{Epoch: 1, Through: at}
			if _, err := (ledgertest.Short{Ledger: book}).Advance(b.Context(), cursor, next, batch); err != nil {
				b.Fatal(err)
			}
			cursor, batch.Runs = next, batch.Runs[:0]
		}
	}
	if err := book.Close(); err != nil {
		b.Fatal(err)
	}
	client, err := control.NewClient(control.Target{Socket: filepath.Join(state, "rota.sock")})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var took time.Duration
	kilobytes, n := 0, 0
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		cmd := child(b, dir)
		for n++; lines(filepath.Join(dir, "up"), "up") < n; <-time.After(200 * time.Microsecond) {
			if time.Since(began) > time.Minute {
				b.Fatal("it does not start")
			}
		}
		took += time.Since(began)
		<-time.After(3 * time.Second) // for retention to have looked
		all, err := client.Tasks(b.Context())
		if err != nil || len(all) != tasks+1 {
			b.Fatal(len(all), err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		if _, err2 := fmt.Sscanf(after, "%d kB", &kilobytes); err != nil || err2 != nil {
			b.Fatal(err, err2)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(took.Seconds()*1000/float64(n), "ms/start")
	b.ReportMetric(float64(kilobytes)/1024, "MiB")
	b.ReportMetric(0, "ns/op")
}
