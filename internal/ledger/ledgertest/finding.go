package ledgertest

import (
	"fmt"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var finding = []clause{
	{"find looks for a slot in the newest epoch first", func(b book) {
		epoch := func(r runner.Run, n int) runner.Run {
			if r.ID = runner.SlotID(r.Task, r.Scheduled, n); r.Parent != "" {
				r.ID = runner.RecurringID(r.Parent, r.Scheduled, n)
			}
			return r
		}
		b.submit(request("a", "x", runner.Queued), request("b", "k", runner.Queued))
		b.advance(runner.Batch{
			Summaries: []runner.Run{summary("a", 1, 4), epoch(summary("a", 3, 3), 7), recurringSummary("k", 1, 8), epoch(recurringSummary("k", 2, 3), 2)},
			Runs:      []runner.Run{slotRun("a", 5), epoch(slotRun("a", 5), 2), slotRun("b", 2)},
		})
		for _, row := range []struct {
			of     string
			minute int
			want   string // "": nothing
		}{
			{"a", 0, ""}, {"a", 1, "a/20201122T120100Z"}, {"a", 2, "a/20201122T120100Z"}, {"a", 3, "a/20201122T120300Z~7"},
			{"a", 4, "a/20201122T120100Z"}, {"a", 5, "a/20201122T120500Z~2"}, {"a", 6, ""},
			{"b", 2, "b/20201122T120200Z"}, {"b", 3, ""}, {"none", 1, ""}, {"", 1, ""},
			{"a/k", 0, ""}, {"a/k", 1, "a/k.20201122T120100Z"}, {"a/k", 3, "a/k.20201122T120200Z~2"}, {"a/k", 4, "a/k.20201122T120100Z"},
			{"a/k", 9, ""}, {"a/x", 1, ""}, {"b/k", 2, ""},
		} {
			run, steps, err := b.Find(b.ctx, row.of, at(row.minute).In(time.FixedZone("", 3600)))
			if row.want == "" {
				b.fails(err, ledger.ErrNotFound, "find %s at minute %d", row.of, row.minute)
				continue
			}
			b.ok(err, "find %s at minute %d", row.of, row.minute)
			b.same(run.ID, row.want, fmt.Sprintf("row of %s at minute %d", row.of, row.minute))
			b.same(len(steps), 1, "transitions")
		}
	}},

	{"the newest run of a task runs, or was started last, or waits", func(b book) {
		newest := func(what string, want map[string]string, tasks ...string) {
			b.t.Helper()
			runs, err := b.Newest(b.ctx, tasks...)
			b.ok(err, "newest")
			got := map[string]string{}
			for task, r := range runs {
				got[task] = r.ID
				b.same(r, b.get(r.ID).Brief(), r.ID)
			}
			b.same(got, want, "newest "+what)
		}
		newest("of nothing", map[string]string{})
		b.submit(request("a", "1", runner.Delayed), request("a", "2", runner.Held))
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4), summary("summaries", 1, 4)}})
		b.submit(request("gone", "1", runner.Queued))
		b.ok(b.Cancel(b.ctx, "gone/1", runner.Reason{}), "cancel")
		newest("of what waits", map[string]string{"a": "a/2"})

		started := func(task, key string, minute int) runner.Run {
			return with(request(task, key, runner.Running), func(r *runner.Run) { r.Started, r.Attempts = at(minute), 1 })
		}
		end := func(id string) {
			b.t.Helper()
			b.ok(b.Finish(b.ctx, b.claim(id), runner.Result{Outcome: runner.Failed, Finished: at(60)}), "finish")
		}
		b.submit(started("a", "3", 5), started("a", "4", 3), started("b", "1", 1))
		newest("of what runs", map[string]string{"a": "a/3", "b": "b/1"})
		end("a/3")
		newest("of one that runs and a later one that ended", map[string]string{"a": "a/4", "b": "b/1"})
		end("a/4")
		end("b/1")
		newest("of what ended", map[string]string{"a": "a/3", "b": "b/1"})
		b.submit(request("a", "5", runner.Queued), started("b", "2", 1))
		end("b/2")
		b.advance(runner.Batch{Summaries: []runner.Run{summary("b", 70, 80)}})
		newest("with one that waits, and with two of one start", map[string]string{"a": "a/3", "b": "b/2"})
		newest("of one task", map[string]string{"b": "b/2"}, "b", "none", "gone", "summaries")
		newest("of one task and another twice", map[string]string{"a": "a/3", "b": "b/2"}, "b", "a", "b")
		_, err := b.Forget(b.ctx, ledger.Filter{IDs: []string{"a/3"}})
		b.ok(err, "forget")
		newest("after the newest was forgotten", map[string]string{"a": "a/4", "b": "b/2"})
	}},

	{"since selects what began then or later", func(b book) {
		b.submit(
			with(request("a", "slot", runner.Queued), func(r *runner.Run) { r.Scheduled, r.Queued = at(3), at(9) }),
			with(request("a", "queued", runner.Queued), func(r *runner.Run) { r.Scheduled, r.Queued = time.Time{}, at(5) }),
			with(request("a", "started", runner.Running), func(r *runner.Run) { r.Scheduled, r.Started = at(1), at(7) }),
		)
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 8)}})
		for minute, want := range map[int][]string{
			3: {"a/20201122T120100Z", "a/started", "a/queued", "a/slot"},
			4: {"a/20201122T120100Z", "a/started", "a/queued"},
			6: {"a/20201122T120100Z", "a/started"},
			8: {"a/20201122T120100Z"},
			9: {},
		} {
			b.same(b.list(ledger.Filter{Since: at(minute)}), want, fmt.Sprintf("since minute %d", minute))
			b.same(b.list(ledger.Filter{Since: at(minute), Task: "b"}), []string{}, "of another task")
		}
		runs, err := b.List(b.ctx, ledger.Filter{})
		b.ok(err, "list")
		for _, r := range runs {
			b.same(b.list(ledger.Filter{IDs: []string{r.ID}, Since: ledger.Began(r)}), []string{r.ID}, "since it began")
		}
	}},

	{"a parent selects what it asked for", func(b book) {
		child := func(key, parent string) runner.Run {
			return with(request("a", key, runner.Queued), func(r *runner.Run) { r.Cause, r.Parent = runner.CauseChain, parent })
		}
		b.submit(child("1", "p/1"), child("2", "p/2"), child("3", "p/1"), request("b", "4", runner.Queued))
		b.same(b.list(ledger.Filter{Parent: "p/1"}), []string{"a/3", "a/1"}, "of a parent")
		b.same(b.list(ledger.Filter{Parent: "p/1", Limit: 1}), []string{"a/3"}, "the newest of a parent")
		b.same(b.list(ledger.Filter{Parent: "p/1", Task: "b"}), []string{}, "of a parent and another task")
	}},

	{"events are found by task, kind and time", func(b book) {
		for i, e := range []ledger.Event{{Kind: "start"}, {Kind: "hold", Task: "a"}, {Kind: "hold", Task: "b"}, {Kind: "release", Task: "a"}, {Kind: "stop"}} {
			e.Time, e.Text = at(i), fmt.Sprint(i)
			b.ok(b.Event(b.ctx, e), "event")
		}
		for _, row := range []struct {
			filter ledger.EventFilter
			want   string
		}{
			{ledger.EventFilter{}, "01234"},
			{ledger.EventFilter{Task: "a"}, "0134"},
			{ledger.EventFilter{Task: "c"}, "04"},
			{ledger.EventFilter{Kinds: []string{"hold", "stop"}}, "124"},
			{ledger.EventFilter{Kinds: []string{"hold"}, Task: "a"}, "1"},
			{ledger.EventFilter{Since: at(2)}, "234"},
			{ledger.EventFilter{Until: at(2)}, "01"},
			{ledger.EventFilter{Since: at(1), Until: at(4), Limit: 2}, "23"},
			{ledger.EventFilter{Since: at(9)}, ""},
		} {
			events, err := b.Events(b.ctx, row.filter)
			b.ok(err, "events")
			got := ""
			for _, e := range events {
				got += e.Text
			}
			b.same(got, row.want, fmt.Sprintf("events %+v", row.filter))
		}
	}},
}
