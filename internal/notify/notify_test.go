package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/runner"
)

func TestMain(m *testing.M) {
	os.Exit(m.Run())
}

// rig is a Notifier, its targets and its log.
type rig struct {
	failed []string // targets, at each try
	*Notifier
	t       *testing.T
	mu      sync.Mutex
	targets map[string]Target
	log     bytes.Buffer // guarded by mu
	stop    func() time.Duration
}

// Write makes the rig where the log goes.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// set replaces the targets, as a reload does.
func (r *rig) set(targets ...Target) {
	all := map[string]Target{}
	for _, t := range targets {
		all[t.Name] = t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = all
}

// failures is how often it was reported that a target could not be reached.
func (r *rig) failures(target string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.failed {
		if name == target {
			n++
		}
	}
	return n
}

// newRig starts a Notifier; stop ends it and returns how long that took.
func newRig(t *testing.T, targets ...Target) *rig { return newRigWith(t, 0, targets...) }

// newRigWith makes one that parts within a time; 0: within its own.
func newRigWith(t *testing.T, parting time.Duration, targets ...Target) *rig {
	r := &rig{t: t}
	r.set(targets...)
	r.Notifier = New(Options{
		DrainTime: parting,
		Targets: func() map[string]Target {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.targets
		},
		Failed: func(target string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failed = append(r.failed, target)
		},
		StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(r, nil)),
	})
	r.host = "box"
	r.Ping.host = "box"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	r.stop = sync.OnceValue(func() time.Duration {
		start := time.Now()
		cancel()
		<-done
		return time.Since(start)
	})
	t.Cleanup(func() { r.stop() })
	return r
}

// ear is an action that records its calls.
type ear struct {
	mu    sync.Mutex
	start time.Time
	heard []string                    // "at 1m0s: failure backup/k1 +2"
	err   error                       // its result
	hang  func(context.Context) error // instead
}

func newEar() *ear { return &ear{start: time.Now()} }

func (e *ear) Run(ctx context.Context, in runner.Input, _ io.Writer) error {
	e.mu.Lock()
	text := fmt.Sprintf("%s: %s %s", time.Since(e.start).Round(time.Second), in.Hook.Event, in.Run)
	if in.Hook.More > 0 {
		text += fmt.Sprintf(" +%d", in.Hook.More)
	}
	e.heard = append(e.heard, text)
	err, hang := e.err, e.hang
	e.mu.Unlock()
	if hang != nil {
		return hang(ctx)
	}
	return err
}

func (e *ear) answer(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

// expect compares the calls since the last expect.
func (e *ear) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := strings.Join(e.heard, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("calls\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	e.heard = nil
}

func (r *rig) fail(target, run string) {
	r.Send(target, Event{Kind: Failure, Run: runner.Run{ID: run, Task: "backup", Outcome: runner.Failed}})
}

func TestEachEventIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		r.fail("ops", "a/1")
		r.fail("ops", "a/2")
		r.fail("ops", "a/3")
		e.expect(t, "0s: failure a/1", "0s: failure a/2", "0s: failure a/3")
		r.fail("nobody", "a/4")
		if !strings.Contains(r.logged(), "no such notification target") {
			t.Errorf("log %s", r.logged())
		}
		if u := r.Undelivered(); len(u) > 0 {
			t.Errorf("%+v", u)
		}
	})
}

func TestBeforeTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		n := New(Options{Targets: func() map[string]Target { return map[string]Target{"ops": {Name: "ops", Action: e}} }, Log: slog.New(slog.DiscardHandler)})
		n.Send("ops", Event{Kind: BadConfig})
		e.expect(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = n.Run(ctx) }()
		e.expect(t, "0s: bad_config ")
		cancel()
		<-done
	})
}

func TestAtMostEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, other := newEar(), newEar()
		r := newRig(t, Target{Name: "ops", Action: e, AtMostEvery: time.Hour}, Target{Name: "other", Action: other})
		defer r.stop()
		r.fail("ops", "a/1")
		e.expect(t, "0s: failure a/1")
		time.Sleep(10 * time.Minute)
		r.fail("ops", "a/2")
		r.fail("ops", "a/3")
		r.fail("other", "a/3")
		other.expect(t, "10m0s: failure a/3") // which has no pause
		time.Sleep(10 * time.Minute)
		r.fail("ops", "a/4")
		e.expect(t)
		time.Sleep(40 * time.Minute)
		e.expect(t, "1h0m0s: failure a/2 +2")
		time.Sleep(3 * time.Hour)
		e.expect(t)
		r.fail("ops", "a/5") // after a pause in which nothing happened
		e.expect(t, "4h0m0s: failure a/5")
		r.fail("ops", "a/6")
		r.set(Target{Name: "ops", Action: e}) // it applies to new notifications; waiting ones still wait
		time.Sleep(time.Hour)
		e.expect(t, "5h0m0s: failure a/6")
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		e.answer(errors.New("down\x1b[2J\nfor now"))
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		start := time.Now()
		r.fail("ops", "a/1")
		r.fail("ops", "a/2")
		synctest.Wait()
		want := Undelivered{Target: "ops", Error: `down\x1b[2J for now`, Since: start, Waiting: 2}
		if u := r.Undelivered(); len(u) != 1 || u[0] != want {
			t.Errorf("%+v, want %+v", u, want)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		e.mu.Lock()
		if n := len(e.heard); n < 6 || n > 12 || e.heard[1] == e.heard[0] {
			t.Errorf("%d tries: %q", n, e.heard)
		}
		if n := r.failures("ops"); n != len(e.heard) {
			t.Errorf("reported %d failures of %d tries", n, len(e.heard))
		}
		e.heard = nil
		e.mu.Unlock()
		e.answer(nil)
		time.Sleep(13 * time.Minute)
		synctest.Wait()
		e.mu.Lock()
		if len(e.heard) != 1 || !strings.HasSuffix(e.heard[0], "failure a/1 +1") {
			t.Errorf("calls %q", e.heard)
		}
		e.heard = nil
		e.mu.Unlock()
		if u := r.Undelivered(); len(u) > 0 {
			t.Errorf("%+v", u)
		}
		if n := strings.Count(r.logged(), "cannot notify"); n != 1 || !strings.Contains(r.logged(), "delivered again") {
			t.Errorf("log:\n%s", r.logged())
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		e.answer(errors.New("down"))
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		for i := range queueMax + 20 {
			r.fail("ops", fmt.Sprint("a/", i))
		}
		synctest.Wait()
		if u := r.Undelivered(); len(u) != 1 || u[0].Waiting != queueMax+20 {
			t.Errorf("%+v", u)
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if u := r.Undelivered(); len(u) != 1 || u[0].Waiting != 0 || u[0].Dropped != queueMax+20 {
			t.Errorf("%+v", u)
		}
		if !strings.Contains(r.logged(), "gave up") {
			t.Errorf("log:\n%s", r.logged())
		}
		e.mu.Lock()
		e.heard = nil
		e.mu.Unlock()
		time.Sleep(24 * time.Hour)
		e.expect(t) // no more tries
		e.answer(nil)
		r.fail("ops", "a/new")
		synctest.Wait()
		if u := r.Undelivered(); len(u) > 0 {
			t.Errorf("%+v", u)
		}
	})
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		gate := make(chan struct{})
		e.hang = func(context.Context) error { <-gate; return nil }
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		r.fail("ops", "a/first")
		synctest.Wait()
		for i := range 1000 {
			r.fail("ops", fmt.Sprint("a/", i))
		}
		r.Notifier.mu.Lock()
		if l := r.queues["ops"]; len(l.events) != queueMax || len(l.more) != 1000-queueMax {
			t.Errorf("%d events, %d more", len(l.events), len(l.more))
		}
		r.Notifier.mu.Unlock()
		close(gate)
		e.expect(t, "0s: failure a/first", "0s: failure a/0 +999")
	})
}

// The notifications that arrive during a failing attempt are limited, too.
func TestFullQueueAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		gate := make(chan struct{})
		e.hang = func(context.Context) error { <-gate; return errors.New("down") }
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		r.fail("ops", "a/first")
		synctest.Wait()
		for i := range queueMax {
			r.fail("ops", fmt.Sprint("a/", i))
		}
		close(gate)
		synctest.Wait()
		r.Notifier.mu.Lock()
		defer r.Notifier.mu.Unlock()
		if l := r.queues["ops"]; len(l.events) != queueMax || len(l.more) != 1 || l.events[0].Run.ID != "a/first" {
			t.Errorf("%d events, %d more", len(l.events), len(l.more))
		}
	})
}

// After a success the next failure is tried again soon.
func TestRetriesBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		var works atomic.Bool
		unblocked := make(chan struct{})
		e.hang = func(context.Context) error {
			if !works.CompareAndSwap(true, false) {
				return errors.New("down")
			}
			r.fail("ops", "a/2") // so that the worker continues
			close(unblocked)
			return nil
		}
		r.fail("ops", "a/1")
		time.Sleep(30 * time.Minute)
		works.Store(true)
		<-unblocked
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		e.mu.Lock()
		defer e.mu.Unlock()
		if n := strings.Count(strings.Join(e.heard, "\n"), "a/2"); n < 5 {
			t.Errorf("calls %q", e.heard)
		}
	})
}

// A target that hangs delays neither other targets nor the sender.
func TestOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := newEar(), newEar()
		slow.hang = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		r := newRig(t, Target{Name: "slow", Action: slow}, Target{Name: "quick", Action: quick})
		defer r.stop()
		r.fail("slow", "a/1")
		r.fail("quick", "a/1")
		quick.expect(t, "0s: failure a/1")
		time.Sleep(sendMax + time.Second)
		synctest.Wait()
		if u := r.Undelivered(); len(u) != 1 || u[0].Target != "slow" || u[0].Error != "no answer within 60 s" {
			t.Errorf("%+v", u)
		}
	})
}

func TestShutdown(t *testing.T) {
	t.Run("pending events are sent at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEar()
			r := newRig(t, Target{Name: "ops", Action: e, AtMostEvery: time.Hour})
			r.fail("ops", "a/1")
			synctest.Wait()
			r.fail("ops", "a/2")
			r.fail("ops", "a/3")
			time.Sleep(time.Minute)
			if took := r.stop(); took > time.Second {
				t.Errorf("took %s", took)
			}
			e.expect(t, "0s: failure a/1", "1m0s: failure a/2 +1")
		})
	})
	t.Run("and tried once more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEar()
			e.answer(errors.New("down"))
			r := newRig(t, Target{Name: "ops", Action: e})
			r.fail("ops", "a/1")
			time.Sleep(time.Second)
			if took := r.stop(); took > time.Second {
				t.Errorf("took %s", took)
			}
			e.expect(t, "0s: failure a/1", "1s: failure a/1")
			if !strings.Contains(r.logged(), "not delivered yet") {
				t.Errorf("log:\n%s", r.logged())
			}
			r.fail("ops", "a/2") // too late, but no harm
		})
	})
	for parting, want := range map[time.Duration]time.Duration{0: drainMax, time.Second: time.Second} {
		t.Run(fmt.Sprintf("but not waited for for longer than %s", want), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEar()
				e.hang = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				r := newRigWith(t, parting, Target{Name: "ops", Action: e})
				r.fail("ops", "a/1")
				synctest.Wait()
				if took := r.stop(); took != want {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestTargetGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		e.answer(errors.New("down"))
		r := newRig(t, Target{Name: "ops", Action: e})
		defer r.stop()
		r.fail("ops", "a/1")
		synctest.Wait()
		r.set()
		if u := r.Undelivered(); len(u) > 0 {
			t.Errorf("%+v", u)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r.Notifier.mu.Lock()
		defer r.Notifier.mu.Unlock()
		if len(r.queues) > 0 {
			t.Errorf("%+v", r.queues)
		}
	})
}

func TestTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar()
		r := newRig(t, Target{Name: "ops", Action: e, AtMostEvery: time.Hour})
		defer r.stop()
		r.fail("ops", "a/1")
		synctest.Wait()
		if _, _, err := r.Test(t.Context(), "ops"); err != nil {
			t.Error(err)
		}
		e.expect(t, "0s: failure a/1", "0s: test ")
		if _, _, err := r.Test(t.Context(), "nobody"); !errors.Is(err, ErrNoTarget) {
			t.Errorf("got %v", err)
		}
		e.answer(errors.New("down"))
		if _, _, err := r.Test(t.Context(), "ops"); err == nil || err.Error() != "down" {
			t.Errorf("got %v", err)
		}
	})
}
