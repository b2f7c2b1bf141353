package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/notify"
	"rota/runner"
)

// fakeTarget is a notification target that records what it receives.
type fakeTarget struct {
	mu          sync.Mutex
	received    []string
	unreachable bool // it cannot be reached
}

func (e *fakeTarget) Run(_ context.Context, in runner.Input, _ io.Writer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unreachable {
		return errors.New("unreachable")
	}
	if in.Hook.Event == string(notify.Trouble) {
		e.received = append(e.received, in.Hook.Why)
		return nil
	}
	e.received = append(e.received, strings.TrimSuffix(in.Hook.Event+" "+in.Task+" "+string(in.Hook.Outcome), " "))
	return nil
}

// notifications makes an engine notify it as the target "ops".
func (e *fakeTarget) notifications(l *Engine) *notifications {
	n := newNotifications(&l.inForce, l.stateDir, l.ledger, l.log, l.setTargetError, nil, 0)
	ops := map[string]notify.Target{"ops": {Name: "ops", Action: e}}
	n.Notifier = notify.New(notify.Options{Targets: func() map[string]notify.Target { return ops }, Delivered: n.markDelivered, Failing: l.setTargetError, Log: slog.New(slog.DiscardHandler)})
	return n
}

// notifyTo makes the daemon notify a target from now on.
func (r *rig) notifyTo(e *fakeTarget) {
	r.t.Helper()
	r.target = e
	r.restart(0)
}

// wantNotices fails unless those notices were received, and clears them.
func (r *rig) wantNotices(e *fakeTarget, want string) {
	r.t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := strings.Join(e.received, ", "); got != want {
		r.t.Errorf("received %q, want %q", got, want)
	}
	e.received = nil
}

// set makes the target unreachable, or not.
func (e *fakeTarget) set(unreachable bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unreachable = unreachable
}

// An undelivered notification is delivered once after a restart. A daemon that is killed
// before it could deliver loses none that is recorded.
func TestOutbox(t *testing.T) {
	jobs := ops + "[tasks.t]\ninterval = \"10m\"\nwrite = { path = \"no/such/directory\", text = \"x\" }\non_failure = [\"ops\"]\nmissed = \"skip\"\non_missed = [\"ops\"]\n"
	inBubble(t, noon, jobs, func(r *rig) {
		e := &fakeTarget{unreachable: true}
		r.notifyTo(e)
		r.pass(11 * time.Minute)
		r.wantNotices(e, "")
		r.restart(0)
		r.pass(time.Hour) // of which six slots fail, too
		r.wantNotices(e, "")
		e.set(false)
		r.restart(0)
		r.wantNotices(e, "failure t failed")
		waiting, err := r.ledger.Outbox(t.Context(), 0)
		must(t, err)
		if len(waiting) > 0 {
			t.Errorf("the outbox holds %v", waiting)
		}
		r.restart(0)
		r.wantNotices(e, "")

		killed := &crashingLedger{}
		killed.armed.Store(true)
		r.wrap = func(l ledger.Ledger) ledger.Ledger { killed.Ledger = l; return killed }
		r.restart(0)
		e.set(true) // else the daemon that is killed would notify it
		r.pass(10 * time.Minute)
		r.stop()
		r.wrap = nil
		e.set(false)
		r.live(r.stateDir, r.cfg)
		r.wantNotices(e, "failure t failed")
		r.restart(177 * time.Minute) // so that the newest slot is late, too
		r.wantNotices(e, "missed t missed")
		r.restart(0)
		r.wantNotices(e, "")
	})
}

const ops = "[notify.ops]\ncommand = \"true\"\n"

// Missed slots are notified once, with one run of what a hook starts,
// also if rota was away; those that are skipped for another reason are not.
func TestOnMissed(t *testing.T) {
	inBubble(t, noon, ops+"[tasks.t]\ninterval = \"30m\"\nlog = \"x\"\non_missed = [\"ops\", \"run:fix\"]\non_failure = [\"run:no\"]\n[tasks.fix]\nlog = \"x\"\n[tasks.no]\nlog = \"x\"\n", func(r *rig) {
		e := &fakeTarget{}
		r.notifyTo(e)
		r.step(110 * time.Minute) // later than half of the interval, or the newest would be started late
		r.want("t", "12:30:00-13:30:00×3 missed")
		r.want("fix", "13:50:00")
		r.wantNotices(e, "missed t missed")
		ada := r.ada()
		ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}}))
		r.step(90 * time.Minute)
		r.wantNotices(e, "")
		ada.must(ada.Release(ada.ctx, "t"))
		r.stop()
		time.Sleep(time.Hour) // time itself is the subject
		r.live(r.stateDir, r.cfg)
		synctest.Wait()
		if rows := strings.Split(r.rows("fix"), ", "); len(rows) != 2 {
			t.Errorf("runs of fix: %s", rows)
		}
		r.restart(0)
		if rows := strings.Split(r.rows("fix"), ", "); len(rows) != 2 {
			t.Errorf("runs of fix after a restart: %s", rows)
		}
		r.want("no", "")
	})
}

// A run that waited for another attempt and was superseded by the next slot has failed,
// for its hooks and for hold_after too.
func TestHooksOfWhatGaveWay(t *testing.T) {
	jobs := ops + "[tasks.t]\ninterval = \"10m\"\nwrite = { path = \"no/such/directory\", text = \"x\" }\nretry = { max = 1, delay = \"1h\" }\nhold_after = 2\non_failure = [\"ops\", \"run:fix\"]\n[tasks.fix]\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		e := &fakeTarget{}
		r.notifyTo(e)
		r.pass(11 * time.Minute)
		r.want("t", "12:10:00 delayed")
		r.wantNotices(e, "")
		r.want("fix", "")
		r.pass(10 * time.Minute)
		r.want("t", "12:10:00 failed, 12:20:00 delayed")
		r.wantNotices(e, "failure t failed")
		r.want("fix", "12:20:00")
		r.pass(10 * time.Minute)
		r.wantNotices(e, "failure t failed, held t failed")
		r.want("fix", "12:20:00, 12:30:00")
		r.restart(0)
		r.want("fix", "12:20:00, 12:30:00")
	})
}

// A hook starts nothing for which its queue has no room.
func TestChainIntoAFullQueue(t *testing.T) {
	jobs := "[queues.q]\ncapacity = 1\n[tasks.t]\nlog = \"x\"\non_success = [\"run:u\"]\non_missed = [\"run:u\"]\ninterval = \"1h\"\n[tasks.u]\nqueue = \"q\"\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		ada := r.ada()
		ada.must(ada.StopQueues(ada.ctx, "q"))
		for range 3 {
			ada.run(api.Request{})
		}
		r.want("u", "12:00:00 queued")
		r.step(100 * time.Minute) // nor for what was missed
		r.want("t", "12:00:00, 12:00:00, 12:00:00, 13:00:00-13:00:00×1 missed")
		r.want("u", "12:00:00 queued")
		ada.must(ada.StartQueues(ada.ctx, "q"))
		r.want("u", "12:00:00")
	})
}

// The time within which a task is to end well counts from when that was first
// expected, for a task that comes, goes and comes again.
func TestFreshnessCountsFromTheFile(t *testing.T) {
	const task = "[tasks.t]\nlog = \"x\"\nexpect_success_within = \"1h\"\non_failure = [\"ops\"]\n"
	const other = ops + "[tasks.u]\nlog = \"x\"\n"
	inBubble(t, noon, other, func(r *rig) {
		stale := func(want int) {
			t.Helper()
			synctest.Wait()
			events, err := r.ledger.Events(t.Context(), ledger.EventFilter{Kinds: []string{"stale"}})
			if must(t, err); len(events) != want {
				t.Errorf("%d alarms, want %d: %+v", len(events), want, events)
			}
		}
		r.pass(5 * time.Hour)
		r.edited(other + task)
		stale(0) // rota runs for longer, but not this task
		r.pass(40 * time.Minute)
		r.edited(other)
		r.pass(time.Hour)
		stale(0) // it is gone
		r.edited(other + task)
		r.pass(40 * time.Minute)
		r.restart(time.Minute)
		r.pass(10 * time.Minute)
		stale(0)
		r.restart(time.Minute)
		r.pass(15 * time.Minute)
		stale(1) // it has no trigger, and rota was started again in between
		r.edited(other + strings.Replace(task, "1h", "2h", 1))
		r.restart(177 * time.Minute) // so that the newest slot is late, too
		stale(1)
		r.edited(other)
		r.pass(time.Hour)
		r.edited(other + task)
		r.pass(61 * time.Minute)
		stale(2) // another one, which was not notified yet
	})
}

// With --once what hooks name is done, too, before rota ends.
func TestOnceWithHooks(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\ninterval = \"25m\"\nmissed = \"skip\"\nlog = \"x\"\non_missed = [\"run:fix\"]\n[tasks.fix]\nlog = \"x\"\non_success = [\"run:last\"]\n[tasks.last]\nlog = \"x\"\n", func(r *rig) {
		r.stop()
		time.Sleep(time.Hour) // time itself is the subject
		dir, cfg := r.stateDir, r.cfg
		r.once = true
		r.live(dir, cfg)
		r.pass(time.Minute)
		r.want("t", "12:25:00-12:50:00×2 missed")
		r.want("fix", "13:00:00")
		r.want("last", "13:00:00")
	})
}

// Of several that end well at the same moment after a failure, one recovers.
func TestOneRecovers(t *testing.T) {
	const fails = "[tasks.t]\noverlap = \"allow\"\non_recover = [\"run:cheer\"]\n[tasks.cheer]\nlog = \"x\"\n[tasks.t.write]\npath = \"no/such/directory\"\ntext = \"x\"\n"
	inBubble(t, noon, fails, func(r *rig) {
		ada := r.ada()
		ada.run(api.Request{})
		r.edited(strings.Replace(fails, "[tasks.t.write]\npath = \"no/such/directory\"\ntext = \"x\"\n", "[tasks.t.log]\nmessage = \"x\"\n", 1))
		gate := make(chan struct{})
		r.blockTask(gate)
		for range 20 {
			ada.run(api.Request{})
		}
		close(gate)
		synctest.Wait()
		r.want("cheer", "12:00:00")
	})
}
