package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pidIn is the process id that a file in the directory of the bench holds.
func (b *bench) pidIn(name string) int {
	b.t.Helper()
	awaitFile(b.t, filepath.Join(b.dir, name))
	text, _ := os.ReadFile(filepath.Join(b.dir, name))
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

// awaits waits until something is so.
func (b *bench) awaits(what string, so func() bool) {
	b.t.Helper()
	for until := time.Now().Add(2 * time.Minute); !so(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(until) {
			b.t.Fatalf("no %s in time", what)
		}
	}
}

// With leftovers = "stop" nothing outlives the command, whose end is that of the run.
func TestLeftoversAreStopped(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		for i, c := range []struct {
			signal, text, why string
			exit              int
		}{
			{"TERM", "sleep 61 & echo $! >pid", "stopped remaining processes: sleep (%d)", 0},
			{"TERM", "sleep 61 & echo $! >pid; exit 3", "exit 3; stopped remaining processes: sleep (%d)", 3},
			{"TERM", "setsid sleep 61 >/dev/null 2>&1 & echo $! >pid; while [ \"$(cat /proc/$!/comm)\" != sleep ]; do sleep 0.01; done", "stopped remaining processes: sleep (%d)", 0},
			{"none", `(until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; echo asked >asked) & echo $! >pid`, "", 0},
			{"TERM", "true", "", 0},
		} {
			for _, name := range []string{"pid", "asked"} {
				_ = os.Remove(filepath.Join(b.dir, name))
			}
			task := b.command(mode, c.text)
			task.Leftovers, task.StopSignal = LeftoversStop, c.signal
			b.launch(task, fmt.Sprint("k", i))
			r := b.end()
			why := c.why
			if c.text != "true" {
				pid := b.pidIn("pid")
				if alive(pid) {
					t.Errorf("%s: it lives", c.text)
				}
				if why != "" {
					why = fmt.Sprintf(why, pid)
				}
			}
			switch {
			case c.signal == "none":
				if text, _ := os.ReadFile(filepath.Join(b.dir, "asked")); string(text) != "asked\n" || !strings.HasPrefix(r.Why, "stopped remaining processes: ") {
					t.Errorf("%s: it was asked: %q; %+v", c.text, text, r)
				}
			case strings.ReplaceAll(r.Why, "sh (", "sleep (") != why: // perhaps it has not come to be sleep yet
				t.Errorf("%s: %q, want %q", c.text, r.Why, why)
			}
			if r.Exit == nil || *r.Exit != c.exit {
				t.Errorf("%s: %+v, want exit %d", c.text, r, c.exit)
			}
		}
	})
}

// The output of a leftover process is dropped, and the runner reports which one still
// writes.
func TestLeftoverThatWrites(t *testing.T) {
	b := newBench(t)
	run := b.launch(b.command(Threaded, "yes & echo $! >pid"), "k")
	if r := b.end(); r.Outcome != OK {
		t.Fatalf("%+v", r)
	}
	pid := b.pidIn("pid")
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	b.awaits("word of what it writes", func() bool {
		all := b.Leftovers()
		return len(all) == 1 && all[0].Run == run.ID && all[0].What == "output" && all[0].Bytes > 2<<20 && !all[0].Last.IsZero()
	})
	if !alive(pid) {
		t.Error("it died")
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	b.awaits("end of that", func() bool { return len(b.Leftovers()) == 0 })
}

// A result that a leftover has open is without a name, and kept small.
func TestLeftoverThatWritesToTheResult(t *testing.T) {
	for _, row := range []struct {
		mode Mode
		user string
	}{{Threaded, ""}, {Forked, ""}, {Threaded, "nobody"}, {Forked, "nobody"}} {
		mode, user := row.mode, row.user
		if user != "" && os.Getuid() != 0 {
			t.Skip("only root can switch users")
		}
		b := newBench(t)
		// What it writes first is within the limit, then it writes more on demand.
		task := b.command(mode, `exec 8>"$ROTA_RESULT_FILE"; (while read x; do head -c "$x" /dev/zero; done) <fifo 9>&- >&8 & echo $! >pid`)
		task.User, task.ResultMax = user, 128<<10
		if err := syscall.Mkfifo(filepath.Join(b.dir, "fifo"), 0o666); err != nil {
			t.Fatal(err)
		}
		fifo, err := os.OpenFile(filepath.Join(b.dir, "fifo"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{os.Chmod(b.dir, 0o777), os.Chmod(filepath.Dir(b.dir), 0o755), os.Chmod(filepath.Join(b.dir, "fifo"), 0o666)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		task.Dir = b.dir
		run := b.launch(task, "k")
		if r := b.end(); r.Outcome != OK {
			t.Fatalf("%s, as %q: %+v", mode, user, r)
		}
		pid := b.pidIn("pid")
		result := func() int64 {
			info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/1", pid))
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		ask := func(n int) {
			if _, err := fmt.Fprintln(fifo, n); err != nil {
				t.Fatal(err)
			}
		}
		ask(1000)
		b.awaits("result within the bound", func() bool { return result() == 1000 })
		ask(1 << 20)
		b.awaits("word of what it writes", func() bool {
			return slices.ContainsFunc(b.Leftovers(), func(l Leftover) bool { return l.Run == run.ID && l.What == "result" && l.Bytes > 128<<10 })
		})
		b.awaits("result that is cut", func() bool {
			var st syscall.Stat_t
			return syscall.Stat(fmt.Sprintf("/proc/%d/fd/1", pid), &st) == nil && st.Blocks*512 <= 128<<10
		})
		fifo.Close()
		_ = syscall.Kill(pid, syscall.SIGKILL)
		b.awaits("end of that", func() bool { return len(b.Leftovers()) == 0 })
	}
}
