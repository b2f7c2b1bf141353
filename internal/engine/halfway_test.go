package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// faulty is a ledger that for some time cannot record when triggers were first seen.
type faulty struct {
	ledger.Ledger
	fail *int // how many times more
}

func (f faulty) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	if *f.fail > 0 && len(c.States) > 0 && len(c.States[0].Events) == 0 {
		*f.fail--
		return ledger.Committed{}, errors.New("the disk does not answer")
	}
	return f.Ledger.Commit(ctx, c)
}

// If the second half of a change fails, the recorded half is completed at the next turn
// of the engine.
func TestHalfAChange(t *testing.T) {
	for _, c := range []struct {
		name, jobs string
		do         func(r *rig, ada client)
		want       string
	}{
		{"a new epoch", `cron = "*/30 * * * *"`, func(r *rig, ada client) {
			r.pass(time.Hour)
			r.step(-75 * time.Minute) // to before the trigger was first seen, which is recorded
			r.pass(time.Hour)
		}, "12:30:00, 13:00:00, 12:00:00~2, 12:30:00~2"},
		{"a reload", `cron = "0 * * * *"`, func(r *rig, ada client) {
			cfg := r.parse("[tasks.t]\nlog = \"x\"\ncron = \"30 * * * *\"\n")
			if err := r.do(r.t.Context(), func() error { return r.swap(r.t.Context(), cfg, config.Diff(r.cfg, cfg), "") }); err == nil {
				r.t.Error("the ledger did not fail")
			}
			r.pass(time.Hour)
		}, "13:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n"+c.jobs+"\n", func(r *rig) {
				fail := 0
				r.wrap = func(l ledger.Ledger) ledger.Ledger { return faulty{l, &fail} }
				r.restart(0)
				r.post(func() { fail = 2 })
				synctest.Wait()
				c.do(r, r.ada())
				if fail == 2 {
					t.Error("the ledger did not fail")
				}
				r.want("t", c.want)
			})
		})
	}
}

// If a client goes away before its request is done, the request is done either completely
// or not at all.
func TestAskAndGoAway(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		ctx, leave := context.WithCancel(r.t.Context())
		free, begun, called := make(chan struct{}), make(chan struct{}), false
		r.post(func() { close(begun); <-free })
		<-begun
		asked := make(chan error)
		go func() { asked <- r.doWithoutCancel(ctx, func(context.Context) error { called = true; return nil }) }()
		synctest.Wait()
		leave()
		if err := <-asked; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(free)
		synctest.Wait()
		if called {
			t.Error("it was done although nobody waited for it any more")
		}

		ctx, leave = context.WithCancel(r.t.Context())
		err := r.doWithoutCancel(ctx, func(ctx context.Context) error {
			leave()
			called = true
			return ctx.Err()
		})
		if err != nil || !called {
			t.Errorf("what was begun is done to its end: %v", err)
		}
	})
}

// A hold, drain or reschedule with an end also ends after the clock was set back.
func TestDrainEndsInANewEpoch(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\ncron = \"*/30 * * * *\"\n", func(r *rig) {
		if _, err := r.ada().Drain(r.ada().ctx, 20*time.Minute); err != nil {
			t.Fatal(err)
		}
		r.step(-10 * time.Minute) // 11:50
		r.pass(time.Hour)
		r.want("t", "12:00:00~2, 12:30:00~2")
	})
}

// A hold that ends by itself does so in a task that was away for a while, too.
func TestHoldOfATaskThatWasAway(t *testing.T) {
	const other = "[tasks.o]\nlog = \"x\"\n"
	const both = other + "[tasks.t]\nlog = \"x\"\ncron = \"0 * * * *\"\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", both, func(r *rig) {
		swap := func(jobs string) {
			cfg := r.parse(jobs)
			if err := r.do(r.t.Context(), func() error { return r.swap(r.t.Context(), cfg, config.Diff(r.cfg, cfg), "") }); err != nil {
				t.Fatal(err)
			}
		}
		r.ada().must(r.ada().Hold(r.ada().ctx, api.Holding{Tasks: []string{"t"}, For: 90 * time.Minute}))
		swap(other)
		r.restart(0)
		swap(both)
		r.pass(3 * time.Hour)
		r.want("t", "13:00:00-13:00:00×1 skipped, 14:00:00, 15:00:00")
	})
}

// A refused request changes nothing, and one that was cancelled before the engine
// registered it is not registered.
func TestRecurringRequestsUnderOneKey(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		ada := r.ada()
		ask := func(q api.Request, input string) (string, error) {
			q.Task, q.Key, q.On = "t", "k", "30 * * * *"
			run, err := ada.Request(ada.ctx, q, strings.NewReader(strings.Repeat(input, shortInput+1)))
			synctest.Wait()
			known, _, _ := r.ledger.Get(t.Context(), run.ID)
			return known.InputFile, err
		}
		holds := func(path, want string) {
			t.Helper()
			if text, err := os.ReadFile(path); err != nil || string(text[:1]) != want {
				t.Errorf("%.1q, %v; want %q", text, err, want)
			}
		}
		path, err := ask(api.Request{}, "a")
		must(t, err)
		_, err = ask(api.Request{Held: true}, "b")
		ada.refused(api.Conflict)(nil, err)
		holds(path, "a")

		// The same once more, after retention has removed what it read.
		ada.must(ada.Cancel(ada.ctx, "t/k"))
		must(t, os.Remove(path))
		path, err = ask(api.Request{}, "a")
		must(t, err)
		holds(path, "a")

	})
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		r.wrap = func(l ledger.Ledger) ledger.Ledger { return staleLedger{l} }
		r.restart(0)
		for _, held := range []bool{false, true} {
			_, err := r.ada().Request(r.ada().ctx, api.Request{Task: "t", On: "30 * * * *", Held: held}, nil)
			must(t, err)
		}
		r.pass(time.Hour)
		r.want("t", "12:00:00 cancelled, 12:00:00 cancelled")
		r.post(func() {
			if n := len(r.view.Parked("", runner.Recurring, runner.Held)); n > 0 {
				t.Errorf("%d still stand", n)
			}
		})
	})
}

// staleLedger is a ledger in which somebody cancels at once what is asked for, or is to be
// attempted again.
type staleLedger struct{ ledger.Ledger }

func (h staleLedger) Commit(ctx context.Context, c ledger.Change) (ledger.Committed, error) {
	done, err := h.Ledger.Commit(ctx, c)
	var cancel ledger.Change
	for _, run := range c.Requests {
		cancel.Moves = append(cancel.Moves, ledger.Cancel(run.ID, runner.TextReason("at once")))
	}
	for _, n := range c.Notes {
		cancel.Moves = append(cancel.Moves, ledger.Cancel(n.Lease.Run.ID, runner.TextReason("at once")))
	}
	_, err2 := h.Ledger.Commit(ctx, cancel)
	return done, errors.Join(err, err2)
}

// Requests have limits.
func TestMoreThanCanBeAskedFor(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\ncron = \"* * * * *\"\n", func(r *rig) {
		ada := r.ada()
		long := strings.Repeat("x", maxTextLength+1)
		refused := func(_ any, err error) {
			t.Helper()
			ada.refused(api.Usage)(nil, err)
		}
		refused(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: -time.Second}))
		refused(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, Why: long}))
		refused(ada.Drain(ada.ctx, -time.Second))
		refused(ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t", Expr: strings.Repeat("1,", maxTextLength) + "1 * * * *"}))
		refused(ada.Request(ada.ctx, api.Request{Task: "t", On: strings.Repeat("1,", maxTextLength) + "1 * * * *"}, nil))
		for range maxSkips {
			if _, err := ada.Skip(ada.ctx, "t"); err != nil {
				t.Fatal(err)
			}
		}
		_, err := ada.Skip(ada.ctx, "t")
		ada.refused(api.Conflict)(nil, err)
	})
}

// An interval that counts from the end of a run continues, however that run ends.
func TestFinishAnchorGoesOn(t *testing.T) {
	const jobs = "[queues.q]\n[tasks.other]\nlog = \"x\"\nqueue = \"q\"\n[tasks.t]\nlog = \"x\"\ninterval = \"10s\"\nanchor = \"finish\"\nqueue = \"q\"\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs+"max_wait = \"5s\"\n", func(r *rig) {
		gate := make(chan struct{})
		r.blocked(gate, "other")
		r.ada().run(api.Request{Task: "other"})
		r.pass(20 * time.Second)
		close(gate)
		r.pass(20 * time.Second)
		r.want("t", "12:00:10 skipped, 12:00:25, 12:00:35")
	})
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs+"retry = { max = 1, delay = \"1m\" }\n", func(r *rig) {
		r.wrap = func(l ledger.Ledger) ledger.Ledger { return staleLedger{l} }
		r.restart(0)
		r.post(func() {
			task := r.cfg.Tasks.Get("t")
			task.Action = &flakyAction{}
			r.cfg.Tasks = r.cfg.Tasks.With(task)
		})
		r.pass(30 * time.Second)
		r.want("t", "12:00:10 cancelled, 12:00:20, 12:00:30")
		r.post(func() {
			if left := r.view.Parked("", runner.Delayed); len(left) > 0 {
				t.Errorf("a run that was cancelled waits: %v", left)
			}
		})
	})
}

// flakyAction is an action that fails the first time.
type flakyAction struct{ failed bool }

func (u *flakyAction) Run(context.Context, runner.Input, io.Writer) error {
	if u.failed {
		return nil
	}
	u.failed = true
	return errors.New("not yet")
}

// Unfinished inputs of a killed daemon are removed.
func TestHalfAnInput(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		long := strings.Repeat("x", shortInput+1)
		in, err := r.readInput(runner.Run{ID: "t/k", Task: "t"}, strings.NewReader(long), 1<<20)
		must(t, err)
		r.restart(0)
		_ = filepath.WalkDir(r.stateDir, func(path string, d fs.DirEntry, err error) error {
			if d.Type().IsRegular() && strings.Contains(path, ".input") {
				t.Errorf("left: %s", path)
			}
			return err
		})
		in.discard()
	})
}
