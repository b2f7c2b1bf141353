package engine

import (
	"io"
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

// Every run has the user whose rights it was made with, whatever caused it.
func TestRunsSayWhoseRightsTheyHave(t *testing.T) {
	jobs := "autostart = [\"open\"]\n[queues.shut]\n[queues.open]\n[tasks.t]\nqueue = \"shut\"\ncommand = \"true\"\nuser = \"nobody\"\ntriggers = [{ interval = \"1h\" }, { at_start = true }]\noverlap = \"allow\"\n" +
		"[tasks.a]\nlog = \"x\"\non_success = [\"run:t\"]\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs, func(r *rig) {
		ada := r.ada()
		ada.run(api.Request{Key: "now"})
		ada.run(api.Request{Key: "later", In: 3 * time.Hour})
		ada.run(api.Request{Key: "often", On: "interval 30m"})
		ada.run(api.Request{Key: "held", Held: true})
		ada.run(api.Request{Task: "a"})
		r.pass(time.Hour)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "t"})
		if err != nil || len(runs) < 8 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		for _, run := range runs {
			if run.User != "nobody" && !run.IsSummary() {
				t.Errorf("%s was made with the rights of %q", run.ID, run.User)
			}
		}
		if runs, _ := r.ledger.List(t.Context(), ledger.Filter{Task: "a"}); len(runs) != 1 || runs[0].User != "" {
			t.Errorf("a: %+v", runs)
		}
	})
}

// Requests from before a task got another user are cancelled, also if that happened while
// rota was down; slots continue with the new user's rights.
func TestRequestsEndWithTheirUser(t *testing.T) {
	const jobs = "autostart = [\"open\"]\n[queues.shut]\n[queues.open]\n[tasks.t]\nqueue = \"shut\"\ncommand = \"true\"\ninterval = \"1h\"\noverlap = \"queue\"\n"
	for name, change := range map[string]func(r *rig, next *config.Config){
		"by a reload": func(r *rig, next *config.Config) {
			done := make(chan error)
			r.post(func() { done <- r.swap(r.t.Context(), next, config.Diff(r.cfg, next), "") })
			if err := <-done; err != nil {
				r.t.Error(err)
			}
		},
		"while rota is down": func(r *rig, next *config.Config) {
			synctest.Wait()
			r.stop()
			r.live(r.stateDir, next)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "2026-11-21T12:00:00-05:00", jobs+"user = \"daemon\"\n", func(r *rig) {
				ada := r.ada()
				ada.run(api.Request{Key: "often", On: "interval 30m"})
				r.pass(time.Hour) // a slot of each waits
				ada.run(api.Request{Key: "now"})
				ada.run(api.Request{Key: "later", In: 3 * time.Hour})
				ada.run(api.Request{Key: "held", Held: true})
				change(r, r.parse(jobs+"user = \"nobody\"\n"))
				synctest.Wait()
				ended := 0
				runs, err := r.ledger.List(t.Context(), ledger.Filter{})
				if err != nil {
					t.Fatal(err)
				}
				for _, run := range runs {
					switch {
					case run.Cause == runner.CauseSchedule && run.Parent == "":
						if run.State != runner.Queued {
							t.Errorf("the slot %s: %s%s, %s", run.ID, run.State, run.Outcome, run.Why)
						}
					case run.IsSummary():
					case run.Outcome != runner.Cancelled || !strings.Contains(run.Why, "daemon") || !strings.Contains(run.Why, "nobody"):
						t.Errorf("%s: %s%s, %q", run.ID, run.State, run.Outcome, run.Why)
					default:
						ended++
					}
				}
				if ended != 5 {
					t.Errorf("%d requests ended: %+v", ended, runs)
				}
				if left := len(r.view.Parked("")); left != 0 {
					t.Errorf("%d requests wait on", left)
				}
				// Requests for the new user stay.
				r.ada().run(api.Request{Key: "later2", In: 3 * time.Hour})
				r.restart(time.Minute)
				if run, _, err := r.ledger.Get(t.Context(), "t/later2"); err != nil || run.State != runner.Delayed {
					t.Errorf("after a restart: %+v, %v", run, err)
				}
			})
		})
	}
}

// A slot that waited over a reload starts with the rights of the new user, and says so.
func TestSlotsStartWithTheRightsOfTheNewUser(t *testing.T) {
	for name, test := range map[string]struct {
		run  runner.Run
		want string
	}{
		"slot":                   {runner.Run{Task: "t", User: "daemon", Cause: runner.CauseSchedule}, "nobody"},
		"hook":                   {runner.Run{Task: "t", User: "daemon", Cause: runner.CauseChain, Parent: "a/x"}, "nobody"},
		"request":                {runner.Run{Task: "t", User: "daemon", Cause: runner.CauseManual}, "daemon"},
		"of a recurring request": {runner.Run{Task: "t", User: "daemon", Cause: runner.CauseSchedule, Parent: "t/k"}, "daemon"},
	} {
		cfg := &config.Config{Tasks: config.Tasks{}.With(config.Task{Task: runner.Task{Name: "t", Process: runner.Process{User: "nobody"}}})}
		book, err := ledger.Open(t.Context(), t.TempDir(), ledger.Options{Users: func(r runner.Run) string { return UserOf(cfg, r) }})
		if err != nil {
			t.Fatal(err)
		}
		test.run.ID, test.run.State = "t/x", runner.Queued
		leases, err := short(book).Advance(t.Context(), ledger.Cursor{}, ledger.Cursor{Epoch: 1}, runner.Batch{Runs: []runner.Run{test.run}})
		if err == nil {
			leases, err = short(book).Claim(t.Context(), []string{"t/x"})
		}
		if err != nil || len(leases) != 1 || leases[0].Run.User != test.want {
			t.Errorf("%s: %+v, %v", name, leases, err)
		}
		if run, _, err := book.Get(t.Context(), "t/x"); err != nil || run.User != test.want {
			t.Errorf("%s: recorded as of %q, %v", name, run.User, err)
		}
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	}
}

// No time that a client gives leads outside the range that can be shown.
func TestTimesAreBounded(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		ada := r.ada()
		far := time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -5*3600)) // in UTC the year 10000
		early := time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)
		ada.run(api.Request{Key: "often", On: "interval 1h"})
		for what, ask := range map[string]func() error{
			"a run at a time": func() error { _, err := ada.Request(ada.ctx, api.Request{Task: "t", At: far}, nil); return err },
			"a run long ago":  func() error { _, err := ada.Request(ada.ctx, api.Request{Task: "t", At: early}, nil); return err },
			"a run in a while": func() error {
				_, err := ada.Request(ada.ctx, api.Request{Task: "t", In: 1<<63 - 1}, nil)
				return err
			},
			"a run a while ago": func() error { _, err := ada.Request(ada.ctx, api.Request{Task: "t", In: -1}, nil); return err },
			"a run on a trigger": func() error {
				_, err := ada.Request(ada.ctx, api.Request{Task: "t", On: "once 9999-12-31T23:59:59"}, nil)
				return err
			},
			"a hold": func() error {
				_, err := ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: 1<<63 - 1})
				return err
			},
			"a hold that is over": func() error { _, err := ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: -1}); return err },
			"a reschedule": func() error {
				_, err := ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t", Expr: "never", Until: far})
				return err
			},
			"a trigger": func() error {
				_, err := ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t", Expr: "once 9999-12-31T23:59:59"})
				return err
			},
			"a recurring request": func() error {
				_, err := ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t/often", Expr: "never", Until: far})
				return err
			},
			"another trigger of one": func() error {
				_, err := ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t/often", Expr: "once 9999-12-31T23:59:59"})
				return err
			},
			"a drain":              func() error { _, err := ada.Drain(ada.ctx, 1<<63-1); return err },
			"a drain that is over": func() error { _, err := ada.Drain(ada.ctx, -1); return err },
			"an age": func() error {
				_, err := ada.Forget(ada.ctx, api.Forgetting{Task: "t", Older: 1<<63 - 1})
				return err
			},
			"an age of what is to come": func() error { _, err := ada.Forget(ada.ctx, api.Forgetting{Task: "t", Older: -1}); return err },
		} {
			if err := ask(); api.CodeOf(err) != api.Usage {
				t.Errorf("%s: %v", what, err)
			}
		}
		r.want("t", "12:00:00 recurring")
		latest := time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC)
		if id := ada.run(api.Request{Key: "last", At: latest}); id != "t/last" {
			t.Error(id)
		}
	})
}

// Of a run that is forgotten nothing is read under its id, which is another run's now:
// also what a daemon left that was killed while it forgot.
func TestForgottenRunsStayForgotten(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "autostart = [\"open\"]\n[queues.shut]\n[queues.open]\n[tasks.t]\nlog = \"new\"\n[tasks.u]\nqueue = \"shut\"\nlog = \"new\"\n", func(r *rig) {
		ada := r.ada()
		const old = "what the old one said"
		leave := func(task string) {
			t.Helper()
			dir := filepath.Join(r.stateDir, "logs", task)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"k.0.log", "k.1.log", "k.1.log.1", "k.1.log.2", "k.2.log", "k.result", "k.input"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		read := func(what string, open func() (io.ReadCloser, error)) {
			t.Helper()
			f, err := open()
			if err != nil {
				return // no file
			}
			defer f.Close()
			if text, err := io.ReadAll(f); err != nil || strings.Contains(string(text), old) {
				t.Errorf("%s: %q, %v", what, text, err)
			}
		}
		look := func(when, id string) {
			t.Helper()
			read(when+": the log", func() (io.ReadCloser, error) { return ada.Log(ada.ctx, api.LogQuery{Run: id}) })
			read(when+": the result", func() (io.ReadCloser, error) { return ada.Result(ada.ctx, id) })
		}
		forget := func(id string) {
			t.Helper()
			ada.must(ada.Forget(ada.ctx, api.Forgetting{IDs: []string{id}}))
		}
		ada.run(api.Request{Key: "k"})
		forget("t/k")
		leave("t")
		ada.run(api.Request{Key: "k"})
		look("run again", "t/k")
		forget("t/k")
		ada.run(api.Request{Key: "k", Held: true})
		leave("t")
		ada.must(ada.Release(ada.ctx, "t/k"))
		look("started", "t/k")
		ada.run(api.Request{Task: "u", Key: "k"})
		leave("u")
		look("waiting", "u/k")
		ada.must(ada.Cancel(ada.ctx, "u/k"))
		look("cancelled", "u/k")
		if run, err := ada.Run(ada.ctx, "u/k"); err != nil || run.Input != "" {
			t.Errorf("the input: %q, %v", run.Input, err)
		}
	})
}

// Retention looks at events as they come, not only once runs have ended.
func TestManyEventsAreLookedAt(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		r.pass(2 * time.Minute)
		ada := r.ada()
		const many = 1100
		for range many {
			if _, err := ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}}); err != nil {
				t.Fatal(err)
			}
		}
		r.pass(2 * time.Minute)
		events, err := r.ledger.Events(t.Context(), ledger.EventFilter{Kinds: []string{"hold"}})
		if err != nil || len(events) >= many || len(events) == 0 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}
