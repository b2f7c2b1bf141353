package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// benchDirectory returns a directory on the disk, and not in memory.
func benchDirectory(b *testing.B) string { return b.TempDir() }

func benchOpen(b *testing.B, dir string) *SQLite {
	b.Helper()
	l, err := Open(b.Context(), dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

func benchRun(task string, i int) runner.Run {
	at := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
	return runner.Run{
		ID: runner.SlotID(task, at, 1), Task: task, Cause: runner.CauseSchedule, State: runner.Queued,
		Scheduled: at, Queued: at.Add(3 * time.Millisecond), Queue: "main", Revision: "5a105e8b9d40e132",
	}
}

// BenchmarkLedgerCommit is one change after the other, and as many as 64
// goroutines ask for.
func BenchmarkLedgerCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l := benchOpen(b, benchDirectory(b))
			var next atomic.Int64
			var wg sync.WaitGroup
			start := time.Now()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						if _, err := l.Submit(b.Context(), benchRun("backup", int(i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commits/s")
		})
	}
}

// BenchmarkLedgerLife is a run from its slot to its end, in three commits, by 64
// goroutines.
func BenchmarkLedgerLife(b *testing.B) {
	l := benchOpen(b, benchDirectory(b))
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				run := benchRun("backup", int(i))
				if _, err := l.Submit(b.Context(), run); err != nil {
					b.Error(err)
				}
				leases, err := l.Claim(b.Context(), []string{run.ID})
				if err != nil || len(leases) != 1 {
					b.Error(leases, err)
					return
				}
				if err := l.Finish(b.Context(), leases[0], runner.Result{Outcome: runner.OK, Exit: new(0)}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(3*b.N)/time.Since(start).Seconds(), "transitions/s")
}

// BenchmarkLedgerAdvance records 10,000 slots that are due at once, and claims them.
func BenchmarkLedgerAdvance(b *testing.B) {
	const slots = 10000
	l := benchOpen(b, benchDirectory(b))
	var c Cursor
	var batch runner.Batch
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		batch.Runs, batch.Claim = batch.Runs[:0], batch.Claim[:0]
		for t := range slots {
			run := benchRun(fmt.Sprintf("task-%d", t), i)
			batch.Runs, batch.Claim = append(batch.Runs, run), append(batch.Claim, run.ID)
		}
		next := Cursor{Epoch: 1, Through: batch.Runs[0].Scheduled, Revision: "5a105e8b9d40e132"}
		b.StartTimer()
		leases, err := l.Advance(b.Context(), c, next, batch)
		if err != nil || len(leases) != slots {
			b.Fatal(len(leases), err)
		}
		c = next
	}
}

const (
	million    = 1000000
	benchTasks = 100
	manyTasks  = 10000
)

// millionRuns and manyTasksRuns make a ledger of a million ended runs.
var (
	millionRuns   = sync.OnceValues(func() (string, error) { return makeRuns(benchTasks) })
	manyTasksRuns = sync.OnceValues(func() (string, error) { return makeRuns(manyTasks) })
)

var madeDirectories []string

func makeRuns(tasks int) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "rota-bench-"); err != nil {
		return "", err
	}
	madeDirectories = append(madeDirectories, dir)
	s := newSQLite(dir, Options{})
	w, err := s.open()
	if err != nil {
		return dir, err
	}
	defer w.conn.Close()
	if err := execute(w.conn, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN"); err != nil {
		return dir, err
	}
	var drop, create []string // it is quicker to sort the indexes than to fill them
	const indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
	err = query(w.conn, indexes, nil, func(stmt *sqlite.Stmt) error {
		drop, create = append(drop, "DROP INDEX "+stmt.ColumnText(0)), append(create, stmt.ColumnText(1))
		return nil
	})
	if err != nil {
		return dir, err
	}
	if err := execute(w.conn, strings.Join(drop, ";")); err != nil {
		return dir, err
	}
	o := newTx(w)
	for i := range million {
		run := benchRun(fmt.Sprintf("task-%d", i%tasks), i/tasks)
		run.State, run.Outcome, run.Started, run.Finished = "", runner.OK, run.Queued, run.Queued.Add(1234567*time.Microsecond)
		run.Attempts, run.Exit = 1, new(0)
		r := &row{slot: slotOf(run.ID), run: run, transitions: []runner.Transition{
			{Time: run.Queued, State: runner.Queued}, {Time: run.Started, State: runner.Running}, {Time: run.Finished, Outcome: runner.OK, Why: "exit 0"},
		}}
		o.dirty = o.dirty[:0]
		clear(o.rows)
		clear(o.fresh)
		if err := o.put(r); err != nil {
			return dir, err
		}
		if err := o.flush(); err != nil {
			return dir, err
		}
		o.undo = nil
	}
	return dir, execute(w.conn, strings.Join(create, ";")+"; COMMIT")
}

// benchMillion opens a ledger with a million runs.
func benchMillion(b *testing.B, make func() (string, error)) *SQLite {
	b.Helper()
	dir, err := make()
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(b.Context(), dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/million, "B/run")
	return l
}

// BenchmarkLedgerList reads the last 20 runs of one task of a million.
func BenchmarkLedgerList(b *testing.B) {
	l := benchMillion(b, millionRuns)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		runs, err := l.List(b.Context(), Filter{Task: fmt.Sprintf("task-%d", i%benchTasks), Limit: 20})
		if err != nil || len(runs) != 20 {
			b.Fatal(len(runs), err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

// BenchmarkLedgerNewest finds the newest run of each of 10,000 tasks, and of one.
func BenchmarkLedgerNewest(b *testing.B) {
	l := benchMillion(b, manyTasksRuns)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			runs, err := l.Newest(b.Context())
			if err != nil || len(runs) != manyTasks {
				b.Fatal(len(runs), err)
			}
		}
	})
	b.Run("one", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			runs, err := l.Newest(b.Context(), fmt.Sprintf("task-%d", i%manyTasks))
			if err != nil || len(runs) != 1 {
				b.Fatal(len(runs), err)
			}
		}
	})
}

// BenchmarkLedgerSince reads what began in the last minute, of a million.
func BenchmarkLedgerSince(b *testing.B) {
	l := benchMillion(b, millionRuns)
	since := benchRun("", million/benchTasks-60).Scheduled
	for b.Loop() {
		runs, err := l.List(b.Context(), Filter{Since: since, Limit: 100})
		if err != nil || len(runs) != 100 {
			b.Fatal(len(runs), err)
		}
		if runs, err = l.List(b.Context(), Filter{Since: since.AddDate(1, 0, 0), Limit: 100}); err != nil || len(runs) != 0 {
			b.Fatal(len(runs), err)
		}
	}
}

// BenchmarkLedgerOpen opens a ledger with a million runs.
func BenchmarkLedgerOpen(b *testing.B) {
	dir, err := millionRuns()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l, err := Open(b.Context(), dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLedgerRetain looks what need not be kept of a million runs, of which
// nothing is too much.
func BenchmarkLedgerRetain(b *testing.B) {
	l := benchMillion(b, millionRuns)
	for b.Loop() {
		removed, err := l.Retain(b.Context(), Retention{Task: func(string) Keep { return Keep{Runs: million / benchTasks, Age: 1e6 * time.Hour} }})
		if cmp.Or(removed.Runs, removed.Summaries) != 0 || err != nil {
			b.Fatal(removed, err)
		}
	}
}

// openedVariable makes a process open the ledger in that directory, query it as a start
// does, and print how much memory it uses.
const openedVariable = "ROTA_BENCH_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openedVariable); dir != "" {
		if err := openAndReport(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, dir := range madeDirectories {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func openAndReport(dir string) error {
	ctx := context.Background()
	l, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	_, err1 := l.List(ctx, Filter{Task: "task-1", Limit: 20})
	_, err2 := l.Newest(ctx)
	_, err3 := l.Retain(ctx, Retention{Task: func(string) Keep { return Keep{Runs: million, Age: 1e6 * time.Hour} }})
	status, err4 := os.ReadFile("/proc/self/status")
	fmt.Printf("%s", status)
	return errors.Join(err1, err2, err3, err4)
}

// BenchmarkLedgerRSS is the memory of a process that has a ledger with a million
// runs open: of 100 tasks, and of 10,000.
func BenchmarkLedgerRSS(b *testing.B) {
	for tasks, make := range map[int]func() (string, error){benchTasks: millionRuns, manyTasks: manyTasksRuns} {
		b.Run(fmt.Sprintf("tasks=%d", tasks), func(b *testing.B) {
			dir, err := make()
			if err != nil {
				b.Fatal(err)
			}
			kilobytes := 0
			for b.Loop() {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), openedVariable+"="+dir)
				out, err := cmd.Output()
				_, after, _ := strings.Cut(string(out), "VmRSS:")
				if _, err2 := fmt.Sscanf(after, "%d kB", &kilobytes); err != nil || err2 != nil {
					b.Fatal(err, err2, string(out))
				}
			}
			b.ReportMetric(float64(kilobytes)/1024, "MiB")
		})
	}
}
