package ledgertest

import (
	"rota/internal/ledger"
	"rota/runner"
)

// whole is a change that has every part, given a pending run a/moved and the leases
// of two runs.
func whole(b book, noted, ended ledger.Lease) ledger.Change {
	run := slotRun("a", 1)
	cursor := b.cursor()
	return ledger.Change{
		Cursor:   &ledger.CursorMove{From: cursor, To: ledger.Cursor{Epoch: 1, Through: at(1), Revision: "r1"}},
		Batch:    runner.Batch{Runs: []runner.Run{run}, Summaries: []runner.Run{summary("b", 1, 3)}, Claim: []string{run.ID}},
		Requests: []runner.Run{request("a", "asked", runner.Queued)},
		Moves:    []ledger.Move{{ID: "a/moved", From: runner.Queued, To: runner.Transition{State: runner.Held, Time: at(1)}}},
		Notes:    []ledger.Note{{Lease: noted, To: runner.Transition{State: runner.Delayed, Time: at(1), Until: at(2)}}},
		Ends:     []ledger.End{{Lease: ended, Result: runner.Result{Outcome: runner.OK, Finished: at(1)}}},
		States:   []ledger.StateChange{{Name: "a", Next: ledger.TaskState{Hold: &ledger.Hold{By: "ann", Since: at(1)}}}},
		Events:   []ledger.Event{{Kind: "reload", Time: at(1)}},
		Notices:  []ledger.Notice{{Target: "ops", Kind: "failure", Time: at(1)}},
	}
}

var committing = []clause{
	{"all parts of a change are written by one commit", func(b book) {
		b.submit(request("a", "moved", runner.Queued), request("a", "noted", runner.Queued), request("a", "ended", runner.Queued))
		done, err := b.Commit(b.ctx, whole(b, b.claim("a/noted"), b.claim("a/ended")))
		b.ok(err, "commit")
		b.same(ids(done.Leases), []string{slotRun("a", 1).ID}, "leases")
		b.same(done.Requests, []runner.Run{b.get("a/asked")}, "requests")
		b.same(len(done.Notices), 1, "notices")
		b.same(b.cursor().Through, at(1), "cursor")
		b.same(b.get("a/moved").State, runner.Held, "state of the run that was moved")
		b.same(b.get("a/noted").State, runner.Delayed, "state of the run that was noted")
		b.same(b.get("a/ended").Outcome, runner.OK, "outcome of the run that ended")
		b.same(b.get(summary("b", 1, 3).ID), summary("b", 1, 3), "summary")
		state, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(state.Hold.By, "ann", "hold")
	}},

	{"a change of which any part is refused writes nothing", func(b book) {
		b.submit(request("a", "moved", runner.Queued), request("a", "noted", runner.Queued), request("a", "ended", runner.Queued))
		noted, ended := b.claim("a/noted"), b.claim("a/ended")
		for i := range Room {
			r := request("c", string(rune('1'+i)), runner.Queued)
			r.Queue = Narrow
			b.submit(r)
		}
		before := b.list(ledger.Filter{})
		over := request("c", "over", runner.Queued)
		over.Queue = Narrow
		for what, spoil := range map[string]struct {
			do   func(*ledger.Change)
			want error
		}{
			"cursor":  {func(c *ledger.Change) { c.Cursor.From.Epoch = 7 }, ledger.ErrStale},
			"batch":   {func(c *ledger.Change) { c.Batch.Runs = append(c.Batch.Runs, over) }, ledger.ErrQueueFull},
			"request": {func(c *ledger.Change) { c.Requests = append(c.Requests, over) }, ledger.ErrQueueFull},
			"id": {func(c *ledger.Change) {
				c.Requests = append(c.Requests, with(request("a", "moved", runner.Queued), func(r *runner.Run) { r.Content = "else" }))
			}, ledger.ErrExists},
			"move":  {func(c *ledger.Change) { c.Moves = append(c.Moves, ledger.Move{ID: "a/none"}) }, ledger.ErrNotFound},
			"moved": {func(c *ledger.Change) { c.Moves[0].From = runner.Held }, ledger.ErrConflict},
			"note":  {func(c *ledger.Change) { c.Notes[0].Lease.Token = "x" }, ledger.ErrFenced},
			"end":   {func(c *ledger.Change) { c.Ends[0].Lease.Token = "x" }, ledger.ErrFenced},
			"state": {func(c *ledger.Change) { c.States[0].Prev.Version = 7 }, ledger.ErrConflict},
		} {
			c := whole(b, noted, ended)
			spoil.do(&c)
			_, err := b.Commit(b.ctx, c)
			b.fails(err, spoil.want, "a change with a %s that is refused", what)
			b.same(b.list(ledger.Filter{}), before, "runs after a refused "+what)
			b.same(b.cursor(), ledger.Cursor{}, "cursor after a refused "+what)
			b.same([]runner.State{b.get("a/moved").State, b.get("a/noted").State, b.get("a/ended").State},
				[]runner.State{runner.Queued, runner.Running, runner.Running}, "states after a refused "+what)
			states, err := b.Tasks(b.ctx)
			b.ok(err, "tasks")
			b.same(len(states), 0, "states of tasks after a refused "+what)
			events, err := b.Events(b.ctx, ledger.EventFilter{})
			b.ok(err, "events")
			b.same(len(events), 0, "events after a refused "+what)
			notices, err := b.Outbox(b.ctx, 0)
			b.ok(err, "outbox")
			b.same(len(notices), 0, "notices after a refused "+what)
		}
		_, err := b.Commit(b.ctx, whole(b, noted, ended)) // the leases hold
		b.ok(err, "the same change, unspoilt")
	}},
}

var notifying = []clause{
	{"a notice stays in the outbox until it is delivered", func(b book) {
		run := with(request("a", "x", runner.Queued), func(r *runner.Run) { r.State, r.Outcome, r.Finished, r.Why = "", runner.Failed, at(2), "exit 1" })
		notices := []ledger.Notice{
			{Target: "ops", Kind: "failure", Time: at(2), Run: run},
			{Target: "ops", Kind: "bad_config", Text: "jobs.toml:1:1", Time: at(3)},
			{Kind: "ping", Time: at(4), Run: run},
		}
		first, err := b.Commit(b.ctx, ledger.Change{Notices: notices[:2]})
		b.ok(err, "commit")
		second, err := b.Commit(b.ctx, ledger.Change{Notices: notices[2:]})
		b.ok(err, "commit")
		all := append(first.Notices, second.Notices...)
		b.same(all, notices, "notices")
		for i, n := range all {
			if i > 0 && n.Number <= all[i-1].Number || n.Number == 0 {
				b.t.Errorf("number %d after %d", n.Number, all[max(0, i-1)].Number)
			}
		}
		outbox := func(limit int) []ledger.Notice {
			list, err := b.Outbox(b.ctx, limit)
			b.ok(err, "outbox")
			return list
		}
		b.same(outbox(0), notices, "outbox")
		b.same(outbox(2), notices[:2], "the first two")
		_, err = b.Commit(b.ctx, ledger.Change{Delivered: []int64{all[1].Number, all[1].Number, 1 << 40}})
		b.ok(err, "commit")
		left := outbox(0)
		b.same(left, []ledger.Notice{notices[0], notices[2]}, "outbox after a delivery")
		b.same([]int64{left[0].Number, left[1].Number}, []int64{all[0].Number, all[2].Number}, "numbers")
	}},
}
