package ledgertest

import (
	"sync/atomic"

	"rota/internal/ledger"
	"rota/runner"
)

var advancing = []clause{
	{"a ledger never used has the zero cursor and nothing in it", func(b book) {
		b.same(b.cursor(), ledger.Cursor{}, "cursor")
		b.same(b.list(ledger.Filter{}), []string{}, "runs")
		s, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(s, ledger.TaskState{}, "state of a task")
	}},

	{"now is a time of the wall clock", func(b book) {
		now, err := b.Now(b.ctx)
		b.ok(err, "now")
		if now.IsZero() || now != now.Round(0) {
			b.t.Errorf("now is %v", now)
		}
	}},

	{"advance writes the cursor, the runs, the summaries, the ends and the claims", func(b book) {
		b.submit(request("a", "old", runner.Queued))
		next := ledger.Cursor{Epoch: 1, Through: at(5), Revision: "r1", Boot: "b1", Reach: at(9)}
		leases, err := b.Advance(b.ctx, b.cursor(), next, runner.Batch{
			Runs:      []runner.Run{slotRun("a", 5), slotRun("b", 5)},
			Summaries: []runner.Run{summary("a", 1, 4)},
			Ends:      []runner.End{{ID: "a/old", Outcome: runner.Replaced, Why: "by a/20201122T120500Z"}},
			Claim:     []string{"b/20201122T120500Z"},
		})
		b.ok(err, "advance")
		b.same(b.cursor(), next, "cursor")
		b.same(ids(leases), []string{"b/20201122T120500Z"}, "leases")
		b.same(b.get("a/20201122T120500Z"), slotRun("a", 5), "new run")
		b.same(b.get("a/20201122T120100Z"), summary("a", 1, 4), "new summary")
		if r := b.get("b/20201122T120500Z"); r.State != runner.Running || r.Started.IsZero() || r.Attempts != 1 {
			b.t.Errorf("claimed run: %+v", r)
		}
		if r := b.get("a/old"); r.State != "" || r.Outcome != runner.Replaced || r.Why != "by a/20201122T120500Z" || r.Finished.IsZero() {
			b.t.Errorf("ended run: %+v", r)
		}
	}},

	{"a claim covers what waits already, in the order of the claims", func(b book) {
		b.advance(runner.Batch{Runs: []runner.Run{slotRun("a", 1), slotRun("b", 1)}})
		leases := b.advance(runner.Batch{
			Runs:  []runner.Run{slotRun("c", 2)},
			Claim: []string{"c/20201122T120200Z", "a/20201122T120100Z", "nobody/20201122T120100Z"},
		})
		b.same(ids(leases), []string{"c/20201122T120200Z", "a/20201122T120100Z"}, "leases")
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Queued}}), []string{"b/20201122T120100Z"}, "still waiting")
	}},

	{"a cursor that is not the present one writes nothing", func(b book) {
		b.submit(request("a", "old", runner.Queued))
		now := ledger.Cursor{Epoch: 1, Through: at(5), Revision: "r1"}
		_, err := b.Advance(b.ctx, ledger.Cursor{}, now, runner.Batch{})
		b.ok(err, "first advance")
		for _, stale := range []ledger.Cursor{
			{},
			{Epoch: 2, Through: at(5), Revision: "r1"},
			{Epoch: 1, Through: at(4), Revision: "r1"},
			{Epoch: 1, Through: at(5), Revision: "r2"},
		} {
			leases, err := b.Advance(b.ctx, stale, ledger.Cursor{Epoch: 1, Through: at(6), Revision: "r1"}, runner.Batch{
				Runs:      []runner.Run{slotRun("a", 6)},
				Summaries: []runner.Run{summary("b", 1, 4)},
				Ends:      []runner.End{{ID: "a/old", Outcome: runner.Replaced}},
				Claim:     []string{"a/20201122T120600Z", "a/old"},
			})
			b.fails(err, ledger.ErrStale, "advance from %v", stale)
			b.same(ids(leases), []string{}, "leases")
		}
		b.same(b.cursor(), now, "cursor")
		b.same(b.list(ledger.Filter{}), []string{"a/old"}, "runs")
		b.same(b.get("a/old").State, runner.Queued, "state of the old run")
	}},

	{"of 50 that advance from one cursor one wins, whole", func(b book) {
		prev := b.cursor()
		var won, stale atomic.Int32
		race(50, func(i int) {
			run := slotRun("a", i)
			leases, err := b.Advance(b.ctx, prev, ledger.Cursor{Epoch: 1, Through: at(i), Revision: "r1"},
				runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
			switch {
			case err == nil && len(leases) == 1 && leases[0].Run.ID == run.ID:
				won.Add(1)
			case err != nil && len(leases) == 0:
				b.fails(err, ledger.ErrStale, "advance %d", i)
				stale.Add(1)
			default:
				b.t.Errorf("advance %d: %v, %v", i, leases, err)
			}
		})
		if won.Load() != 1 || stale.Load() != 49 {
			b.t.Errorf("%d won and %d were stale", won.Load(), stale.Load())
		}
		runs := b.list(ledger.Filter{})
		b.same(runs, []string{runner.SlotID("a", b.cursor().Through, 1)}, "runs")
	}},

	{"a run whose id is there is left alone and not claimed again", func(b book) {
		batch := runner.Batch{Runs: []runner.Run{slotRun("a", 1)}, Claim: []string{"a/20201122T120100Z"}}
		lease := b.advance(batch)[0]
		before := b.get(lease.Run.ID)
		b.same(ids(b.advance(batch)), []string{}, "leases the second time")
		b.same(b.get(lease.Run.ID), before, "run")

		b.ok(b.Finish(b.ctx, lease, runner.Result{Outcome: runner.Failed, Finished: at(2)}), "finish")
		before = b.get(lease.Run.ID)
		b.same(ids(b.advance(batch)), []string{}, "leases after the end")
		b.same(b.get(lease.Run.ID), before, "ended run")
	}},

	{"one id twice in a batch is one run", func(b book) {
		other := with(slotRun("a", 1), func(r *runner.Run) { r.Queue = "other" })
		leases := b.advance(runner.Batch{Runs: []runner.Run{slotRun("a", 1), other}, Claim: []string{other.ID, other.ID}})
		b.same(ids(leases), []string{other.ID}, "leases")
		b.same(b.list(ledger.Filter{}), []string{other.ID}, "runs")
	}},

	{"the end of a run that waits no more is left alone", func(b book) {
		b.submit(request("a", "live", runner.Queued))
		b.claim("a/live")
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Ends: []runner.End{
			{ID: "a/live", Outcome: runner.Replaced}, {ID: "a/done", Outcome: runner.Replaced}, {ID: "a/none", Outcome: runner.Replaced},
		}})
		b.same(b.get("a/live").State, runner.Running, "state of the live run")
		b.same(b.get("a/done").Outcome, runner.OK, "outcome of the ended run")
	}},

	{"a run that a batch ends is not claimed by it", func(b book) {
		b.submit(request("a", "old", runner.Queued))
		leases := b.advance(runner.Batch{Ends: []runner.End{{ID: "a/old", Outcome: runner.Replaced}}, Claim: []string{"a/old"}})
		b.same(ids(leases), []string{}, "leases")
	}},

	{"the rows of a batch are written in the order of their slots", func(b book) {
		b.advance(runner.Batch{Runs: []runner.Run{slotRun("a", 5), slotRun("a", 2)}, Summaries: []runner.Run{summary("a", 6, 7), summary("a", 3, 4)}})
		b.same(b.list(ledger.Filter{}), []string{
			"a/20201122T120600Z", "a/20201122T120500Z", "a/20201122T120300Z", "a/20201122T120200Z",
		}, "runs, newest first")
	}},

	{"a row that cannot be is refused, and writes nothing", func(b book) {
		for what, run := range map[string]runner.Run{
			"no state":             with(slotRun("a", 1), func(r *runner.Run) { r.State = "" }),
			"both":                 with(slotRun("a", 1), func(r *runner.Run) { r.Outcome = runner.OK }),
			"a summary that waits": with(summary("a", 1, 2), func(r *runner.Run) { r.State, r.Outcome = runner.Queued, "" }),
			"another task":         with(slotRun("a", 1), func(r *runner.Run) { r.Task = "b" }),
			"no key":               with(slotRun("a", 1), func(r *runner.Run) { r.ID = "a" }),
		} {
			if _, err := b.tryAdvance(runner.Batch{Runs: []runner.Run{slotRun("b", 1), run}}); err == nil {
				b.t.Errorf("%s: no error", what)
			}
		}
		b.same(b.cursor(), ledger.Cursor{}, "cursor")
		b.same(b.list(ledger.Filter{}), []string{}, "runs")
	}},
}
