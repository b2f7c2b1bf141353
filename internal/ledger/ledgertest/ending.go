package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var ending = []clause{
	{"retain removes the oldest of what ended, runs and summaries apart, by task", func(b book) {
		for i := range 4 {
			b.run(request("a", fmt.Sprint("done", i), runner.Queued))
			b.run(request("b", fmt.Sprint("done", i), runner.Queued))
			b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 10*i, 10*i+5)}})
		}
		b.run(request("c", "only", runner.Queued))
		gone := b.retain(ledger.Keep{Runs: 2})
		b.same([]int{gone.Runs, gone.Summaries}, []int{4, 2}, "how many")
		b.same(b.list(ledger.Filter{Task: "a"}), []string{"a/20201122T123000Z", "a/done3", "a/20201122T122000Z", "a/done2"}, "runs of a")
		b.same(b.list(ledger.Filter{Task: "b"}), []string{"b/done3", "b/done2"}, "runs of b")
		b.same(b.list(ledger.Filter{Task: "c"}), []string{"c/only"}, "runs of c")
		for id, gone := range map[string]bool{
			"a/done1": true, "a/done2": false, "a/20201122T121000Z": true, "a/20201122T121300Z": true, "a/20201122T122300Z": false,
		} {
			if _, _, err := b.Get(b.ctx, id); errors.Is(err, ledger.ErrNotFound) != gone {
				b.t.Errorf("get %s: %v, want gone %v", id, err, gone)
			}
		}
	}},

	{"retain never removes what waits or runs", func(b book) {
		want := []string{}
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring, runner.Running} {
			b.submit(request("a", string(s), s))
			want = append([]string{"a/" + string(s)}, want...)
			b.run(request("a", "after-"+string(s), runner.Queued))
		}
		b.submit(request("a", "live", runner.Queued))
		lease := b.claim("a/live")
		want = append([]string{"a/live"}, want...)
		b.same(b.retain(ledger.Keep{Age: time.Nanosecond}).Runs, 5, "how many")
		b.same(b.list(ledger.Filter{}), want, "runs")
		b.ok(b.Finish(b.ctx, lease, runner.Result{Outcome: runner.OK}), "finish afterwards")
	}},

	{"retain goes by age, and never below what is wanted at least", func(b book) {
		end := func(key string, age time.Duration) {
			b.submit(request("a", key, runner.Queued))
			b.ok(b.Finish(b.ctx, b.claim("a/"+key), runner.Result{Outcome: runner.OK, Finished: time.Now().Add(-age)}), "finish")
		}
		end("new", -time.Minute) // by a clock that was set back since
		end("old", 3*time.Hour)
		end("older", 4*time.Hour)
		for _, row := range []struct {
			keep ledger.Keep
			want []string
		}{
			{ledger.Keep{}, []string{"a/older", "a/old", "a/new"}},
			{ledger.Keep{Runs: 3, Age: 5 * time.Hour}, []string{"a/older", "a/old", "a/new"}},
			{ledger.Keep{Runs: 1, AtLeast: 5 * time.Hour}, []string{"a/older", "a/old", "a/new"}},
			{ledger.Keep{Runs: 1, AtLeast: 210 * time.Minute}, []string{"a/old", "a/new"}},
			{ledger.Keep{Runs: 2, Age: 2 * time.Hour}, []string{"a/new"}},
			{ledger.Keep{Runs: 1, Age: 2 * time.Hour}, []string{"a/new"}},
			{ledger.Keep{Age: time.Second}, []string{"a/new"}},
		} {
			b.retain(row.keep)
			b.same(b.list(ledger.Filter{}), row.want, fmt.Sprintf("with %+v", row.keep))
		}
	}},

	{"forget removes what the filter selects and has ended", func(b book) {
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring, runner.Running} {
			b.submit(request("a", string(s), s))
		}
		alive := b.list(ledger.Filter{})
		for i := range 5 {
			b.run(request("b", fmt.Sprint(i), runner.Queued))
		}
		b.run(request("c", "1", runner.Queued))
		b.ok(b.Cancel(b.ctx, "a/queued", runner.Reason{}), "cancel")
		b.advance(runner.Batch{Summaries: []runner.Run{summary("c", 1, 4)}})
		for _, row := range []struct {
			filter ledger.Filter
			want   int
		}{
			{ledger.Filter{Task: "none"}, 0},
			{ledger.Filter{States: []runner.State{runner.Held}}, 0},
			{ledger.Filter{IDs: []string{"b/1", "a/held", "b/none"}}, 1},
			{ledger.Filter{Task: "b", Limit: 2}, 2},
			{ledger.Filter{Outcomes: []runner.Outcome{runner.Cancelled}}, 1},
			{ledger.Filter{Task: "b", Before: noon}, 0},
			{ledger.Filter{Task: "b", Before: at(1)}, 2},
			{ledger.Filter{}, 2},
			{ledger.Filter{}, 0},
		} {
			n, err := b.Forget(b.ctx, row.filter)
			b.ok(err, "forget %+v", row.filter)
			b.same(n, row.want, fmt.Sprintf("forgotten by %+v", row.filter))
		}
		b.same(b.list(ledger.Filter{}), alive[:4], "what is left")
	}},

	{"forget goes through any number", func(b book) {
		var batch runner.Batch
		for i := range 450 {
			batch.Summaries = append(batch.Summaries, with(summary("a", i, i), func(r *runner.Run) { r.Why = fmt.Sprint(i) }))
		}
		b.advance(batch)
		n, err := b.Forget(b.ctx, ledger.Filter{Task: "a"})
		b.ok(err, "forget")
		b.same(n, 450, "how many")
	}},

	{"a slot that was removed does not come back by its summary", func(b book) {
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		b.same(b.retain(ledger.Keep{Age: time.Nanosecond}).Summaries, 1, "how many")
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 5, 6)}})
		b.same(b.get("a/20201122T120600Z"), summary("a", 5, 6), "new row")
		_, _, err := b.Get(b.ctx, "a/20201122T120200Z")
		b.fails(err, ledger.ErrNotFound, "get")
	}},

	{"nothing happens for a context that is done", func(b book) {
		b.submit(request("a", "x", runner.Queued), request("a", "live", runner.Queued))
		lease := b.claim("a/live")
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		for name, call := range calls(b, ctx, lease) {
			b.fails(call(), context.Canceled, "%s", name)
		}
		b.same(b.cursor(), ledger.Cursor{}, "cursor")
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Queued}}), []string{"a/x"}, "waiting")
		b.same(b.list(ledger.Filter{States: []runner.State{runner.Running}}), []string{"a/live"}, "running")
	}},

	{"a closed ledger ends its watches and does no more", func(b book) {
		b.submit(request("a", "x", runner.Queued), request("a", "live", runner.Queued))
		lease := b.claim("a/live")
		ch, err := b.Watch(b.ctx)
		b.ok(err, "watch")
		b.ok(b.Close(), "close")
		if e, ok := <-ch; ok {
			b.t.Errorf("watch sent %+v", e)
		}
		for name, call := range calls(b, b.ctx, lease) {
			if call() == nil {
				b.t.Errorf("%s: no error", name)
			}
		}
	}},
}

// calls is one call of each method that could go well, given a waiting run a/x
// and a lease.
func calls(b book, ctx context.Context, lease ledger.Lease) map[string]func() error {
	return map[string]func() error{
		"cursor": func() error { _, err := b.Cursor(ctx); return err },
		"advance": func() error {
			_, err := b.Advance(ctx, ledger.Cursor{}, ledger.Cursor{Epoch: 1}, runner.Batch{Runs: []runner.Run{slotRun("a", 1)}})
			return err
		},
		"submit": func() error { _, err := b.Submit(ctx, request("a", "y", runner.Queued)); return err },
		"claim":  func() error { _, err := b.Claim(ctx, []string{"a/x"}); return err },
		"note":   func() error { return b.Note(ctx, lease, runner.Transition{State: runner.Delayed}) },
		"finish": func() error { return b.Finish(ctx, lease, runner.Result{Outcome: runner.OK}) },
		"finish and": func() error {
			return b.FinishAnd(ctx, lease, runner.Result{Outcome: runner.OK}, ledger.StateChange{Name: "a"})
		},
		"shift":    func() error { return b.Shift(ctx, "a/x", runner.Queued, runner.Transition{State: runner.Held}) },
		"task":     func() error { _, err := b.Task(ctx, "a"); return err },
		"set task": func() error { return b.SetTask(ctx, "a", ledger.TaskState{}, ledger.TaskState{}) },
		"event":    func() error { return b.Event(ctx, ledger.Event{Kind: "start"}) },
		"events":   func() error { _, err := b.Events(ctx, ledger.EventFilter{Limit: 1}); return err },
		"watch":    func() error { _, err := b.Watch(ctx); return err },
		"get":      func() error { _, _, err := b.Get(ctx, "a/x"); return err },
		"list":     func() error { _, err := b.List(ctx, ledger.Filter{}); return err },
		"cancel":   func() error { return b.Cancel(ctx, "a/x", runner.Reason{}) },
		"outbox":   func() error { _, err := b.Outbox(ctx, 0); return err },
		"tasks":    func() error { _, err := b.Tasks(ctx); return err },
		"newest":   func() error { _, err := b.Newest(ctx); return err },
		"find":     func() error { _, _, err := b.Find(ctx, "a", noon); return err },
		"past":     func() error { _, err := b.Past(ctx); return err },
		"forget":   func() error { _, err := b.Forget(ctx, ledger.Filter{}); return err },
		"retain":   func() error { _, err := b.Retain(ctx, everything(ledger.Keep{})); return err },
	}
}
