package ledgertest

import (
	"fmt"

	"rota/internal/ledger"
	"rota/runner"
)

// recurringRequest is a recurring request of the task a.
func recurringRequest(key, on string) runner.Run {
	return with(request("a", key, runner.Recurring), func(r *runner.Run) { r.On, r.Content = on, "content of "+on })
}

// recurringSummary is a summary of slots of the recurring request a/KEY.
func recurringSummary(key string, first, last int) runner.Run {
	return with(summary("a", first, last), func(r *runner.Run) {
		r.Parent = "a/" + key
		r.ID = runner.RecurringID(r.Parent, at(first), 1)
	})
}

var recurring = []clause{
	{"a recurring request asked for with other content asks for that from then on", func(b book) {
		b.submit(with(recurringRequest("k", "interval 3h"), func(r *runner.Run) { r.InputFile, r.Priority = "/old", 1 }))
		again := with(recurringRequest("k", "interval 12s"), func(r *runner.Run) {
			r.Params, r.Input, r.Scheduled, r.Who, r.User, r.Queued, r.Revision = map[string]string{"file": "b"}, "in", at(5), "ann", "ann", at(6), "r2"
		})
		got, err := b.Submit(b.ctx, again)
		b.ok(err, "submit again")
		want := again
		want.Queued, want.Why = noon, "changed" // it was asked for then
		b.same(got, want, "returned")
		b.same(b.get("a/k"), want, "written")
		_, steps, err := b.Get(b.ctx, "a/k")
		b.ok(err, "get")
		if len(steps) != 2 || steps[1].State != runner.Recurring || steps[1].On != "interval 12s" || steps[1].Why != "changed" {
			b.t.Errorf("transitions: %+v", steps)
		}
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Recurring}}), []string{"a/k"}, "recurring")
	}},

	{"a recurring request asked for with the same content is the one there is", func(b book) {
		b.submit(recurringRequest("k", "interval 3h"))
		b.submit(with(recurringRequest("k", "interval 3h"), func(r *runner.Run) { r.Who, r.Scheduled = "ann", at(5) }))
		b.same(b.get("a/k"), recurringRequest("k", "interval 3h"), "run")
		_, steps, err := b.Get(b.ctx, "a/k")
		b.ok(err, "get")
		b.same(len(steps), 1, "transitions")
	}},

	{"a move of a recurring request that was replaced meanwhile is refused", func(b book) {
		old := recurringRequest("k", "interval 3h")
		b.submit(old)
		b.submit(recurringRequest("k", "interval 12s"))
		count := runner.Transition{State: runner.Recurring, On: "interval 3h count 2", Time: at(1)}
		_, err := b.Commit(b.ctx, ledger.Change{Moves: []ledger.Move{{ID: old.ID, From: runner.Recurring, Content: old.Content, To: count}}})
		b.fails(err, ledger.ErrConflict, "move")
		b.same(b.get("a/k").On, "interval 12s", "trigger")
		_, err = b.Commit(b.ctx, ledger.Change{Moves: []ledger.Move{{ID: old.ID, From: runner.Recurring, Content: b.get("a/k").Content, To: count}}})
		b.ok(err, "move")
		b.same(b.get("a/k").On, count.On, "trigger")
	}},

	{"a recurring request that has ended recurs again when it is requested", func(b book) {
		for _, on := range []string{"interval 3h", "interval 12s"} { // the first is the same as before
			b.submit(recurringRequest("k", "interval 3h"))
			b.ok(b.Cancel(b.ctx, "a/k", runner.TextReason("by root")), "cancel")
			got, err := b.Submit(b.ctx, recurringRequest("k", on))
			b.ok(err, "submit")
			want := with(recurringRequest("k", on), func(r *runner.Run) { r.Why = "requested again" })
			b.same(got, want, "returned")
			b.same(b.get("a/k"), want, "written")
			b.ok(b.Cancel(b.ctx, "a/k", runner.Reason{}), "cancel again")
		}
	}},

	{"an id that no recurring request had stays taken, and that of one is not given to others", func(b book) {
		b.submit(request("a", "waits", runner.Queued))
		b.run(request("a", "done", runner.Queued))
		b.submit(recurringRequest("k", "interval 3h"), with(recurringRequest("held", "interval 3h"), func(r *runner.Run) { r.State = runner.Held }))
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		for _, run := range []runner.Run{
			recurringRequest("waits", "interval 3h"), recurringRequest("done", "interval 3h"), recurringRequest("held", "interval 12s"), recurringRequest("20201122T120200Z", "interval 3h"),
			with(recurringRequest("k", "interval 12s"), func(r *runner.Run) { r.State = runner.Queued }),
			request("a", "k", runner.Delayed),
		} {
			_, err := b.Submit(b.ctx, run)
			b.fails(err, ledger.ErrExists, "submit of %s, %s", run.ID, run.State)
		}
		b.same(b.get("a/k"), recurringRequest("k", "interval 3h"), "run")
	}},

	{"of 20 that change a recurring request one is the last", func(b book) {
		race(20, func(i int) {
			if _, err := b.Submit(b.ctx, recurringRequest("k", fmt.Sprintf("interval %dm", i))); err != nil {
				b.t.Errorf("submit %d: %v", i, err)
			}
		})
		run, steps, err := b.Get(b.ctx, "a/k")
		b.ok(err, "get")
		if len(steps) != 20 || steps[19].On != run.On || run.Content != "content of "+run.On {
			b.t.Errorf("after %d transitions: %+v", len(steps), run)
		}
	}},

	{"shift gives a recurring request another trigger", func(b book) {
		b.submit(recurringRequest("k", "interval 3h"))
		b.ok(b.Shift(b.ctx, "a/k", runner.Recurring, runner.Transition{Time: at(1), State: runner.Recurring, On: "never", Why: "rescheduled"}), "shift")
		b.ok(b.Shift(b.ctx, "a/k", runner.Recurring, runner.Transition{Time: at(2), State: runner.Recurring, Why: "checked"}), "shift without a trigger")
		want := recurringRequest("k", "interval 3h")
		want.On, want.Why = "never", "checked"
		b.same(b.get("a/k"), want, "run")
		_, steps, err := b.Get(b.ctx, "a/k")
		b.ok(err, "get")
		b.same(steps, []runner.Transition{
			{Time: noon, State: runner.Recurring},
			{Time: at(1), State: runner.Recurring, Why: "rescheduled", On: "never"},
			{Time: at(2), State: runner.Recurring, Why: "checked"},
		}, "transitions")
	}},

	{"summaries join only those of the same parent", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2), recurringSummary("k", 1, 2), recurringSummary("l", 1, 2)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 3, 4), recurringSummary("k", 3, 4), recurringSummary("l", 3, 4)}})
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 5, 6), recurringSummary("l", 5, 6)}})
		until := func(r runner.Run, last int) runner.Run {
			r.Last, r.Finished, r.Count = at(last), at(last), last
			return r
		}
		b.same(b.list(ledger.Filter{}), []string{"a/l.20201122T120100Z", "a/k.20201122T120100Z", "a/20201122T120100Z"}, "rows")
		b.same(b.get("a/20201122T120100Z"), until(summary("a", 1, 1), 6), "the task's own")
		b.same(b.get("a/k.20201122T120100Z"), until(recurringSummary("k", 1, 1), 4), "one request's")
		b.same(b.get("a/l.20201122T120100Z"), until(recurringSummary("l", 1, 1), 6), "another request's")
		b.same(b.list(ledger.Filter{Parent: "a/k"}), []string{"a/k.20201122T120100Z"}, "rows of a parent")
	}},

	{"the id of a recurring request's slot inside its summary row finds that row", func(b book) {
		second := with(recurringSummary("k", 3, 4), func(r *runner.Run) { r.ID = runner.RecurringID("a/k", at(3), 2) })
		b.advance(runner.Batch{Summaries: []runner.Run{recurringSummary("k", 1, 6), second, recurringSummary("k.k", 2, 3), summary("a", 8, 9)}})
		for id, want := range map[string]string{
			"a/k.20201122T120100Z":   "a/k.20201122T120100Z",
			"a/k.20201122T120400Z":   "a/k.20201122T120100Z",
			"a/k.20201122T120600Z":   "a/k.20201122T120100Z",
			"a/k.20201122T120400Z~2": "a/k.20201122T120300Z~2",
			"a/k.k.20201122T120300Z": "a/k.k.20201122T120200Z",
		} {
			b.same(b.get(id).ID, want, "row of "+id)
		}
		for _, id := range []string{
			"a/20201122T120400Z", "a/k.20201122T120700Z", "a/k.20201122T120000Z", "a/k.20201122T120500Z~2", "a/k.20201122T120800Z",
			"a/k.k.20201122T120400Z", "a/l.20201122T120400Z", "a/.20201122T120400Z",
		} {
			_, _, err := b.Get(b.ctx, id)
			b.fails(err, ledger.ErrNotFound, "get %q", id)
		}
		leases := b.advance(runner.Batch{
			Runs:  []runner.Run{with(slotRun("a", 2), func(r *runner.Run) { r.ID, r.Parent = runner.RecurringID("a/k", at(2), 1), "a/k" })},
			Claim: []string{runner.RecurringID("a/k", at(2), 1)},
		})
		b.same(ids(leases), []string{}, "leases of a slot that is summarized")
	}},
}
