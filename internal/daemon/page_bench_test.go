package daemon

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/internal/page"
	"rota/runner"
)

// firstByte notes when an answer begins.
type firstByte struct {
	*httptest.ResponseRecorder
	at time.Time
}

func (f *firstByte) Write(b []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return f.ResponseRecorder.Write(b)
}

// cpuTime is what this process has used of processors.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkPage is the price of the pages of 2,000 tasks with 500,000 runs.
func BenchmarkPage(b *testing.B) {
	const tasks, runs = 2000, 500_000
	dir := b.TempDir()
	var jobs strings.Builder
	jobs.WriteString("[rota]\nstate_dir = \"state\"\n")
	for i := range tasks {
		fmt.Fprintf(&jobs, "[tasks.task%04d]\nat = \"%02d:%02d\"\ndescription = \"one of many tasks that do something\"\nlog = \"x\"\n", i, i%24, i%60)
	}
	write(b, filepath.Join(dir, "jobs.toml"), jobs.String())
	book, err := ledger.Open(b.Context(), filepath.Join(dir, "state"), ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var batch runner.Batch
	cursor, first := ledger.Cursor{}, time.Now().Add(-30*24*time.Hour).Truncate(time.Second)
	for i := range runs {
		at := first.Add(time.Duration(i/tasks) * 30 * 24 * time.Hour / (runs / tasks))
		name := fmt.Sprintf("task%04d", i%tasks)
		run := runner.Run{
			ID: runner.SlotID(name, at, 1), Task: name, Cause: runner.CauseSchedule, Outcome: runner.OK,
			Scheduled: at, Queued: at, Started: at, Finished: at.Add(time.Duration(i%97) * time.Second), Attempts: 1, Exit: new(0),
		}
		if i%31 == 0 {
			run.Outcome, run.Error = runner.Failed, "something went wrong in the middle of it"
		}
		if batch.Runs = append(batch.Runs, run); len(batch.Runs) == 10_000 {
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
	s := inProcess(b, filepath.Join(dir, "jobs.toml"))
	p := page.New(page.Options{})
	who := api.Visit{Service: s, Site: api.Site{Actions: true}, Caller: api.Caller{Who: "token ops", Grants: []api.Grant{{May: api.MayControl}}}}
	for _, path := range []string{"/", "/?state=failed", "/?q=task01&order=name", "/timeline", "/tasks/task0001", "/events"} {
		b.Run(path, func(b *testing.B) {
			var bytesSent int
			var wait time.Duration
			cpu := cpuTime(b)
			for b.Loop() {
				w := &firstByte{ResponseRecorder: httptest.NewRecorder()}
				began := time.Now()
				p.Serve(w, httptest.NewRequest("GET", path, nil), who)
				if w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte("</html>")) {
					b.Fatal(w.Code, w.Body)
				}
				bytesSent, wait = w.Body.Len(), wait+w.at.Sub(began)
			}
			b.ReportMetric((cpuTime(b)-cpu).Seconds()*1000/float64(b.N), "ms-cpu/op")
			b.ReportMetric(float64(bytesSent)/1e6, "MB")
			b.ReportMetric(wait.Seconds()*1000/float64(b.N), "ms/first-byte")
		})
	}
}
