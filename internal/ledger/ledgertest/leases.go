package ledgertest

import (
	"sync"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var leasing = []clause{
	{"a claim takes what waits for its turn, and nothing else", func(b book) {
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring} {
			b.submit(request("a", string(s), s))
		}
		b.submit(with(request("a", "tomorrow", runner.Delayed), func(r *runner.Run) { r.Scheduled = time.Now().Add(24 * time.Hour) }))
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		want := []string{"a/delayed", "a/queued"}
		all := append([]string{"a/held", "a/recurring", "a/tomorrow", "a/done", "a/none", "a/20201122T120200Z"}, want...)
		leases, err := b.Claim(b.ctx, all)
		b.ok(err, "claim")
		b.same(ids(leases), want, "leases")
		for _, l := range leases {
			if l.Token == "" || l.Run.State != runner.Running || l.Run.Attempts != 1 || l.Run.Started.IsZero() {
				b.t.Errorf("lease: %+v", l)
			}
			b.same(b.get(l.Run.ID), l.Run, "run of the lease")
		}
		leases, err = b.Claim(b.ctx, all)
		b.ok(err, "claim again")
		b.same(ids(leases), []string{}, "leases again")
	}},

	{"a delayed run waits until its own time, else its slot's", func(b book) {
		soon := time.Now().Add(time.Hour)
		b.submit(
			with(request("a", "not-yet", runner.Delayed), func(r *runner.Run) { r.NotBefore = soon }),
			with(request("a", "now", runner.Delayed), func(r *runner.Run) { r.Scheduled, r.NotBefore = soon, noon }),
			request("a", "retry", runner.Queued), request("a", "shifted", runner.Held),
		)
		lease := b.claim("a/retry")
		b.ok(b.Note(b.ctx, lease, runner.Transition{Time: at(1), State: runner.Delayed, Why: "exit 1", Until: soon}), "note")
		b.ok(b.Shift(b.ctx, "a/shifted", runner.Held, runner.Transition{Time: at(1), State: runner.Delayed, Until: soon}), "shift")
		for _, id := range []string{"a/retry", "a/shifted"} {
			r, steps, err := b.Get(b.ctx, id)
			b.ok(err, "get")
			if last := steps[len(steps)-1]; !r.NotBefore.Equal(soon.Truncate(time.Microsecond)) || !last.Until.Equal(r.NotBefore) {
				b.t.Errorf("%s is delayed until %v, by %+v", id, r.NotBefore, last)
			}
		}
		leases, err := b.Claim(b.ctx, []string{"a/not-yet", "a/now", "a/retry", "a/shifted"})
		b.ok(err, "claim")
		b.same(ids(leases), []string{"a/now"}, "leases")
		b.ok(b.Shift(b.ctx, "a/retry", runner.Delayed, runner.Transition{State: runner.Delayed, Until: at(2)}), "shift to now")
		b.same(b.claim("a/retry").Run.Attempts, 2, "attempts")
	}},

	{"a run that waits for another attempt has the end of the last one", func(b book) {
		b.submit(request("a", "superseded", runner.Queued), request("a", "again", runner.Queued))
		exit, used := 7, runner.Usage{CPU: 1500 * time.Microsecond, MaxRSS: 1 << 33}
		for _, id := range []string{"a/superseded", "a/again"} {
			_, err := b.Commit(b.ctx, ledger.Change{Notes: []ledger.Note{{
				Lease: b.claim(id), To: runner.Transition{Time: at(1), State: runner.Delayed, Until: at(2)},
				Ended: &runner.Result{Exit: &exit, Signal: "TERM", Error: "no such host", Usage: used},
			}}})
			b.ok(err, "note")
		}
		exit = 8 // the ledger keeps its own
		b.ok(b.Shift(b.ctx, "a/superseded", runner.Delayed, runner.Transition{Outcome: runner.Failed}), "end")
		run, _, err := b.Get(b.ctx, "a/superseded")
		b.ok(err, "get")
		b.same(run.Exit, 7, "exit")
		b.same(run.Usage, used, "usage")
		b.same([]string{run.Signal, run.Error}, []string{"TERM", "no such host"}, "signal and error")
		again := b.claim("a/again").Run
		if again.Exit != nil || again.Signal != "" || again.Error != "" || again.Usage != (runner.Usage{}) {
			b.t.Errorf("the next attempt begins with the end of the last one: %+v", again)
		}
	}},

	{"a running run that nobody leases is adopted as it is", func(b book) {
		run := with(request("a", "x", runner.Running), func(r *runner.Run) { r.Started, r.Attempts = at(1), 3 })
		b.submit(run)
		b.same(b.claim("a/x").Run, run, "run of the lease")
		leases, err := b.Claim(b.ctx, []string{"a/x"})
		b.ok(err, "claim again")
		b.same(ids(leases), []string{}, "leases again")
	}},

	{"of 20 that claim the same runs each run is one's", func(b book) {
		var all []string
		for i := range 30 {
			b.submit(request("a", string(rune('A'+i)), runner.Queued))
			all = append(all, "a/"+string(rune('A'+i)))
		}
		var mu sync.Mutex
		taken, tokens := map[string]int{}, map[string]bool{}
		race(20, func(int) {
			leases, err := b.Claim(b.ctx, all)
			if err != nil {
				b.t.Error("claim:", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range leases {
				taken[l.Run.ID]++
				tokens[l.Token] = true
			}
		})
		for _, id := range all {
			if taken[id] != 1 {
				b.t.Errorf("%s was claimed %d times", id, taken[id])
			}
		}
		if len(tokens) != len(all) {
			b.t.Errorf("%d tokens for %d claims", len(tokens), len(all))
		}
	}},

	{"finish writes how the run ended", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		lease := b.claim("a/x")
		exit := 3
		b.ok(b.Finish(b.ctx, lease, runner.Result{
			Outcome: runner.Failed, Why: "exit 3", Finished: at(9), Exit: &exit, Signal: "TERM", Error: "no such host", Result: 12,
			Usage: runner.Usage{CPU: 3 * time.Second, MaxRSS: 4096},
		}), "finish")
		want := lease.Run
		want.State, want.Outcome, want.Why, want.Finished = "", runner.Failed, "exit 3", at(9)
		want.Exit, want.Signal, want.Error, want.Result = &exit, "TERM", "no such host", 12
		want.CPU, want.MaxRSS = 3*time.Second, 4096
		b.same(b.get("a/x"), want, "run")
	}},

	{"an end comes with what is asked for because of it, or with as much of it as there is room for", func(b book) {
		full, taken := request("b", "3", runner.Queued), request("b", "4", runner.Queued)
		full.Queue, taken.Content = Narrow, "else"
		for _, key := range []string{"1", "2"} {
			r := request("c", key, runner.Queued)
			r.Queue = Narrow
			b.submit(r)
		}
		b.submit(request("a", "x", runner.Queued), request("b", "2", runner.Queued), request("b", "4", runner.Queued))
		lease, result := b.claim("a/x"), runner.Result{Outcome: runner.Failed, Finished: at(9)}
		bad := request("b", "5", runner.Queued)
		bad.State = ""
		if err := b.Finish(b.ctx, lease, result, bad); err == nil {
			b.t.Error("a request without a state: no error")
		}
		b.same(b.get("a/x").State, runner.Running, "state after an end that was refused")
		b.ok(b.Finish(b.ctx, lease, result, request("b", "1", runner.Queued), request("b", "2", runner.Queued), full, taken), "finish")
		b.same(b.get("a/x").Outcome, runner.Failed, "outcome")
		b.same(b.list(ledger.Filter{Task: "b"}), []string{"b/1", "b/4", "b/2"}, "runs of b")
		b.same(b.get("b/4").Content, "", "content of the run whose id was taken")
		b.fails(b.Finish(b.ctx, lease, result, request("b", "6", runner.Queued)), ledger.ErrFenced, "a second end")
		b.same(len(b.list(ledger.Filter{IDs: []string{"b/6"}})), 0, "runs asked for by an end that was fenced off")
	}},

	{"the end of a run and a change of the state of its task are one", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		lease := b.claim("a/x")
		hold := ledger.StateChange{
			Name: "a", Prev: ledger.TaskState{Version: 1}, Next: ledger.TaskState{Hold: &ledger.Hold{By: "rota", Since: at(2)}},
			Events: []ledger.Event{{Kind: "hold", Task: "a", Time: at(2)}},
		}
		result := runner.Result{Outcome: runner.Failed, Finished: at(2)}
		b.fails(b.FinishAnd(b.ctx, lease, result, hold, request("b", "1", runner.Queued)), ledger.ErrConflict, "finish and change a state that is another by now")
		b.same(b.get("a/x").State, runner.Running, "state of the run")
		hold.Prev.Version = 0
		b.ok(b.FinishAnd(b.ctx, lease, result, hold, request("b", "1", runner.Queued)), "finish and hold")
		b.same(b.get("a/x").Outcome, runner.Failed, "outcome")
		b.same(b.get("b/1").State, runner.Queued, "state of what follows")
		state, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		hold.Next.Version = 1
		b.same(state, hold.Next, "state of the task")

		held, run := hold, slotRun("a", 1)
		held.Prev = ledger.TaskState{}
		_, err = b.tryAdvance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}}, held)
		b.fails(err, ledger.ErrConflict, "advance and change a state that is another by now")
		b.same(b.list(ledger.Filter{IDs: []string{run.ID}}), []string{}, "runs")
		held.Prev = state
		_, err = b.tryAdvance(runner.Batch{Runs: []runner.Run{run}}, held)
		b.ok(err, "advance and hold")
		b.same(b.list(ledger.Filter{IDs: []string{run.ID}}), []string{run.ID}, "runs")
		state, err = b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(state.Version, 2, "version of the state")

		hold.Prev, hold.Next = state, ledger.TaskState{}
		b.fails(b.FinishAnd(b.ctx, lease, result, hold), ledger.ErrFenced, "a second end")
		again, err := b.Task(b.ctx, "a")
		b.ok(err, "task")
		b.same(again, state, "state of the task after a second end")
		events, err := b.Events(b.ctx, ledger.EventFilter{Kinds: []string{"hold"}})
		b.ok(err, "events")
		b.same(len(events), 2, "events")
	}},

	{"a lease that has ended is fenced off", func(b book) {
		uses := map[string]func(ledger.Lease) error{
			"note":   func(l ledger.Lease) error { return b.Note(b.ctx, l, runner.Transition{State: runner.Running}) },
			"finish": func(l ledger.Lease) error { return b.Finish(b.ctx, l, runner.Result{Outcome: runner.OK}) },
		}
		b.submit(request("a", "done", runner.Queued), request("a", "again", runner.Queued))
		b.submit(request("a", "live", runner.Queued), request("a", "waits", runner.Queued))
		done, again, live := b.claim("a/done"), b.claim("a/again"), b.claim("a/live")
		b.ok(b.Finish(b.ctx, done, runner.Result{Outcome: runner.Failed, Finished: at(1)}), "finish")
		b.ok(b.Note(b.ctx, again, runner.Transition{Time: at(1), State: runner.Delayed}), "note")
		second := b.claim("a/again")
		forged, unknown := live, live
		forged.Token = again.Token
		unknown.Run.ID = "a/none"
		for use, f := range uses {
			for what, l := range map[string]ledger.Lease{
				"of an ended run": done, "of an earlier attempt": again, "of another run": forged,
				"of no run": unknown, "never given": {Run: live.Run}, "of a run that waits": {Run: b.get("a/waits")},
			} {
				b.fails(f(l), ledger.ErrFenced, "%s with a lease %s", use, what)
			}
		}
		b.same(b.get("a/done").Outcome, runner.Failed, "outcome of the ended run")
		b.same(b.get("a/again").State, runner.Running, "state of the second attempt")
		for _, l := range []ledger.Lease{second, live} {
			for _, use := range []string{"note", "finish"} {
				b.ok(uses[use](l), "%s with a valid lease", use)
			}
		}
	}},

	{"a run given back waits again, and its next claim is another attempt", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		first := b.claim("a/x")
		b.ok(b.Note(b.ctx, first, runner.Transition{Time: at(1), State: runner.Delayed, Why: "exit 1"}), "note")
		if r := b.get("a/x"); r.State != runner.Delayed || r.Why != "exit 1" {
			b.t.Errorf("run: %+v", r)
		}
		second := b.claim("a/x")
		if second.Run.Attempts != 2 || second.Token == first.Token {
			b.t.Errorf("second lease: %+v", second)
		}
	}},

	{"an end without an outcome and a note with one are refused", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		lease := b.claim("a/x")
		for what, err := range map[string]error{
			"finish without outcome": b.Finish(b.ctx, lease, runner.Result{}),
			"note with outcome":      b.Note(b.ctx, lease, runner.Transition{Outcome: runner.OK}),
			"empty note":             b.Note(b.ctx, lease, runner.Transition{}),
		} {
			if err == nil {
				b.t.Errorf("%s: no error", what)
			}
		}
		b.same(b.get("a/x"), lease.Run, "run")
	}},
}
