package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

func TestMain(m *testing.M) {
	// The race detector makes every process wait for a second at its exit.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		syscall.Exit(role())
	}
	os.Exit(m.Run())
}

// bench is a Runner in a directory of its own, and what it reports.
type bench struct {
	*Runner
	t     *testing.T
	dir   string
	ends  chan ended
	freed chan string
	mu    sync.Mutex
	lines []string
}

type ended struct {
	run Run
	res Result
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), ends: make(chan ended, 100), freed: make(chan string, 100)}
	b.Runner = New(Options{
		StateDir: b.dir,
		Done:     func(r Run, res Result) error { b.ends <- ended{r, res}; return nil },
		Returned: func(id string) { b.freed <- id },
		Echo: func(_ Run, line []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lines = append(b.lines, string(line))
		},
	})
	return b
}

// How long a process that was told to end has for it: in most tests long enough on the
// slowest machine, and where it must not end by itself hardly any time.
const (
	patience   = 20 * time.Second
	impatience = 200 * time.Millisecond
)

// command is a task that gives a text to the shell.
func (b *bench) command(mode Mode, text string) *Task {
	return &Task{
		Name: "t", Action: &Command{Text: text}, Data: Data{Output: 1 << 20},
		Policy:  Policy{Mode: mode, KillAfter: patience, StopSignal: "TERM", SuccessExit: []int{0}},
		Process: Process{Shell: []string{"/bin/sh", "-c"}, Base: b.dir, Umask: 0o022},
	}
}

// launch starts a task as a run with that key.
func (b *bench) launch(task *Task, key string) Run {
	run := Run{ID: task.Name + "/" + key, Task: task.Name, Cause: CauseSchedule, State: Running, Started: time.Now(), Scheduled: time.Unix(1e9, 0), Attempts: 1}
	b.Start(b.t.Context(), Launch{Run: run, Task: task})
	return run
}

// end waits for the next run to end.
func (b *bench) end() Result {
	b.t.Helper()
	_, r := b.nextEnd()
	return r
}

// nextEnd also returns the run.
func (b *bench) nextEnd() (Run, Result) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	select {
	case e := <-b.ends:
		return e.run, e.res
	case <-ctx.Done():
		b.t.Fatal("the run did not end in time")
		return Run{}, Result{}
	}
}

// log is the output kept of a run, without stamps.
func (b *bench) log(run Run) string {
	b.t.Helper()
	text, err := os.ReadFile(runlog.Store{StateDir: b.dir}.Log(run.ID, run.Attempts))
	if err != nil {
		b.t.Fatal(err)
	}
	return unstamp(string(text))
}

// file is a file in the directory of a forked run; "" is the directory itself.
func (b *bench) file(run Run, name string) string {
	return filepath.Join(string(b.attemptOf(run).Dir()), name)
}

// makeDir makes the directory of a forked run, with these files in it.
func (b *bench) makeDir(run Run, files map[string]string) {
	b.t.Helper()
	if err := os.MkdirAll(b.file(run, ""), 0o700); err != nil {
		b.t.Fatal(err)
	}
	for name, text := range files {
		write(b.t, b.file(run, name), text, 0o600)
	}
}

// awaitBegun waits until the command of a forked run has begun, and is recorded.
func (b *bench) awaitBegun(run Run) {
	b.t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		if text, err := os.ReadFile(b.file(run, "end.reserved")); err == nil && len(text) > 0 && text[0] > '0' {
			return
		}
	}
	b.t.Fatal("the command did not begin in time")
}

// killShim kills the shim of a forked run that has begun.
func (b *bench) killShim(run Run) { b.t.Helper(); b.signalShim(run, syscall.SIGKILL) }

// signalShim sends a signal to it.
func (b *bench) signalShim(run Run, sig syscall.Signal) {
	b.t.Helper()
	if err := syscall.Kill(b.shimOf(run), sig); err != nil {
		b.t.Fatal(err)
	}
}

// nothingLives checks that nothing is left of a run.
func (b *bench) nothingLives(run Run) {
	b.t.Helper()
	if left := b.attemptOf(run).Alive(process.UserID(run.User)); len(left) > 0 {
		b.t.Errorf("left: %s", process.Describe(left))
	}
}

// alive reports whether there is such a process, and it has not ended.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
