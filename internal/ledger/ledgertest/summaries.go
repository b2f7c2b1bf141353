package ledgertest

import (
	"rota/internal/ledger"
	"rota/runner"
)

var summarizing = []clause{
	{"a summary joins the newest row of its task if that has the same outcome and reason", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("b", 5, 5)}}) // of another task: does not part them
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 5, 6)}})
		want := summary("a", 1, 6)
		want.Finished = at(6)
		b.same(b.get("a/20201122T120100Z"), want, "row of a")
		b.same(b.get("b/20201122T120500Z"), summary("b", 5, 5), "row of b")
		b.same(b.list(ledger.Filter{Task: "a"}), []string{"a/20201122T120100Z"}, "rows of a")
	}},

	{"summaries of one batch join too", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 3, 4), summary("a", 1, 2)}})
		b.same(b.get("a/20201122T120100Z"), summary("a", 1, 4), "row")
	}},

	{"a batch sees what it has summarized itself", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		later := func(r runner.Run) runner.Run { r.Revision = "r2"; return r }
		b.advance(runner.Batch{
			Summaries: []runner.Run{later(summary("a", 5, 6)), later(summary("a", 7, 8)), summary("b", 1, 4)},
			Runs:      []runner.Run{slotRun("a", 6), slotRun("b", 2)},
		})
		b.same(b.get("a/20201122T120600Z"), later(summary("a", 1, 8)), "row of a")
		b.same(b.get("b/20201122T120200Z"), summary("b", 1, 4), "row of b")
		b.same(b.list(ledger.Filter{}), []string{"b/20201122T120100Z", "a/20201122T120100Z"}, "rows")
	}},

	{"a summary of another outcome is a row of its own", func(b book) {
		for task, change := range map[string]func(*runner.Run){
			"outcome": func(r *runner.Run) { r.Outcome = runner.Missed },
			"why":     func(r *runner.Run) { r.Why = "overlap" },
			"by":      func(r *runner.Run) { r.By = "other/run" },
			"epoch":   func(r *runner.Run) { r.ID = runner.SlotID(r.Task, r.First, 2) },
		} {
			other := with(summary(task, 3, 4), change)
			b.advance(runner.Batch{Summaries: []runner.Run{summary(task, 1, 2)}})
			b.advance(runner.Batch{Summaries: []runner.Run{other}})
			b.same(b.list(ledger.Filter{Task: task}), []string{other.ID, summary(task, 1, 2).ID}, "rows that differ in "+task)
			b.same(b.get(other.ID), other, "second row")
		}
	}},

	{"a run between two summaries keeps them apart", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2)}, Runs: []runner.Run{slotRun("a", 3)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 4, 5)}})
		b.same(b.list(ledger.Filter{}), []string{"a/20201122T120400Z", "a/20201122T120300Z", "a/20201122T120100Z"}, "rows")
	}},

	{"a summary does not join a run, even one of the same outcome", func(b book) {
		run := slotRun("a", 0)
		b.advance(runner.Batch{Runs: []runner.Run{run}})
		b.ok(b.Shift(b.ctx, run.ID, runner.Queued, runner.Transition{Time: at(0), Outcome: runner.Skipped, Why: "held"}), "shift")
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2)}})
		b.same(b.list(ledger.Filter{}), []string{"a/20201122T120100Z", run.ID}, "rows")
	}},

	{"the id of a slot inside a summary row finds that row", func(b book) {
		later := with(summary("a", 2, 3), func(r *runner.Run) { r.ID = runner.SlotID("a", r.First, 2) })
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}, Runs: []runner.Run{slotRun("a", 5)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 6, 7)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 8, 9)}}) // joins
		b.advance(runner.Batch{Summaries: []runner.Run{later}})
		for id, want := range map[string]string{
			"a/20201122T120100Z":   "a/20201122T120100Z",
			"a/20201122T120200Z":   "a/20201122T120100Z",
			"a/20201122T120230Z":   "a/20201122T120100Z",
			"a/20201122T120400Z":   "a/20201122T120100Z",
			"a/20201122T120500Z":   "a/20201122T120500Z",
			"a/20201122T120700Z":   "a/20201122T120600Z",
			"a/20201122T120900Z":   "a/20201122T120600Z",
			"a/20201122T120200Z~2": "a/20201122T120200Z~2",
			"a/20201122T120300Z~2": "a/20201122T120200Z~2",
		} {
			b.same(b.get(id).ID, want, "row of "+id)
		}
		for _, id := range []string{
			"a/20201122T120000Z", "a/20201122T120401Z", "a/20201122T121000Z", // outside
			"a/20201122T120100Z~2", "a/20201122T120400Z~2", "a/20201122T120200Z~3", // in another epoch
			"b/20201122T120200Z", "a/20201122T120200Z~1", "a/20201122T120200", "a/x", "a/", "a", "", // of nothing
		} {
			_, _, err := b.Get(b.ctx, id)
			b.fails(err, ledger.ErrNotFound, "get %q", id)
		}
	}},

	{"a slot inside a summary row is there, and left alone", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		leases := b.advance(runner.Batch{
			Runs: []runner.Run{slotRun("a", 2)}, Summaries: []runner.Run{summary("a", 3, 3), summary("a", 1, 4)},
			Claim: []string{"a/20201122T120200Z"},
		})
		b.same(ids(leases), []string{}, "leases")
		b.same(b.get("a/20201122T120200Z"), summary("a", 1, 4), "row")
		b.same(b.list(ledger.Filter{}), []string{"a/20201122T120100Z"}, "rows")
	}},
}

// in returns the run as one of the queue.
func in(queue string, r runner.Run) runner.Run {
	r.Queue = queue
	return r
}

var queueing = []clause{
	{"a batch that a queue has no room for writes nothing", func(b book) {
		b.submit(in(Narrow, request("a", "1", runner.Queued)), request("a", "old", runner.Queued))
		_, err := b.tryAdvance(runner.Batch{
			Runs:      []runner.Run{in(Narrow, slotRun("b", 1)), in(Narrow, slotRun("c", 1)), slotRun("d", 1)},
			Summaries: []runner.Run{summary("e", 1, 2)},
			Ends:      []runner.End{{ID: "a/old", Outcome: runner.Replaced}},
			Claim:     []string{"d/20201122T120100Z"},
		})
		b.fails(err, ledger.ErrQueueFull, "advance")
		b.same(b.cursor(), ledger.Cursor{}, "cursor")
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Queued}}), []string{"a/old", "a/1"}, "runs")
	}},

	{"a submit that a queue has no room for writes nothing", func(b book) {
		b.submit(in(Narrow, request("a", "1", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		_, err := b.Submit(b.ctx, in(Narrow, request("a", "3", runner.Queued)))
		b.fails(err, ledger.ErrQueueFull, "submit")
		b.submit(in("wide", request("a", "4", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		b.same(b.list(ledger.Filter{}), []string{"a/4", "a/2", "a/1"}, "runs")
	}},

	{"only what is queued takes room", func(b book) {
		for _, s := range []runner.State{runner.Held, runner.Recurring, runner.Delayed, runner.Running} {
			b.submit(in(Narrow, request("a", string(s), s)))
		}
		b.submit(in(Narrow, request("a", "1", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		_, err := b.Submit(b.ctx, in(Narrow, request("a", "3", runner.Queued)))
		b.fails(err, ledger.ErrQueueFull, "submit")
		b.submit(in(Narrow, request("a", "4", runner.Held)))
	}},

	{"what a batch names twice counts once", func(b book) {
		b.submit(in(Narrow, request("a", "1", runner.Queued)))
		once := in(Narrow, slotRun("b", 1))
		b.advance(runner.Batch{Runs: []runner.Run{once, once}})
		_, err := b.tryAdvance(runner.Batch{
			Runs:  []runner.Run{in(Narrow, slotRun("c", 2)), in(Narrow, slotRun("d", 2))},
			Claim: []string{"a/1", "a/1"},
		})
		b.fails(err, ledger.ErrQueueFull, "advance")
	}},

	{"what a batch ends or claims makes room in it", func(b book) {
		b.submit(in(Narrow, request("a", "1", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		run := in(Narrow, slotRun("b", 1))
		b.advance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
		b.advance(runner.Batch{Runs: []runner.Run{in(Narrow, slotRun("b", 2))}, Claim: []string{"a/1"}})
		b.advance(runner.Batch{Runs: []runner.Run{in(Narrow, slotRun("b", 3))}, Ends: []runner.End{{ID: "a/2", Outcome: runner.Replaced}}})
		_, err := b.tryAdvance(runner.Batch{Runs: []runner.Run{in(Narrow, slotRun("b", 4))}, Claim: []string{"a/1"}})
		b.fails(err, ledger.ErrQueueFull, "advance with the claim of one that runs")
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Queued}}), []string{"b/20201122T120300Z", "b/20201122T120200Z"}, "waiting")
	}},

	{"what starts, ends or is held leaves room", func(b book) {
		b.submit(in(Narrow, request("a", "1", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		b.claim("a/1")
		b.submit(in(Narrow, request("a", "3", runner.Queued)))
		b.ok(b.Cancel(b.ctx, "a/3", runner.Reason{}), "cancel")
		b.submit(in(Narrow, request("a", "4", runner.Queued)))
		b.ok(b.Shift(b.ctx, "a/4", runner.Queued, runner.Transition{Time: at(1), State: runner.Held}), "shift")
		b.submit(in(Narrow, request("a", "5", runner.Queued)))
		_, err := b.Submit(b.ctx, in(Narrow, request("a", "6", runner.Queued)))
		b.fails(err, ledger.ErrQueueFull, "submit")
	}},

	{"a queue that is over its capacity still lets go and shift back", func(b book) {
		b.submit(in(Narrow, request("a", "0", runner.Held)))
		b.submit(in(Narrow, request("a", "1", runner.Queued)), in(Narrow, request("a", "2", runner.Queued)))
		b.ok(b.Shift(b.ctx, "a/0", runner.Held, runner.Transition{Time: at(1), State: runner.Queued}), "shift")
		run := in(Narrow, slotRun("b", 1))
		b.advance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{"a/1"}})
		_, err := b.tryAdvance(runner.Batch{Runs: []runner.Run{in(Narrow, slotRun("b", 2))}})
		b.fails(err, ledger.ErrQueueFull, "advance")
	}},
}
