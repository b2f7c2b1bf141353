package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/disktest"
	"rota/runner"
)

// A run that needs room on the disk to start waits while there is not enough, which the
// status shows, and then starts once.
func TestRunWaitsForRoom(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nat = \"12:01\"\nlog = \"x\"\n", func(r *rig) {
		left := room{bytesToStart - 1, 100}
		var log strings.Builder // of the engine, and read in it
		r.inLoop(func(context.Context) error {
			forked := *r.cfg // forked runs cannot be started here
			forked.Tasks = config.Tasks{"t": forked.Tasks["t"]}
			task := forked.Tasks.Get("t")
			task.Mode = runner.Forked
			forked.Tasks = forked.Tasks.With(task)
			r.inForce.Store(&forked)
			r.view.NoRoom = func(string) bool {
				here := r.cfg
				defer func() { r.cfg = here }()
				r.cfg = &forked
				return r.lacksRoom("t")
			}
			r.freeRoom, r.Engine.log = func() room { return left }, slog.New(slog.NewTextHandler(&log, nil))
			return nil
		})
		ada := r.ada()
		id := ada.run(api.Request{})
		r.pass(2 * time.Minute)
		r.want("t", "12:00:00 queued, 12:01:00-12:01:00×1 skipped")
		st, err := ada.Status(ada.ctx)
		must(t, err)
		if text := strings.Join(st.Trouble, "\n"); !strings.Contains(text, "forked runs wait for room on the disk: ") || !strings.Contains(text, "has 63 KiB left, and a start needs 64 KiB") {
			t.Errorf("status: %s", text)
		}
		why, err := ada.Why(ada.ctx, id, time.Time{})
		must(t, err)
		if why.Reason != "no_room" || !strings.Contains(strings.Join(why.Text, " "), "waits for room on the disk") {
			t.Errorf("why: %+v", why)
		}
		r.inLoop(func(context.Context) error { left.bytes++; return nil })
		r.pass(time.Second)
		run, _, err := r.ledger.Get(t.Context(), id)
		must(t, err)
		if run.Outcome != runner.OK || run.Attempts != 1 {
			t.Errorf("%+v", run)
		}
		r.inLoop(func(context.Context) error {
			for _, want := range []string{"level=WARN msg=\"forked runs wait for room", "level=INFO msg=\"forked runs no longer wait for room"} {
				if strings.Count(log.String(), want) != 1 {
					t.Errorf("the log, without one %q: %s", want, log.String())
				}
			}
			return nil
		})
	})
}

// Only what is forked waits for room, as much as there is for it, and only on a full disk.
func TestLacksRoom(t *testing.T) {
	disktest.OnSmallDisk(t, "1m,nr_inodes=40", func(t *testing.T, disk string) {
		task := func(name string, m runner.Mode) config.Task {
			return config.Task{Task: runner.Task{Name: name, Policy: runner.Policy{Mode: m}}}
		}
		l := New(Options{StateDir: disk, Config: &config.Config{Tasks: config.Tasks{}.With(task("here", runner.Threaded), task("away", runner.Forked))}})
		starts := func(when, want string) {
			t.Helper()
			l.resetRoom()
			n := 0
			for n < 100 && !l.lacksRoom("away") {
				n++
			}
			if got := fmt.Sprint(n, l.waitingForRoom, l.lacksRoom("here"), l.lacksInodes()); got != want {
				t.Errorf("%s: forked runs that start, wait, threaded ones wait, outputs are not kept: %s; want %s", when, got, want)
			}
		}
		starts("on an empty disk", "4 true false false") // 39 inodes
		write := func(name, text string) { must(t, os.WriteFile(disk+"/"+name, []byte(text), 0o600)) }
		write("some", strings.Repeat("x", 1<<20-3*bytesToStart))
		starts("with room for three", "3 true false false")
		disktest.Fill(t, disk+"/big")
		starts("on a full disk", "0 true false false")
		for _, name := range []string{"some", "big"} {
			if err := os.Remove(disk + "/" + name); err != nil {
				t.Error(err)
			}
		}
		for i := range 39 - inodesToStart + 1 {
			write(strings.Repeat("x", i+1), "")
		}
		starts("with too few inodes", "0 true false true")
		if text := l.room.waitText(disk); !strings.Contains(text, "7 inodes left, and a start needs 8;") {
			t.Error(text)
		}
	})
}
