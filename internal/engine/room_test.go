package engine

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/disktest"
	"rota/runner"
)

// A run that needs room on the disk to start waits while there is none, which the
// status says, and then starts once.
func TestRunWaitsForRoom(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nat = \"12:01\"\nlog = \"x\"\n", func(r *rig) {
		full := true
		r.inLoop(func(context.Context) error {
			r.view.NoRoom = func(string) bool { r.roomAwaited = full; return full }
			return nil
		})
		ada := r.ada()
		id := ada.run(api.Request{})
		r.pass(2 * time.Minute)
		r.want("t", "12:00:00 queued, 12:01:00-12:01:00×1 skipped")
		st, err := ada.Status(ada.ctx)
		must(t, err)
		if text := strings.Join(st.Trouble, "\n"); !strings.Contains(text, "wait for room") {
			t.Errorf("status: %s", text)
		}
		r.inLoop(func(context.Context) error { full = false; return nil })
		r.pass(time.Second)
		run, _, err := r.ledger.Get(t.Context(), id)
		must(t, err)
		if run.Outcome != runner.OK || run.Attempts != 1 {
			t.Errorf("%+v", run)
		}
	})
}

// Only what is forked waits for room, and only on a full disk.
func TestLacksRoom(t *testing.T) {
	disktest.OnSmallDisk(t, "1m", func(t *testing.T, disk string) {
		task := func(m runner.Mode) config.Task { return config.Task{Task: runner.Task{Policy: runner.Policy{Mode: m}}} }
		l := &loop{}
		l.stateDir, l.cfg = disk, &config.Config{Tasks: map[string]config.Task{"here": task(runner.Threaded), "away": task(runner.Forked)}}
		if l.lacksRoom("away") {
			t.Error("no room on an empty disk")
		}
		disktest.Fill(t, disk+"/big")
		if !l.lacksRoom("away") || l.lacksRoom("here") {
			t.Errorf("on a full disk: forked waits: %v, threaded waits: %v", l.lacksRoom("away"), l.lacksRoom("here"))
		}
		if err := os.Remove(disk + "/big"); err != nil {
			t.Error(err)
		}
	})
}
