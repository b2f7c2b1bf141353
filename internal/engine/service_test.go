package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// client is the daemon of the rig as others see it, in the name of ada.
type client struct {
	api.Service
	ctx context.Context
	t   *testing.T
}

func (r *rig) ada() client {
	return client{r.service(), api.As(r.t.Context(), "ada"), r.t}
}

// run asks for a run and returns its id, or of an error the code.
func (a client) run(q api.Request) string {
	a.t.Helper()
	if q.Task == "" {
		q.Task = "t"
	}
	run, err := a.Request(a.ctx, q, nil)
	synctest.Wait()
	if err != nil {
		return string(api.CodeOf(err))
	}
	return run.ID
}

func (a client) must(_ any, err error) {
	a.t.Helper()
	if err != nil {
		a.t.Error(err)
	}
	synctest.Wait()
}

// refused checks the code of an error.
func (a client) refused(code api.Code) func(any, error) {
	return func(_ any, err error) {
		a.t.Helper()
		if api.CodeOf(err) != code {
			a.t.Errorf("%v, want code %s", err, code)
		}
	}
}

// blocked replaces the action of tasks by one that waits for the gate.
func (r *rig) blocked(gate chan struct{}, names ...string) {
	r.post(func() {
		for _, name := range names {
			task := r.cfg.Tasks.Get(name)
			task.Action, task.Timeout = blocking(gate), 0
			r.cfg.Tasks = r.cfg.Tasks.With(task)
		}
	})
	synctest.Wait()
}

// The calls of the Service, checked by the rows in the ledger.
func TestService(t *testing.T) {
	ctx := func(r *rig) context.Context { return api.As(r.t.Context(), "ada") }
	for _, c := range []struct {
		name, jobs string // of task t
		do         func(r *rig, ada client)
		want       string
	}{
		// Requests.
		{"run now", "", func(r *rig, ada client) { ada.run(api.Request{}) }, "12:00:00"},
		{"at an instant", "", func(r *rig, ada client) {
			ada.run(api.Request{At: r.start.Add(time.Hour)})
			r.want("t", "13:00:00 delayed")
			r.pass(time.Hour)
		}, "13:00:00"},
		{"an instant that is just past is now", "", func(r *rig, ada client) { ada.run(api.Request{At: r.start.Add(-time.Minute)}) }, "12:00:00"},
		{"one that is past is refused", "", func(r *rig, ada client) {
			for _, q := range []api.Request{{At: r.start.Add(-time.Hour)}, {At: r.start.Add(-time.Hour), Key: "k"}, {On: "once 2026-11-21T11:00:00"}} {
				if got := ada.run(q); got != string(api.Usage) {
					r.t.Errorf("%+v: %s", q, got)
				}
			}
		}, ""},
		{"but not what was asked for in time, once more", "", func(r *rig, ada client) {
			q := api.Request{At: r.start.Add(time.Minute), Key: "k"}
			ada.run(q)
			r.pass(time.Hour)
			if got := ada.run(q); got != "t/k" {
				r.t.Error(got)
			}
		}, "12:01:00"},
		{"in a while, over a restart", "", func(r *rig, ada client) {
			ada.run(api.Request{In: 10 * time.Minute})
			r.restart(time.Minute)
			r.pass(9 * time.Minute)
		}, "12:10:00"},
		{"a delayed one whose time came while rota was away starts at once", "", func(r *rig, ada client) {
			ada.run(api.Request{In: 10 * time.Minute})
			r.restart(time.Hour)
			r.pass(2 * time.Second)
		}, "12:10:00"},
		{"held, and released", "", func(r *rig, ada client) {
			id := ada.run(api.Request{Held: true})
			r.pass(time.Hour)
			r.want("t", "12:00:00 held")
			r.restart(0)
			r.ada().must(r.ada().Release(ctx(r), id))
		}, "12:00:00"},
		{"an id of one's own: the same again is that run", "", func(r *rig, ada client) {
			if a, b := ada.run(api.Request{Key: "k"}), ada.run(api.Request{Key: "k"}); a != "t/k" || b != a {
				r.t.Error(a, b)
			}
		}, "12:00:00"},
		{"something else under the same id is a conflict", `params = { x = "1" }`, func(r *rig, ada client) {
			ada.run(api.Request{Key: "k"})
			if code := ada.run(api.Request{Key: "k", Params: map[string]string{"x": "2"}}); code != "conflict" {
				r.t.Error(code)
			}
		}, "12:00:00"},
		{"what cannot be asked", `params = { x = "1" }`, func(r *rig, ada client) {
			for _, q := range []struct {
				api.Request
				code string
			}{
				{api.Request{Task: "tt"}, "not_found"},
				{api.Request{Params: map[string]string{"y": ""}}, "usage"},
				{api.Request{Params: map[string]string{"x": "\x00"}}, "usage"},
				{api.Request{Params: map[string]string{"x": strings.Repeat("x", 1<<20)}}, "usage"},
				{api.Request{Key: "a/b"}, "usage"},
				{api.Request{Key: "20261122T023000Z"}, "usage"},
				{api.Request{Key: strings.Repeat("k", 65)}, "usage"},
				{api.Request{On: "every now and then"}, "usage"},
				{api.Request{On: "30 2 31 2 *"}, "usage"},
				{api.Request{In: time.Hour, At: r.start}, "usage"},
			} {
				if code := ada.run(q.Request); code != q.code {
					r.t.Errorf("%+v: %s, want %s", q.Request, code, q.code)
				}
			}
		}, ""},
		{"requests wait, one at a time", "", func(r *rig, ada client) {
			gate := make(chan struct{})
			r.blocked(gate, "t")
			for range 3 {
				ada.run(api.Request{})
				r.pass(time.Second)
			}
			r.want("t", "12:00:00 running, 12:00:01 queued, 12:00:02 queued")
			close(gate)
			synctest.Wait()
		}, "12:00:00, 12:00:01, 12:00:02"},
		{"again joins one that waits", "", func(r *rig, ada client) {
			gate := make(chan struct{})
			r.blocked(gate, "t")
			for range 3 {
				ada.run(api.Request{Again: true})
				r.pass(time.Second)
			}
			r.want("t", "12:00:00 running, 12:00:01 queued")
			close(gate)
			synctest.Wait()
		}, "12:00:00, 12:00:01"},
		{"a full queue refuses", `queue = "narrow"`, func(r *rig, ada client) {
			gate := make(chan struct{})
			r.blocked(gate, "t")
			var codes []string
			for range 4 {
				codes = append(codes, ada.run(api.Request{}))
				r.pass(time.Second)
			}
			if codes[3] != "not_now" {
				r.t.Error(codes)
			}
			close(gate)
			synctest.Wait()
		}, "12:00:00, 12:00:01, 12:00:02"},
		{"cancelled while it waits", "", func(r *rig, ada client) {
			id := ada.run(api.Request{In: time.Hour})
			ada.must(ada.Cancel(ctx(r), id))
			ada.refused(api.Conflict)(ada.Cancel(ctx(r), id))
			r.pass(2 * time.Hour)
		}, "13:00:00 cancelled"},
		{"what runs is stopped, not cancelled", "", func(r *rig, ada client) {
			gate := make(chan struct{})
			r.blocked(gate, "t")
			id := ada.run(api.Request{})
			ada.refused(api.Conflict)(ada.Cancel(ctx(r), id))
			ada.must(ada.Stop(ctx(r), "t", false))
			ada.refused(api.Conflict)(ada.Stop(ctx(r), "t", false))
			close(gate)
		}, "12:00:00 cancelled"},
		{"all that wait are cancelled, but recurring requests", "", func(r *rig, ada client) {
			ada.run(api.Request{In: time.Hour})
			ada.run(api.Request{Held: true})
			ada.run(api.Request{On: "interval 1h"})
			if ids, err := ada.CancelAll(ctx(r), "t"); len(ids) != 2 || ids[0] == ids[1] || err != nil {
				r.t.Error(ids, err)
			}
		}, "13:00:00 cancelled, 12:00:00 cancelled, 12:00:00 recurring"},
		{"cancelled with its task", "", func(r *rig, ada client) {
			ada.run(api.Request{In: time.Hour})
			ada.run(api.Request{Held: true})
			ada.run(api.Request{On: "interval 1h"})
			r.edited("[tasks.other]\nlog = \"x\"\n")
			r.pass(vanishedFor)
		}, "13:00:00 cancelled, 12:00:00 cancelled, 12:00:00 cancelled"},

		// Recurring requests.
		{"recurring, over a restart", "", func(r *rig, ada client) {
			ada.run(api.Request{On: "interval 10m", Key: "s"})
			r.pass(15 * time.Minute)
			r.restart(0)
			r.pass(6 * time.Minute)
		}, "12:00:00 recurring, 12:10:00, 12:20:00"},
		{"several of one task do not stand in each other's way", "", func(r *rig, ada client) {
			ada.run(api.Request{On: "interval 10m", Key: "a"})
			ada.run(api.Request{On: "interval 10m", Key: "b"})
			r.pass(11 * time.Minute)
		}, "12:00:00 recurring, 12:00:00 recurring, 12:10:00, 12:10:00"},
		{"the same id changes what it asks for", "", func(r *rig, ada client) {
			ada.run(api.Request{On: "interval 10m", Key: "s"})
			r.pass(11 * time.Minute)
			ada.run(api.Request{On: "interval 5m", Key: "s"})
			r.pass(6 * time.Minute)
		}, "12:11:00 recurring, 12:10:00, 12:16:00"},
		{"cancelled", "", func(r *rig, ada client) {
			id := ada.run(api.Request{On: "interval 10m"})
			r.pass(11 * time.Minute)
			ada.must(ada.Cancel(ctx(r), id))
			r.pass(time.Hour)
		}, "12:00:00 cancelled, 12:10:00"},
		{"rescheduled", "", func(r *rig, ada client) {
			id := ada.run(api.Request{On: "interval 10m"})
			r.pass(11 * time.Minute)
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: id, Expr: "interval 30m"}))
			r.restart(0)
			r.pass(time.Hour)
		}, "12:00:00 recurring, 12:10:00, 12:41:00, 13:11:00"},
		{"once is a delayed one", "", func(r *rig, ada client) {
			ada.run(api.Request{On: "once 2026-11-21T13:00:00"})
			r.want("t", "13:00:00 delayed")
			r.pass(time.Hour)
		}, "13:00:00"},

		// Holds.
		{"a held task starts nothing by itself", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Hold(ctx(r), api.Holding{Tasks: []string{"t"}, Why: "db"}))
			r.pass(25 * time.Minute)
			ada.must(ada.Release(ctx(r), "t"))
			r.pass(6 * time.Minute)
		}, "12:10:00-12:20:00×2 skipped, 12:30:00"},
		{"also after a restart", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Hold(ctx(r), api.Holding{Tasks: []string{"t"}}))
			r.restart(0)
			r.pass(11 * time.Minute)
		}, "12:10:00-12:10:00×1 skipped"},
		{"for a time", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Hold(ctx(r), api.Holding{Tasks: []string{"t"}, For: 15 * time.Minute}))
			r.restart(0)
			r.pass(21 * time.Minute)
		}, "12:10:00-12:10:00×1 skipped, 12:20:00"},
		{"it is not run by hand either, but by force", "", func(r *rig, ada client) {
			ada.must(ada.Hold(ctx(r), api.Holding{All: true}))
			if code := ada.run(api.Request{}); code != "conflict" {
				r.t.Error(code)
			}
			ada.run(api.Request{Force: true})
		}, "12:00:00"},
		{"pending runs stay, and start at release", "", func(r *rig, ada client) {
			ada.run(api.Request{In: time.Minute})
			ada.must(ada.Hold(ctx(r), api.Holding{All: true}))
			r.pass(time.Hour)
			r.want("t", "12:01:00 queued")
			ada.must(ada.Release(ctx(r)))
		}, "12:01:00"},
		{"after so many failures in a row", "interval = \"10m\"\nhold_after = 2\nwrite = { path = \"no/such/directory\", text = \"x\" }\n", func(r *rig, ada client) {
			r.pass(41 * time.Minute)
			ada.must(ada.Release(ctx(r), "t"))
			r.pass(20 * time.Minute)
		}, "12:10:00 failed, 12:20:00 failed, 12:30:00-12:40:00×2 skipped, 12:50:00 failed, 13:00:00-13:00:00×1 skipped"},

		// Rescheduling.
		{"another period", `interval = "10m"`, func(r *rig, ada client) {
			r.pass(11 * time.Minute)
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 1m"}))
			r.restart(0)
			r.pass(2 * time.Minute)
			r.ada().must(r.ada().Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "default"}))
			r.pass(8 * time.Minute)
		}, "12:10:00, 12:12:00, 12:13:00, 12:20:00"},
		{"for a time", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 1m", Until: r.start.Add(150 * time.Second)}))
			r.restart(0)
			r.pass(11 * time.Minute)
		}, "12:01:00, 12:02:00, 12:10:00"},
		{"never", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "never"}))
			r.pass(time.Hour)
		}, ""},
		{"in a while, once", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "in 5m"}))
			r.restart(0)
			r.pass(21 * time.Minute)
		}, "12:05:00, 12:10:00, 12:20:00"},
		{"once, and then never", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "in 5m", Then: "never"}))
			r.restart(0)
			r.pass(time.Hour)
		}, "12:05:00"},
		{"once, and later as in the file", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "in 5m", Until: r.start.Add(25 * time.Minute)}))
			r.pass(31 * time.Minute)
		}, "12:05:00, 12:30:00"},
		{"once, after which rota was away", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "in 5m"}))
			r.restart(32 * time.Minute)
			r.pass(9 * time.Minute)
		}, "12:05:00-12:20:00×3 skipped, 12:30:00 catchup, 12:40:00"},
		{"what is past, or says two things, is refused", `interval = "10m"`, func(r *rig, ada client) {
			for _, q := range []api.Rescheduling{
				{Expr: "interval 1h", Until: r.start}, {Expr: "once 2026-11-21T12:00:00"}, {Expr: "in 1h", Until: r.start.Add(time.Hour)},
				{Expr: "interval 1h", Then: "never"}, {Expr: "never", Then: "default"}, {Expr: "in 1h", Then: "sometimes"},
				{Expr: "in 1h", Then: "never", Until: r.start.Add(2 * time.Hour)},
			} {
				q.Name = "t"
				ada.refused(api.Usage)(ada.Reschedule(ctx(r), q))
			}
			r.pass(11 * time.Minute)
		}, "12:10:00"},
		{"its end passes while rota is away", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 1m", Until: r.start.Add(150 * time.Second)}))
			r.restart(15 * time.Minute)
			r.pass(6 * time.Minute)
		}, "12:01:00-12:10:00×3 missed, 12:20:00"},
		{"or while the machine sleeps", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 1m", Until: r.start.Add(150 * time.Second)}))
			r.fake.Advance(10*time.Minute + 30*time.Second)
			r.pass(10 * time.Minute)
		}, "12:01:00-12:02:00×2 skipped, 12:10:00, 12:20:00"},
		{"when nothing of the file came due meanwhile", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 4m", Until: r.start.Add(5 * time.Minute)}))
			r.restart(9 * time.Minute)
			r.pass(2 * time.Minute)
		}, "12:04:00-12:04:00×1 missed, 12:10:00"},
		{"once, spread beyond its end", `at = "18:00"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "once 2026-11-21T12:05:00 jitter 30m"}))
			r.restart(6 * time.Minute)
			r.pass(29 * time.Minute)
		}, "12:05:00"},
		{"a slot at its very end is of the file", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 4m", Until: r.start.Add(10 * time.Minute)}))
			r.pass(21 * time.Minute)
		}, "12:04:00, 12:08:00, 12:10:00, 12:20:00"},
		{"counted from the end of a run, also after it", `interval = "10m"` + "\nanchor = \"finish\"", func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 4m", Until: r.start.Add(9 * time.Minute)}))
			r.pass(29 * time.Minute)
		}, "12:04:00, 12:08:00, 12:18:00, 12:28:00"},
		{"a change of the file's triggers ends it", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "never"}))
			r.edited("[tasks.t]\nlog = \"x\"\ninterval = \"7m\"\n")
			r.pass(8 * time.Minute)
		}, "12:07:00"},
		{"another change does not", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 7m"}))
			r.edited("[tasks.t]\nlog = \"y\"\ninterval = \"10m\"\n")
			r.pass(8 * time.Minute)
		}, "12:07:00"},

		// Skips.
		{"the next slot is skipped", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Skip(ctx(r), "t"))
			r.restart(0)
			r.pass(21 * time.Minute)
		}, "12:10:00-12:10:00×1 skipped, 12:20:00"},
		{"a skipped slot stays skipped when a reschedule ends", `at = "18:00"`, func(r *rig, ada client) {
			ada.must(ada.Skip(ctx(r), "t"))
			ada.must(ada.Reschedule(ctx(r), api.Rescheduling{Name: "t", Expr: "interval 1h", Until: r.start.Add(90 * time.Minute)}))
			r.restart(0)
			r.pass(12 * time.Hour)
		}, "13:00:00, 18:00:00-18:00:00×1 skipped"},
		{"and the one after it", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Skip(ctx(r), "t"))
			ada.must(ada.Skip(ctx(r), "t"))
			r.pass(31 * time.Minute)
		}, "12:10:00-12:20:00×2 skipped, 12:30:00"},

		// Queues.
		{"a stopped queue starts nothing", "queue = \"narrow\"\ninterval = \"10m\"\n", func(r *rig, ada client) {
			ada.must(ada.StopQueues(ctx(r), "nar*"))
			r.restart(0)
			r.pass(11 * time.Minute)
			r.want("t", "12:10:00 queued")
			r.ada().must(r.ada().StartQueues(ctx(r), "*"))
		}, "12:10:00"},
		{"draining", `interval = "10m"`, func(r *rig, ada client) {
			d, err := ada.Drain(ctx(r), 15*time.Minute)
			if err != nil || d.Until.Sub(r.start) != 15*time.Minute {
				r.t.Error(d, err)
			}
			r.pass(11 * time.Minute)
			r.want("t", "12:10:00 queued")
			r.pass(5 * time.Minute)
		}, "12:10:00"},
		{"a drain that is ended", `interval = "10m"`, func(r *rig, ada client) {
			ada.must(ada.Drain(ctx(r), 0))
			r.pass(11 * time.Minute)
			r.want("t", "12:10:00 queued")
			d, err := ada.EndDrain(ctx(r))
			if err != nil || d.Waiting != 1 {
				r.t.Error(d, err)
			}
			synctest.Wait()
			r.want("t", "12:10:00")
			if _, err := ada.EndDrain(ctx(r)); api.CodeOf(err) != api.Conflict {
				r.t.Error("ended twice:", err)
			}
		}, "12:10:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			action := "log = \"x\"\n"
			if strings.Contains(c.jobs, "write =") {
				action = ""
			}
			inBubble(t, noon, "[queues.narrow]\ncapacity = 2\n[tasks.t]\n"+action+c.jobs+"\n", func(r *rig) {
				c.do(r, r.ada())
				synctest.Wait()
				r.want("t", c.want)
			})
		})
	}
}

// edited puts another file in force.
func (r *rig) edited(jobs string) {
	r.t.Helper()
	cfg := r.parse(jobs)
	if err := r.do(r.t.Context(), func() error { return r.swap(r.t.Context(), cfg, config.Diff(r.cfg, cfg), "") }); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// Only the queues of which autostart speaks start by themselves.
func TestAutostart(t *testing.T) {
	cfg := func(r *rig, auto ...string) *config.Config {
		c := r.parse("[queues.\"a@x\"]\n[queues.b]\n[tasks.t]\nlog = \"x\"\nqueue = \"a@x\"\n[tasks.u]\nlog = \"x\"\nqueue = \"b\"\n")
		c.Rota.Autostart = auto
		return c
	}
	inBubble(t, noon, "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		r.stop()
		r.live(t.TempDir(), cfg(r, "a@*"))
		ada := r.ada()
		ada.run(api.Request{})
		ada.run(api.Request{Task: "u"})
		r.want("t", "12:00:00")
		r.want("u", "12:00:00 queued")
		q, err := ada.Queues(ada.ctx)
		if err != nil || len(q.Queues) != 3 || q.Queues[0].State != "started" || q.Queues[1].State != "stopped" || q.Queues[1].Waiting != 1 {
			t.Errorf("%+v, %v", q, err)
		}
		q, err = ada.StartQueues(ada.ctx, "@b", "@nosuch")
		if err != nil || len(q.Warnings) != 1 {
			t.Errorf("%+v, %v", q, err)
		}
		synctest.Wait()
		r.want("u", "12:00:00")

		// A change by hand persists, whatever autostart says.
		state := func(want string, by bool) {
			t.Helper()
			q, err := r.ada().Queues(r.t.Context(), "b")
			if err != nil || len(q.Queues) != 1 || q.Queues[0].State != want || (q.Queues[0].Started != nil) != by {
				t.Errorf("%+v, %v; want %s", q, err, want)
			}
		}
		r.restart(time.Minute)
		state("started", true)
		ada = r.ada()
		ada.must(ada.StopQueues(ada.ctx, "b"))
		r.restart(time.Minute)
		state("stopped", false)
	})
}

// A request that is held or delayed waits for nothing but that, so neither the
// capacity of its queue nor overlap counts it.
func TestWaitingForAnotherReason(t *testing.T) {
	inBubble(t, noon, "[queues.narrow]\ncapacity = 1\n[tasks.t]\nlog = \"x\"\nqueue = \"narrow\"\ninterval = \"10m\"\n", func(r *rig) {
		ada := r.ada()
		for range 3 {
			ada.run(api.Request{Held: true})
			ada.run(api.Request{In: time.Hour})
		}
		r.pass(11 * time.Minute)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.OK}})
		if err != nil || len(runs) != 1 {
			t.Errorf("%v, %v: the slot did not run", runs, err)
		}
	})
}

// The input of a task, short or long, is complete when it starts; input above the limit
// of its task is refused.
func TestRequestInput(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nlog = \"x\"\ninput_max = \"64KiB\"\n", func(r *rig) {
		ada := r.ada()
		for _, c := range []struct {
			name string
			text []byte
			code api.Code
			file bool
		}{
			{"short", []byte("a text"), "", false},
			{"bytes", []byte{0, 1, 2}, "", true},
			{"long", bytes.Repeat([]byte("x"), 64<<10), "", true},
			{"too-long", bytes.Repeat([]byte("x"), 64<<10+1), api.Usage, false},
		} {
			run, err := ada.Request(ada.ctx, api.Request{Task: "t", Key: c.name, Held: true}, bytes.NewReader(c.text))
			known, _, _ := r.ledger.Get(t.Context(), run.ID)
			if api.CodeOf(err) != c.code || (known.InputFile != "") != c.file {
				t.Errorf("%s: %+v, %v", c.name, known, err)
				continue
			}
			if err != nil {
				continue
			}
			again, err := ada.Request(ada.ctx, api.Request{Task: "t", Key: c.name, Held: true}, bytes.NewReader(c.text))
			if err != nil || again.ID != run.ID {
				t.Errorf("%s again: %+v, %v", c.name, again, err)
			}
			_, err = ada.Request(ada.ctx, api.Request{Task: "t", Key: c.name, Held: true}, strings.NewReader("another"))
			if api.CodeOf(err) != api.Conflict {
				t.Errorf("%s with another input: %v", c.name, err)
			}
			if err = nil; c.file {
				var there []byte
				if there, err = os.ReadFile(known.InputFile); !bytes.Equal(there, c.text) {
					t.Errorf("%s: the file holds %d bytes", c.name, len(there))
				}
			} else if run.Input != string(c.text) {
				t.Errorf("%s: %q", c.name, run.Input)
			}
			must(t, err)
		}
		_, err := ada.Request(ada.ctx, api.Request{Task: "t"}, failing{})
		if api.CodeOf(err) != api.Usage {
			t.Errorf("input that breaks off: %v", err)
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken off") }

var _ io.Reader = failing{}

// A task that starts at the end of another is passed that end, once, also if the daemon is
// killed in between.
func TestChain(t *testing.T) {
	jobs := "[tasks.t]\nat = \"12:01\"\nwrite = { path = \"no/such/directory\", text = \"x\" }\non_failure = [\"run:fix\"]\non_success = [\"run:no\"]\non_recover = [\"run:good\"]\n" +
		"[tasks.fix]\nlog = \"x\"\non_success = [\"run:last\"]\n[tasks.last]\nlog = \"x\"\n[tasks.no]\nlog = \"x\"\n[tasks.good]\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		r.pass(61 * time.Second)
		r.want("t", "12:01:00 failed")
		r.want("fix", "12:01:00")
		r.want("last", "12:01:00")
		runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "fix"})
		if err != nil || runs[0].Cause != runner.CauseChain || !strings.HasPrefix(runs[0].Parent, "t/2026") {
			t.Errorf("%+v, %v", runs, err)
		}
		r.restart(0)
		r.want("fix", "12:01:00")
		r.want("no", "")
		r.edited(strings.Replace(jobs, "write = { path = \"no/such/directory\", text = \"x\" }", "log = \"x\"", 1))
		r.ada().run(api.Request{})
		r.want("good", "12:01:01")
		r.ada().run(api.Request{})
		r.want("good", "12:01:01") // it was well before
	})
}

// A task that is expected to end well and does not is an alarm, once.
func TestFreshness(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\ninterval = \"10m\"\nlog = \"x\"\nexpect_success_within = \"15m\"\n", func(r *rig) {
		stale := func() int {
			events, err := r.ledger.Events(t.Context(), ledger.EventFilter{Kinds: []string{"stale"}})
			must(t, err)
			return len(events)
		}
		r.pass(time.Hour)
		if n := stale(); n != 0 {
			t.Errorf("%d alarms, though all is well", n)
		}
		ada := r.ada()
		ada.must(ada.Hold(ada.ctx, api.Holding{All: true}))
		r.pass(14 * time.Minute)
		if n := stale(); n != 0 {
			t.Errorf("%d alarms too early", n)
		}
		r.pass(2 * time.Minute)
		r.restart(time.Minute)
		r.pass(time.Hour)
		if n := stale(); n != 1 {
			t.Errorf("%d alarms, want 1", n)
		}
		r.ada().must(r.ada().Release(ada.ctx, "t"))
		r.pass(10 * time.Minute)
		r.ada().must(r.ada().Hold(ada.ctx, api.Holding{All: true}))
		r.pass(time.Hour)
		if n := stale(); n != 2 {
			t.Errorf("%d alarms, want 2", n)
		}
	})
}

// With --held everything starts held, until it is released or rota starts
// without.
func TestHeldAtStart(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\ninterval = \"10m\"\nlog = \"x\"\n", func(r *rig) {
		r.options.Held = true
		r.restart(0)
		r.post(func() { r.options.Held = true; must(t, r.restoreHolds(t.Context(), r.clock.Now())) })
		r.pass(11 * time.Minute)
		r.want("t", "12:10:00-12:10:00×1 skipped")
		r.restart(0)
		r.pass(10 * time.Minute)
		r.want("t", "12:10:00-12:10:00×1 skipped, 12:20:00")
	})
}

// With --once the slots that came due while rota was down are run, with missed = "once"
// as the default, and then rota ends.
func TestOnce(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nat = \"12:10\"\nlog = \"x\"\n[tasks.u]\ninterval = \"25m\"\nmissed = \"skip\"\nlog = \"x\"\n", func(r *rig) {
		r.stop()
		time.Sleep(time.Hour) // time itself is the subject
		dir, cfg := r.stateDir, r.cfg
		r.once = true
		r.live(dir, cfg)
		r.pass(time.Minute)
		r.want("t", "12:10:00 catchup")
		r.want("u", "12:25:00-12:50:00×2 missed")
	})
}

// With --once rota lasts until no run of it waits for another attempt, and says that
// one has failed.
func TestOnceWaitsForRetries(t *testing.T) {
	const jobs = "[tasks.t]\nat = \"12:10\"\nretry = { max = 2, delay = \"10m\" }\n[tasks.t.write]\npath = \"no/such/directory\"\ntext = \"x\"\n" +
		"[tasks.often]\ninterval = \"7m\"\nmissed = \"skip\"\nlog = \"x\"\n[tasks.later]\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		r.ada().run(api.Request{Task: "later", In: 65 * time.Minute})
		r.stop()
		time.Sleep(time.Hour) // time itself is the subject
		dir, cfg := r.stateDir, r.cfg
		r.once, r.fails = true, ErrRunsFailed
		r.live(dir, cfg)
		for range 3 {
			r.pass(9 * time.Minute)
			if rows := r.rows("t"); !strings.Contains(rows, "delayed") {
				t.Fatalf("%s: it does not wait", rows)
			}
			r.pass(time.Minute)
			if strings.Contains(r.rows("t"), "failed") {
				break
			}
		}
		r.want("t", "12:10:00 catchup failed")
		r.want("often", "12:07:00-12:56:00×8 missed")
		if rows := r.rows("later"); !strings.HasSuffix(rows, "delayed") {
			t.Error(rows) // for another time
		}
		if !r.onceDone() {
			t.Error("it has not ended")
		}
	})
}
