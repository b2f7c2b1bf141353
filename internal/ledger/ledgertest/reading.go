package ledgertest

import (
	"fmt"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var reading = []clause{
	{"the transitions of a run are kept in order, with their times", func(b book) {
		b.submit(request("a", "x", runner.Held))
		b.ok(b.Shift(b.ctx, "a/x", runner.Held, runner.Transition{Time: at(1), State: runner.Queued, Why: "released"}), "shift")
		lease := b.claim("a/x")
		b.ok(b.Note(b.ctx, lease, runner.Transition{Time: at(3), State: runner.Running, Why: "2 left behind"}), "note")
		b.ok(b.Finish(b.ctx, lease, runner.Result{Outcome: runner.OK, Finished: at(4), Why: "done"}), "finish")
		_, steps, err := b.Get(b.ctx, "a/x")
		b.ok(err, "get")
		b.same(steps, []runner.Transition{
			{Time: noon, State: runner.Held},
			{Time: at(1), State: runner.Queued, Why: "released"},
			{Time: lease.Run.Started, State: runner.Running},
			{Time: at(3), State: runner.Running, Why: "2 left behind"},
			{Time: at(4), Outcome: runner.OK, Why: "done"},
		}, "transitions")
	}},

	{"a transition without a time is of now", func(b book) {
		before, err := b.Now(b.ctx)
		b.ok(err, "now")
		b.submit(request("a", "x", runner.Held))
		b.ok(b.Shift(b.ctx, "a/x", runner.Held, runner.Transition{State: runner.Queued}), "shift")
		lease := b.claim("a/x")
		b.ok(b.Note(b.ctx, lease, runner.Transition{State: runner.Running}), "note")
		b.ok(b.Finish(b.ctx, lease, runner.Result{Outcome: runner.OK}), "finish")
		after, err := b.Now(b.ctx)
		b.ok(err, "now")
		run, steps, err := b.Get(b.ctx, "a/x")
		b.ok(err, "get")
		for i, s := range steps[1:] {
			if s.Time.Before(before) || s.Time.After(after) {
				b.t.Errorf("transition %d is of %v, not between %v and %v", i+1, s.Time, before, after)
			}
		}
		b.same(run.Finished, steps[4].Time, "finished")
	}},

	{"a summary row has the one transition of being written", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 3, 4)}})
		_, steps, err := b.Get(b.ctx, "a/20201122T120300Z")
		b.ok(err, "get")
		b.same(steps, []runner.Transition{{Time: at(2), Outcome: runner.Skipped, Why: "held"}}, "transitions")
	}},

	{"list returns of each of some tasks what started last, or was active since", func(b book) {
		b.advance(runner.Batch{Runs: []runner.Run{slotRun("a", 1)}, Summaries: []runner.Run{summary("c", 1, 4)}})
		b.run(request("a", "1", runner.Queued))
		b.run(request("b", "1", runner.Queued))
		b.run(request("a", "2", runner.Queued))
		b.submit(request("a", "3", runner.Queued), request("b", "2", runner.Delayed), request("d", "1", runner.Queued))
		b.claim("a/3")
		ended := b.get("b/1").Finished
		for _, row := range []struct {
			filter ledger.Filter
			want   []string
		}{
			{ledger.Filter{Tasks: []string{"a", "c"}}, []string{"a/3", "a/2", "a/1", "a/20201122T120100Z", "c/20201122T120100Z"}},
			{ledger.Filter{Tasks: []string{"none"}}, []string{}},
			{ledger.Filter{Tasks: []string{"a", "b", "c", "d", "none"}, Each: 2}, []string{"a/3", "a/2", "b/1"}},
			{ledger.Filter{Tasks: []string{"a"}, Each: 1}, []string{"a/3"}},
			{ledger.Filter{Tasks: []string{"a"}, Each: 20, Limit: 2}, []string{"a/3", "a/2"}},
			{ledger.Filter{Tasks: []string{"a", "b"}, Each: 20, Outcomes: []runner.Outcome{runner.OK}}, []string{"a/2", "b/1", "a/1"}},
			{ledger.Filter{Tasks: []string{"a", "b"}, Active: ended.Add(-time.Hour)}, []string{"a/3", "a/2", "b/1", "a/1", "a/20201122T120100Z"}},
			{ledger.Filter{Tasks: []string{"a", "b"}, Active: ended.Add(time.Hour)}, []string{"a/3", "a/20201122T120100Z"}},
			{ledger.Filter{Tasks: []string{"b", "c"}, Active: at(4)}, []string{"c/20201122T120100Z"}},
			{ledger.Filter{Tasks: []string{"c"}, Active: at(5)}, []string{}},
		} {
			b.same(b.list(row.filter), row.want, fmt.Sprintf("%+v", row.filter))
		}
	}},

	{"list returns the newest first, of those that the filter selects", func(b book) {
		b.advance(runner.Batch{Runs: []runner.Run{slotRun("a", 1)}})
		b.submit(request("b", "x", runner.Held), request("b", "y", runner.Queued))
		b.claim("b/y")
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 2, 3)}})
		b.submit(request("a", "z", runner.Queued))
		for _, row := range []struct {
			filter ledger.Filter
			want   []string
		}{
			{ledger.Filter{}, []string{"a/z", "a/20201122T120200Z", "a/done", "b/y", "b/x", "a/20201122T120100Z"}},
			{ledger.Filter{Limit: 2}, []string{"a/z", "a/20201122T120200Z"}},
			{ledger.Filter{Summaries: true}, []string{"a/20201122T120200Z"}},
			{ledger.Filter{Summaries: true, Outcomes: []runner.Outcome{runner.Missed}}, []string{}},
			{ledger.Filter{Limit: 20, Task: "b"}, []string{"b/y", "b/x"}},
			{ledger.Filter{Task: "none"}, []string{}},
			{ledger.Filter{States: []runner.State{runner.Queued}}, []string{"a/z", "a/20201122T120100Z"}},
			{ledger.Filter{States: []runner.State{runner.Running, runner.Held}}, []string{"b/y", "b/x"}},
			{ledger.Filter{States: []runner.State{runner.Queued}, Task: "a", Limit: 1}, []string{"a/z"}},
			{ledger.Filter{States: []runner.State{runner.Recurring}}, []string{}},
			{ledger.Filter{Outcomes: []runner.Outcome{runner.OK}}, []string{"a/done"}},
			{ledger.Filter{Outcomes: []runner.Outcome{runner.OK, runner.Skipped}}, []string{"a/20201122T120200Z", "a/done"}},
			{ledger.Filter{States: []runner.State{runner.Held}, Outcomes: []runner.Outcome{runner.OK}}, []string{"a/done", "b/x"}},
			{ledger.Filter{IDs: []string{"b/x", "a/done", "a/20201122T120100Z", "c/none"}}, []string{"a/done", "b/x", "a/20201122T120100Z"}},
			{ledger.Filter{IDs: []string{"b/x", "a/done"}, Task: "a"}, []string{"a/done"}},
			{ledger.Filter{IDs: []string{"c/none"}}, []string{}},
			{ledger.Filter{Before: at(1)}, []string{"a/done"}},
			{ledger.Filter{Before: noon}, []string{}},
		} {
			b.same(b.list(row.filter), row.want, fmt.Sprintf("list %+v", row.filter))
		}
	}},

	{"what is returned is the caller's own, and what is given stays his", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		exit := 3
		b.ok(b.Finish(b.ctx, b.claim("a/x"), runner.Result{Outcome: runner.Failed, Exit: &exit}), "finish")
		exit = 4
		run, steps, err := b.Get(b.ctx, "a/x")
		b.ok(err, "get")
		b.same(run.Exit, 3, "exit after a change of what was given")
		*run.Exit, steps[0].Why = 5, "changed"
		list, err := b.List(b.ctx, ledger.Filter{})
		b.ok(err, "list")
		*list[0].Exit = 6
		run, steps, err = b.Get(b.ctx, "a/x")
		b.ok(err, "get")
		b.same(run.Exit, 3, "exit after a change of what was returned")
		b.same(steps[0].Why, "", "why after a change of what was returned")

		seen := ledger.Seen{{Trigger: "every 5m", At: noon}}
		b.ok(b.SetTask(b.ctx, "a", ledger.TaskState{}, ledger.TaskState{FirstSeen: seen}), "set task")
		clear(seen)
		s, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		clear(s.FirstSeen)
		s, err = b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(s.FirstSeen, ledger.Seen{{Trigger: "every 5m", At: noon}}, "state of the task")
	}},
}
