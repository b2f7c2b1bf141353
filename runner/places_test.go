package runner

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
)

// TestPlaces: of the commands that begin now, and of those that begin at an instant to come,
// some are prepared at a time. Runs that may wait for others are not counted.
func TestPlaces(t *testing.T) {
	begin := make(chan struct{})
	now := Launch{Task: &Task{Action: &Command{}}}
	later, asUser, log := now, now, now
	later.Begin = begin
	asUser.Task = &Task{Action: &Command{}, Process: Process{User: "ada"}}
	log.Task = &Task{Action: &Log{}}
	for _, c := range []struct {
		of       string
		launch   Launch
		prepared int // of 100
	}{
		{"now", now, maxPrepared},
		{"later", later, maxPrepared},
		{"as another user", asUser, 100},
		{"no command", log, 100},
	} {
		t.Run(c.of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlaces()
				if c.launch.Begin != nil {
					c.launch.Begin = make(chan struct{})
				}
				ctx, cancel := context.WithCancel(t.Context())
				freed := make(chan func(), 100)
				for range 100 {
					go func() { freed <- p.await(ctx, c.launch) }()
				}
				synctest.Wait()
				if len(freed) != c.prepared {
					t.Errorf("%d are prepared, want %d", len(freed), c.prepared)
				}
				if c.prepared == maxPrepared && c.launch.Begin == nil {
					free := <-freed
					free()
					free() // has no effect
					if synctest.Wait(); len(freed) != maxPrepared {
						t.Errorf("%d wait prepared after one has started, want %d", len(freed), maxPrepared)
					}
				}
				cancel() // all are stopped: none waits any longer
				synctest.Wait()
			})
		})
	}
}

// TestManyBegin: more commands than are prepared at a time start at their instant, and those
// that are stopped before do not.
func TestManyBegin(t *testing.T) {
	b := newBench(t)
	begin := make(chan struct{})
	task := b.command(Threaded, "true")
	const many = 2*maxPrepared + 10
	for i := range many {
		run := Run{ID: fmt.Sprintf("t/%d", i), Task: "t", State: Running, Attempts: 1}
		b.Start(t.Context(), Launch{Run: run, Task: task, Begin: begin})
	}
	stopped := map[string]bool{}
	for i := 0; i < many; i += 10 {
		id := fmt.Sprintf("t/%d", i)
		stopped[id] = true
		b.Stop(NewEnd(id, Cancelled, TextReason("enough")))
	}
	for range len(stopped) {
		if run, r := b.nextEnd(); !stopped[run.ID] || r.Outcome != Cancelled {
			t.Errorf("%s ended %s before it was to begin", run.ID, r.Outcome)
		}
	}
	close(begin)
	for range many - len(stopped) {
		if run, r := b.nextEnd(); r.Outcome != OK {
			t.Errorf("%s ended %s %s", run.ID, r.Outcome, r.Why)
		}
	}
}
