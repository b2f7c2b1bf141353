package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var remembering = []clause{
	{"the state of a task is written at the version that the caller saw", func(b book) {
		first := ledger.TaskState{FirstSeen: ledger.Seen{{Trigger: "every 5m", At: noon}}, Counted: map[string]ledger.Counted{"every 5m": {Runs: 2, Last: noon}}, After: &ledger.After{OK: map[string]string{"b": "b/1"}, Asked: "a/2"}}
		b.ok(b.SetTask(b.ctx, "a", ledger.TaskState{}, first), "first set")
		got, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		first.Version = 1
		b.same(got, first, "state")

		b.fails(b.SetTask(b.ctx, "a", ledger.TaskState{}, ledger.TaskState{}), ledger.ErrConflict, "set from version 0")
		b.fails(b.SetTask(b.ctx, "a", ledger.TaskState{Version: 2}, ledger.TaskState{}), ledger.ErrConflict, "set from version 2")
		b.fails(b.SetTask(b.ctx, "b", ledger.TaskState{Version: 1}, ledger.TaskState{}), ledger.ErrConflict, "set of a task never seen")
		b.ok(b.SetTask(b.ctx, "a", got, ledger.TaskState{Version: 77}), "second set")
		got, err = b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(got, ledger.TaskState{Version: 2}, "state")
	}},

	{"of 20 that change a task none is lost", func(b book) {
		race(20, func(i int) {
			for {
				prev, err := b.Task(b.ctx, "a")
				if err != nil {
					b.t.Error("task:", err)
					return
				}
				next := ledger.TaskState{FirstSeen: slices.Clone(prev.FirstSeen)}
				next.FirstSeen.Set(fmt.Sprint("trigger ", i), noon)
				if err = b.SetTask(b.ctx, "a", prev, next); err == nil {
					return
				}
				b.fails(err, ledger.ErrConflict, "set %d", i)
			}
		})
		s, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		if s.Version != 20 || len(s.FirstSeen) != 20 {
			b.t.Errorf("version %d with %d triggers", s.Version, len(s.FirstSeen))
		}
	}},

	{"a hold, a reschedule and a skip are kept, of a queue too", func(b book) {
		want := ledger.TaskState{
			Hold:       &ledger.Hold{By: "root", Why: "db migration", Since: at(1), Until: at(2)},
			LastHold:   &ledger.EndedHold{Hold: ledger.Hold{By: "ada", Since: at(1), Until: at(4)}, Ended: at(3)},
			Reschedule: &ledger.Reschedule{Expr: "interval 3h", By: "root", Since: at(3)}, Skip: []ledger.Skip{{Slot: at(5), By: "root", Since: at(4)}},
		}
		b.ok(b.SetTask(b.ctx, "a", ledger.TaskState{}, want), "set task")
		queue := ledger.TaskState{Hold: &ledger.Hold{Since: at(4)}, Started: &ledger.Started{By: "root", Since: at(3)}}
		b.ok(b.SetTask(b.ctx, ledger.QueueName("a"), ledger.TaskState{}, queue), "set queue")
		want.Version, queue.Version = 1, 1
		got, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(got, want, "state")
		all, err := b.Tasks(b.ctx)
		b.ok(err, "tasks")
		b.same(all, map[string]ledger.TaskState{"a": want, ledger.QueueName("a"): queue}, "all states")
		got.Hold.Why, all["a"].Reschedule.Expr = "changed", "changed"
		got, err = b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(got, want, "state after a change of what was returned")
	}},

	{"the past of a task is its last success and the failures since", func(b book) {
		past := func(what string, want ledger.Past) {
			b.t.Helper()
			got, err := b.Past(b.ctx, "a")
			b.ok(err, "past")
			b.same(got["a"], want, "past of a task "+what)
			all, err := b.Past(b.ctx)
			b.ok(err, "past of all")
			b.same(all["a"], want, "past, among those of all, of a task "+what)
		}
		end := func(key string, minute int, o runner.Outcome) {
			b.submit(request("a", key, runner.Queued))
			b.ok(b.Finish(b.ctx, b.claim("a/"+key), runner.Result{Outcome: o, Finished: at(minute)}), "finish")
		}
		past("never run", ledger.Past{})
		end("1", 1, runner.Failed)
		past("that failed", ledger.Past{Failures: 1})
		b.submit(request("a", "long", runner.Queued))
		long := b.claim("a/long")
		end("2", 2, runner.OK)
		past("that went well", ledger.Past{Success: at(2)})
		end("3", 3, runner.TimedOut)
		end("4", 4, runner.Cancelled)
		end("5", 5, runner.Lost)
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 6, 9)}})
		b.run(request("b", "x", runner.Queued))
		past("that failed again", ledger.Past{Success: at(2), Failures: 2})
		b.ok(b.Finish(b.ctx, long, runner.Result{Outcome: runner.OK, Finished: at(6)}), "finish")
		past("whose oldest run ended last", ledger.Past{Success: at(6)})
		end("7", 7, runner.Failed)
		past("that failed once more", ledger.Past{Success: at(6), Failures: 1})
		b.submit(request("c", "waits", runner.Queued))
		for what, names := range map[string][]string{"of all": nil, "of some": {"a", "b", "c", "no such task"}} {
			all, err := b.Past(b.ctx, names...)
			b.ok(err, "past")
			if len(all) != 2 || all["a"].Failures != 1 || !all["b"].Success.IsZero() && all["b"].Failures > 0 {
				b.t.Errorf("past %s: %v", what, all)
			}
		}
	}},

	{"a change of a task and the events of it are one", func(b book) {
		hold, other := ledger.Event{Time: at(1), Kind: "hold", Task: "a", Who: "root"}, ledger.Event{Time: at(1), Kind: "skip", Task: "a"}
		ch, err := b.Watch(b.ctx)
		b.ok(err, "watch")
		b.ok(b.SetTask(b.ctx, "a", ledger.TaskState{}, ledger.TaskState{Hold: &ledger.Hold{Since: at(1)}}, hold, other), "set task")
		b.fails(b.SetTask(b.ctx, "a", ledger.TaskState{}, ledger.TaskState{}, ledger.Event{Time: at(2), Kind: "release"}), ledger.ErrConflict, "second set")
		got, err := b.Events(b.ctx, ledger.EventFilter{})
		b.ok(err, "events")
		b.same(got, []ledger.Event{hold, other}, "events")
		b.same([]ledger.Event{<-ch, <-ch}, got, "events watched")
	}},

	{"events are kept in order, and the newest n are returned", func(b book) {
		var all []ledger.Event
		for i := range 5 {
			e := ledger.Event{Time: at(i), Kind: "reload", Task: "a", Who: "root", Text: fmt.Sprint("text ", i)}
			b.ok(b.Event(b.ctx, e), "event")
			all = append(all, e)
		}
		for n, want := range map[int][]ledger.Event{0: all, 2: all[3:], 5: all, 9: all} {
			got, err := b.Events(b.ctx, ledger.EventFilter{Limit: n})
			b.ok(err, "events")
			b.same(got, want, fmt.Sprintf("the newest %d", n))
		}
	}},

	{"an event without a time is of now", func(b book) {
		before := time.Now().Add(-time.Second)
		b.ok(b.Event(b.ctx, ledger.Event{Kind: "start"}), "event")
		got, err := b.Events(b.ctx, ledger.EventFilter{Limit: 1})
		b.ok(err, "events")
		if len(got) != 1 || got[0].Time.Before(before) {
			b.t.Errorf("events: %+v", got)
		}
	}},

	{"a watch sends events as they come", func(b book) {
		b.ok(b.Event(b.ctx, ledger.Event{Time: at(0), Kind: "before"}), "event")
		ctx, cancel := context.WithCancel(b.ctx)
		first, err := b.Watch(ctx)
		b.ok(err, "watch")
		second, err := b.Watch(b.ctx)
		b.ok(err, "second watch")
		e := ledger.Event{Time: at(1), Kind: "reload"}
		b.ok(b.Event(b.ctx, e), "event")
		b.same(<-first, e, "first watcher's event")
		b.same(<-second, e, "second watcher's event")

		cancel()
		if e, ok := <-first; ok {
			b.t.Errorf("after its context is done a watch sent %+v", e)
		}
		b.ok(b.Event(b.ctx, e), "event")
		b.same(<-second, e, "second watcher's next event")
	}},

	{"a watcher that does not read holds up nobody", func(b book) {
		ch, err := b.Watch(b.ctx)
		b.ok(err, "watch")
		for i := range 500 {
			b.ok(b.Event(b.ctx, ledger.Event{Time: at(i), Kind: "reload"}), "event %d", i)
		}
		b.same((<-ch).Time, at(0), "time of the first event sent")
	}},
}
