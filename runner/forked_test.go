package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// shimOf is the process that executes a forked run.
func (b *bench) shimOf(run Run) int {
	b.t.Helper()
	var shim struct{ PID int }
	text, err := os.ReadFile(b.file(run, "go"))
	if err == nil {
		err = json.Unmarshal(text, &shim)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return shim.PID
}

// several starts forked runs, each of which ends with 3 once it can read a byte of what
// is returned.
func (b *bench) several(ctx context.Context, n int) (runs []Run, gate *os.File) {
	b.t.Helper()
	path := filepath.Join(b.dir, "gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		b.t.Fatal(err)
	}
	gate, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { gate.Close() })
	for i := range n {
		run := Run{ID: fmt.Sprintf("t/%d", i), Task: "t", State: Running, Attempts: 1}
		b.Start(ctx, Launch{Run: run, Task: b.command(Forked, "head -c 1 <gate; exit 3")})
		runs = append(runs, run)
	}
	for _, run := range runs {
		b.awaitBegun(run)
	}
	return runs, gate
}

// endsOf waits for the ends of n runs, and returns them by their runs.
func (b *bench) endsOf(n int) map[string]Result {
	b.t.Helper()
	ends := map[string]Result{}
	for range n {
		run, r := b.nextEnd()
		ends[run.ID] = r
	}
	return ends
}

// The runs of one shim are stopped, killed and adopted each by itself.
func TestRunsOfOneShim(t *testing.T) {
	b := newBench(t)
	ctx, forget := context.WithCancel(t.Context())
	runs, gate := b.several(ctx, 3)
	for _, run := range runs {
		if b.shimOf(run) != b.shimOf(runs[0]) {
			t.Errorf("%s has a shim of its own", run.ID)
		}
	}
	b.Stop(NewEnd(runs[0].ID, Cancelled, TextReason("enough")))
	if run, r := b.nextEnd(); run.ID != runs[0].ID || r.Outcome != Cancelled || r.Why != "enough" {
		t.Errorf("%s: %+v", run.ID, r)
	}
	b.awaitNoDir(runs[0])
	forget()
	next := b.successor()
	found, err := next.Find()
	if err != nil || len(found) != 2 {
		t.Fatalf("found %+v, %v", found, err)
	}
	for _, f := range found {
		next.Resume(t.Context(), f)
	}
	next.Stop(NewEnd(runs[1].ID, Replaced, TextReason("replaced")))
	if run, r := next.nextEnd(); run.ID != runs[1].ID || r.Outcome != Replaced || r.Why != "replaced" {
		t.Errorf("%s: %+v", run.ID, r)
	}
	fmt.Fprint(gate, "x")
	if run, r := next.nextEnd(); run.ID != runs[2].ID || r.Exit == nil || *r.Exit != 3 {
		t.Errorf("%s: %+v", run.ID, r)
	}
	for _, run := range runs[1:] {
		next.awaitNoDir(run)
	}
}

// A shim that is killed costs its own runs only, and its daemon starts another.
func TestKilledShimOfSeveral(t *testing.T) {
	b := newBench(t)
	const n = 60 // more than one shim executes
	runs, gate := b.several(t.Context(), n)
	victim, its, lost := b.shimOf(runs[0]), map[string]bool{}, 0
	for _, run := range runs {
		if its[run.ID] = b.shimOf(run) == victim; its[run.ID] {
			lost++
		}
	}
	if lost < 2 || lost == n {
		t.Errorf("it has %d of %d runs", lost, n)
	}
	b.signalShim(runs[0], syscall.SIGABRT) // as a fault in it
	for id, r := range b.endsOf(lost) {
		if !its[id] || r.Outcome != Lost || !strings.HasPrefix(r.Why, "its shim failed: SIGABRT: abort; stopped remaining processes: ") {
			t.Errorf("%s, of the killed one %v: %+v", id, its[id], r)
		}
	}
	more := Run{ID: "t/more", Task: "t", State: Running, Attempts: 1}
	b.Start(t.Context(), Launch{Run: more, Task: b.command(Forked, "true")})
	if run, r := b.nextEnd(); run.ID != more.ID || r.Outcome != OK {
		t.Errorf("%s: %+v", run.ID, r)
	}
	fmt.Fprint(gate, strings.Repeat("x", n-lost))
	for id, r := range b.endsOf(n - lost) {
		if r.Exit == nil || *r.Exit != 3 {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TERM has a shim check for the stop files of an older daemon; without one it comes from
// elsewhere and stops all runs.
func TestTermOfAShim(t *testing.T) {
	b := newBench(t)
	runs, _ := b.several(t.Context(), 2)
	stubborn := Run{ID: "t/stubborn", Task: "t", State: Running, Attempts: 1}
	task := b.command(Forked, "trap '' TERM; echo up >up; while :; do sleep 0.05; done")
	task.KillAfter = impatience
	b.Start(t.Context(), Launch{Run: stubborn, Task: task})
	awaitFile(t, filepath.Join(b.dir, "up"))
	write(t, b.file(runs[0], "stop"), `{"outcome":"cancelled","why":"enough"}`, 0o600)
	b.signalShim(runs[0], syscall.SIGTERM)
	if run, r := b.nextEnd(); run.ID != runs[0].ID || r.Outcome != Cancelled || r.Why != "enough" {
		t.Errorf("%s: %+v", run.ID, r)
	}
	b.signalShim(runs[1], syscall.SIGTERM)
	for id, r := range b.endsOf(2) {
		if r.Outcome != Lost || r.Why != "stopped by SIGTERM from outside" {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TestBegin: a run whose time has not come has all that it needs, and begins once it has. One
// that is stopped before then never begins, or is stopped at once.
func TestBegin(t *testing.T) {
	for _, mode := range []Mode{Threaded, Forked} {
		t.Run(string(mode), func(t *testing.T) {
			b := newBench(t)
			begin := make(chan struct{})
			run := Run{ID: "t/1", Task: "t", State: Running, Attempts: 1}
			b.Start(t.Context(), Launch{Run: run, Task: b.command(mode, "echo begun >>it"), Begin: begin})
			other := Run{ID: "t/2", Task: "t", State: Running, Attempts: 1}
			b.Start(t.Context(), Launch{Run: other, Task: b.command(mode, "true")})
			if ended, r := b.nextEnd(); ended.ID != other.ID || r.Outcome != OK {
				t.Errorf("%s ended %+v first, before the other began", ended.ID, r)
			}
			if _, err := os.Stat(filepath.Join(b.dir, "it")); err == nil {
				t.Error("it has begun before its time")
			}
			close(begin)
			if ended, r := b.nextEnd(); ended.ID != run.ID || r.Outcome != OK {
				t.Errorf("%s ended %+v", ended.ID, r)
			}
		})
	}
}
