package runner

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// actionFunc is an action for tests.
type actionFunc func(ctx context.Context, in Input, out io.Writer) error

func (f actionFunc) Run(ctx context.Context, in Input, out io.Writer) error { return f(ctx, in, out) }

func (b *bench) builtIn(f actionFunc) *Task {
	task := b.command(Threaded, "")
	task.Action = f
	return task
}

func TestPanicIsAFailure(t *testing.T) {
	b := newBench(t)
	run := b.launch(b.builtIn(func(context.Context, Input, io.Writer) error { panic("at the disco") }), "k")
	if r := b.end(); r.Outcome != Failed || r.Why != "panic: at the disco" || r.Exit != nil {
		t.Errorf("got %+v", r)
	}
	if !strings.Contains(b.log(run), "runner_test.go") {
		t.Error("the log does not show where it panicked")
	}
}

func TestStuckActionEndsItsRunAndBlocksItsTask(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	task := b.builtIn(func(_ context.Context, _ Input, out io.Writer) error {
		<-release
		_, err := io.WriteString(out, "too late\n")
		return err
	})
	task.Timeout, task.KillAfter = 10*time.Millisecond, 10*time.Millisecond
	task.TimeoutOK = true // it is not stopped
	run := b.launch(task, "k")
	if r := b.end(); r.Outcome != TimedOut || !r.Stuck || !strings.Contains(r.Why, "the action has not returned yet") {
		t.Errorf("got %+v", r)
	}
	select {
	case <-b.freed:
		t.Fatal("the task was freed while its action still runs")
	default:
	}
	close(release)
	if id := <-b.freed; id != run.ID {
		t.Errorf("freed %q", id)
	}
}

func TestBuiltInsFork(t *testing.T) {
	b := newBench(t)
	task := b.command(Forked, "")
	task.Action = &Log{Message: "hello from {{.Task}}, attempt {{.Attempt}}"}
	run := b.launch(task, "k")
	if r := b.end(); r.Outcome != OK || r.Exit != nil {
		t.Errorf("got %+v", r)
	}
	if got := b.log(run); got != "hello from t, attempt 1\n" {
		t.Errorf("output %q", got)
	}
	task.Action = &Write{Path: filepath.Join(b.dir, "no/such/directory/x"), Text: "x"}
	b.launch(task, "k2")
	if r := b.end(); r.Outcome != Failed || !strings.Contains(r.Error, "no/such/directory") {
		t.Errorf("got %+v", r)
	}
}

// A task that never stops printing takes neither memory nor disk.
func TestFloodIsBounded(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		b.o.Echo = nil
		task := b.command(mode, "head -c 50000000 /dev/zero | tr '\\0' 'x'; yes | head -c 3000000; echo the end")
		run := b.launch(task, "k")
		if r := b.end(); r.Outcome != OK {
			t.Fatalf("got %+v", r)
		}
		log := b.log(run) // without the times, which are not the task's
		if int64(len(log)) > task.Output+200 {
			t.Errorf("the log has %d bytes, its bound is %d", len(log), task.Output)
		}
		if !strings.HasSuffix(log, "y\nthe end\n") || !strings.Contains(log, "bytes of output dropped here") {
			t.Errorf("the tail is not kept, or the dropped bytes are not reported")
		}
	})
}

func TestForkedRunOutlivesItsRunner(t *testing.T) {
	b := newBench(t)
	ctx, forget := context.WithCancel(t.Context())
	task := b.command(Forked, "while [ ! -e go ]; do sleep 0.01; done; echo done; exit 3")
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1, Cause: CauseSchedule, Input: "a\xff\x00b"}
	b.Start(ctx, Launch{Run: run, Task: task})
	b.awaitBegun(run)
	forget() // as a daemon that is gone

	next := b.successor()
	found, err := next.Find()
	if err != nil || len(found) != 1 || found[0].Run.ID != run.ID || found[0].Run.Attempts != run.Attempts || found[0].Run.Input != run.Input || !found[0].Begun {
		t.Fatalf("found %+v, %v", found, err)
	}
	next.Resume(t.Context(), found[0])
	write(t, filepath.Join(b.dir, "go"), "x", 0o600)
	if r := next.end(); r.Outcome != Failed || r.Exit == nil || *r.Exit != 3 {
		t.Errorf("got %+v, want exit 3", r)
	}
	if got := next.log(run); got != "done\n" {
		t.Errorf("output %q", got)
	}
	next.awaitNoDir(run)
}

// successor is another runner with the same state directory.
func (b *bench) successor() *bench {
	next := newBench(b.t)
	next.dir, next.o.StateDir = b.dir, b.dir
	return next
}

// awaitNoDir waits until the directory of a run is gone, as it must be once its
// end is recorded.
func (b *bench) awaitNoDir(run Run) {
	b.t.Helper()
	path := b.file(run, "")
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(time.Millisecond) {
		if _, err := os.Stat(path); err != nil {
			return
		}
	}
	b.t.Errorf("%s is still there", path)
}

func TestForkedRunThatEndedMeanwhile(t *testing.T) {
	b := newBench(t)
	ctx, forget := context.WithCancel(t.Context())
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
	b.Start(ctx, Launch{Run: run, Task: b.command(Forked, "kill -USR1 $$")})
	forget()
	awaitFile(t, filepath.Join(b.dir, "runs", "t+k.1", "end"))
	next := b.successor()
	found, err := next.Find()
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	next.Resume(t.Context(), found[0])
	if r := next.end(); r.Outcome != Failed || r.Signal != "USR1" {
		t.Errorf("got %+v, want killed by USR1", r)
	}
}

func TestKilledShimIsLostAndLeavesNothing(t *testing.T) {
	b := newBench(t)
	task := b.command(Forked, "setsid sleep 60 & echo up >up; sleep 60")
	run := b.launch(task, "k")
	awaitFile(t, filepath.Join(b.dir, "up"))
	b.awaitBegun(run)
	b.killShim(run)
	if r := b.end(); r.Outcome != Lost || !strings.HasPrefix(r.Why, "its shim was killed; stopped remaining processes: ") {
		t.Errorf("got %+v", r)
	}
	b.nothingLives(run)
}

func TestStopOfAnAdoptedRun(t *testing.T) {
	b := newBench(t)
	ctx, forget := context.WithCancel(t.Context())
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
	b.Start(ctx, Launch{Run: run, Task: b.command(Forked, "sleep 60")})
	b.awaitBegun(run)
	forget()
	next := b.successor()
	found, _ := next.Find()
	next.Resume(t.Context(), found[0])
	if !next.Stop(NewEnd(run.ID, Replaced, TextReason("replaced by t/k2"))) {
		t.Fatal("no such run")
	}
	if r := next.end(); r.Outcome != Replaced || r.Why != "replaced by t/k2" {
		t.Errorf("got %+v", r)
	}
}

// Between the directory and the shim a daemon may be killed at any step.
func TestFindAfterAKillAtEachStep(t *testing.T) {
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
	record, err := json.Marshal(newRecord(run, Policy{}))
	if err != nil {
		t.Fatal(err)
	}
	text := string(record)
	for _, c := range []struct {
		name  string
		files map[string]string
		found int
		begun bool
	}{
		{"the directory alone", nil, 0, false},
		{"locked", map[string]string{"lock": ""}, 0, false},
		{"run written, no shim", map[string]string{"lock": "", "run": text}, 1, false},
		{"shim died at once", map[string]string{"lock": "", "run": text, "go": "{}"}, 1, true},
	} {
		b := newBench(t)
		b.makeDir(run, c.files)
		found, _ := b.Find()
		if len(found) != c.found || c.found > 0 && found[0].Begun != c.begun {
			t.Errorf("%s: found %+v", c.name, found)
		}
		for _, f := range found {
			if f.Begun {
				b.Resume(t.Context(), f)
				if r := b.end(); r.Outcome != Lost {
					t.Errorf("%s: got %+v, want lost", c.name, r)
				}
			} else if err := b.Drop(f); err != nil {
				t.Error(err)
			}
		}
		b.awaitNoDir(run)
	}
}

func TestShimRefusesARunThatWasGivenUp(t *testing.T) {
	b := newBench(t)
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
	b.makeDir(run, map[string]string{"go": "{}"})
	b.Start(t.Context(), Launch{Run: run, Task: b.command(Forked, "echo ran >ran")})
	b.end()
	if _, err := os.Stat(filepath.Join(b.dir, "ran")); err == nil {
		t.Error("the command ran, although another daemon had given it up")
	} else if !os.IsNotExist(err) && err != fs.ErrNotExist {
		t.Error(err)
	}
}

func TestShutdown(t *testing.T) {
	b := newBench(t)
	forked := b.launch(b.command(Forked, "while [ ! -e go ]; do sleep 0.01; done"), "forked")
	b.awaitBegun(forked)
	slow := b.command(Threaded, "trap '' TERM; echo up >up; while :; do sleep 0.1; done")
	slow.KillAfter = time.Hour
	b.launch(slow, "here")
	awaitFile(t, filepath.Join(b.dir, "up"))
	b.StopAll(Lost, Reason{Code: ReasonRotaStopped})
	b.KillAll()
	if r := b.end(); r.Outcome != Lost || r.Why != "rota stopped" {
		t.Errorf("got %+v", r)
	}
	if !b.Wait(t.Context()) {
		t.Error("Wait waits for a forked run")
	}
	write(t, filepath.Join(b.dir, "go"), "x", 0o600)
	if r := b.end(); r.Outcome != OK {
		t.Errorf("the forked run: %+v", r)
	}
}

// A run survives damage to the files that describe it, and ends with the outcome that its
// shim reports.
func TestForkedRunWithAnUnreadableRecord(t *testing.T) {
	for name, damage := range map[string]func(b *bench, run Run){
		"cut short":   func(b *bench, run Run) { write(b.t, b.file(run, "run"), `{"version":2,"run":{"ru`, 0o600) },
		"newer":       func(b *bench, run Run) { write(b.t, b.file(run, "run"), `{"version":99,"run":[]}`, 0o600) },
		"other types": func(b *bench, run Run) { write(b.t, b.file(run, "run"), `{"version":2,"run":{"cause":{}}}`, 0o600) },
		"of another": func(b *bench, run Run) {
			write(b.t, b.file(run, "run"), `{"version":2,"run":{"run":"t/other"}}`, 0o600)
		},
		"missing": func(b *bench, run Run) { _ = os.Remove(b.file(run, "run")) },
		"all": func(b *bench, run Run) {
			for _, file := range []string{"run", "go", "end.reserved"} {
				write(b.t, b.file(run, file), "\x00\x00", 0o600)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ctx, forget := context.WithCancel(t.Context())
			run := Run{ID: "t.1@x/k.2", Task: "t.1@x", State: Running, Attempts: 3}
			b.Start(ctx, Launch{Run: run, Task: b.command(Forked, "while [ ! -e go ]; do sleep 0.01; done; exit 3")})
			b.awaitBegun(run)
			forget()
			damage(b, run)
			next := b.successor()
			found, err := next.Find()
			if err != nil || len(found) != 1 || !found[0].Begun || found[0].Unreadable == nil {
				t.Fatalf("found %+v, %v", found, err)
			}
			if r := found[0].Run; r.ID != run.ID || r.Task != run.Task || r.Attempts != 3 || r.State != Running {
				t.Errorf("known as %+v", r)
			}
			next.Resume(t.Context(), found[0])
			write(t, filepath.Join(b.dir, "go"), "x", 0o600)
			if r := next.end(); r.Outcome != Failed || r.Exit == nil || *r.Exit != 3 {
				t.Errorf("got %+v, want exit 3", r)
			}
			next.awaitNoDir(run)
		})
	}
}

// A record says all that the ledger and the end of the run need.
func TestRecordIsWhole(t *testing.T) {
	b := newBench(t)
	at := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	run := Run{
		ID: "t/k", Task: "t", Cause: CauseChain, State: Running, Scheduled: at, Queued: at, Started: at, NotBefore: at, Attempts: 2,
		Revision: "r", Queue: "q", Priority: -1, On: "cron", Params: map[string]string{"a": "b"}, Input: "a\xff\x00b", InputFile: "/in",
		Content: "c", Parent: "p/1", Who: "ada", User: "u", Force: true, Binding: true,
	}
	policy := Policy{Mode: Forked, StopSignal: "INT", KillAfter: time.Minute, HoldAfter: 3, Retry: Retry{1, 2, 3.5, 4, []string{"lost", "7"}}}
	text, err := json.Marshal(newRecord(run, policy))
	if err != nil {
		t.Fatal(err)
	}
	b.makeDir(run, map[string]string{"run": string(text), "go": "{}"})
	found, err := b.Find()
	if err != nil || len(found) != 1 || !reflect.DeepEqual(found[0].Run, run) || !reflect.DeepEqual(found[0].Policy, policy) {
		t.Errorf("found %+v, %v", found, err)
	}
}

// A record of the first version is read.
func TestRecordOfTheFirstVersion(t *testing.T) {
	b := newBench(t)
	files := map[string]string{}
	for _, name := range []string{"run", "end"} {
		text, err := os.ReadFile(filepath.Join("testdata", "forked-1", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	files["go"] = "{}"
	run := Run{ID: "long/old", Attempts: 1}
	b.makeDir(run, files)
	found, err := b.Find()
	if err != nil || len(found) != 1 || found[0].Unreadable != nil {
		t.Fatalf("found %+v, %v", found, err)
	}
	f := found[0]
	if r := f.Run; r.Task != "long" || r.Cause != CauseManual || r.Params["who"] != "ada" || r.Input != "in\n" || r.Content == "" || r.Started.IsZero() {
		t.Errorf("run %+v", r)
	}
	if p := f.Policy; p.StopSignal != "INT" || p.KillAfter != 7*time.Second || p.Retry.Max != 2 || p.Retry.Delay != time.Minute || !slices.Contains(p.Retry.On, "lost") {
		t.Errorf("policy %+v", p)
	}
	b.Resume(t.Context(), f)
	if r := b.end(); r.Outcome != Failed || r.Why != "exit 7" || r.Exit == nil || *r.Exit != 7 || r.Error != "over" {
		t.Errorf("end %+v", r)
	}
}
