package ledgertest

import (
	"sync"
	"time"

	"rota/internal/ledger"
	"rota/runner"
)

var asking = []clause{
	{"submit adds a run and returns it", func(b book) {
		want := with(request("a", "x", runner.Held), func(r *runner.Run) { r.Queue, r.Priority, r.Revision, r.Why = "q", 1, "r1", "asked" })
		got, err := b.Submit(b.ctx, want)
		b.ok(err, "submit")
		b.same(got, want, "returned")
		b.same(b.get("a/x"), want, "written")
	}},

	{"all that a request says is kept", func(b book) {
		want := with(request("a", "x", runner.Standing), func(r *runner.Run) {
			r.NotBefore, r.On, r.Parent = at(9), "interval 3h", "b/y"
			r.Params, r.Input, r.InputFile = map[string]string{"file": "a b", "n": ""}, "line\n\x00\xff", "/f"
			r.Content, r.Priority, r.Result = "sha256:1", -1, 7
		})
		got, err := b.Submit(b.ctx, want)
		b.ok(err, "submit")
		b.same(got, want, "returned")
		b.same(b.get("a/x"), want, "written")
		if b.get("a/x").Input != want.Input {
			b.t.Errorf("input: %q", got.Input)
		}
	}},

	{"times are kept in UTC, to the microsecond", func(b book) {
		east := time.FixedZone("", 3600)
		b.submit(with(request("a", "x", runner.Queued), func(r *runner.Run) {
			r.Scheduled, r.Queued = at(1).Add(1234567).In(east), at(2).Add(999).In(east)
		}))
		want := with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Scheduled, r.Queued = at(1).Add(1234000), at(2) })
		b.same(b.get("a/x"), want, "run")
		far := with(request("a", "y", runner.Delayed), func(r *runner.Run) { r.NotBefore = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) })
		b.submit(far)
		b.same(b.get("a/y"), far, "run of the year 9999")
	}},

	{"with a content of its own, that alone tells requests of one id apart", func(b book) {
		ask := func(content string, minute int) runner.Run {
			return with(request("a", "x", runner.Delayed), func(r *runner.Run) { r.Content, r.Scheduled, r.NotBefore = content, at(minute), at(minute) })
		}
		b.submit(ask("1", 0))
		got, err := b.Submit(b.ctx, ask("1", 5))
		b.ok(err, "submit of the same content")
		b.same(got, ask("1", 0), "returned")
		for _, content := range []string{"2", ""} {
			_, err = b.Submit(b.ctx, ask(content, 0))
			b.fails(err, ledger.ErrExists, "submit of content %q", content)
		}
	}},

	{"the same submit again is the run that there is", func(b book) {
		b.run(request("a", "x", runner.Queued))
		again := with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Queued, r.Revision = at(7), "r2" })
		got, err := b.Submit(b.ctx, again)
		b.ok(err, "submit again")
		b.same(got, b.get("a/x"), "returned")
		b.same(got.Outcome, runner.OK, "its outcome")
		b.same(b.list(ledger.Filter{}), []string{"a/x"}, "runs")
	}},

	{"an id that another run has is refused", func(b book) {
		b.submit(request("a", "x", runner.Queued))
		b.advance(runner.Batch{Folds: []runner.Run{fold("a", 1, 4)}})
		for what, run := range map[string]runner.Run{
			"another instant": with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Scheduled = at(1) }),
			"another trigger": with(request("a", "x", runner.Queued), func(r *runner.Run) { r.On = "interval 3h" }),
			"another input":   with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Input = "x" }),
			"other params":    with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Params = map[string]string{"n": ""} }),
			"another cause":   with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Cause = runner.CauseChain }),
			"a folded slot":   request("a", "20201122T120200Z", runner.Queued),
		} {
			_, err := b.Submit(b.ctx, run)
			b.fails(err, ledger.ErrExists, "submit with %s", what)
		}
		b.same(b.get("a/x"), request("a", "x", runner.Queued), "run")
	}},

	{"of 20 that submit one id each gets the same run", func(b book) {
		race(20, func(i int) {
			run := with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Queued = at(i) })
			if _, err := b.Submit(b.ctx, run); err != nil {
				b.t.Errorf("submit %d: %v", i, err)
			}
		})
		b.same(b.list(ledger.Filter{}), []string{"a/x"}, "runs")
	}},

	{"what has ended or has no key cannot be asked for", func(b book) {
		for _, run := range []runner.Run{fold("a", 1, 2), with(request("a", "x", runner.Queued), func(r *runner.Run) { r.ID = "a" })} {
			if _, err := b.Submit(b.ctx, run); err == nil {
				b.t.Errorf("submit of %+v: no error", run)
			}
		}
		b.same(b.list(ledger.Filter{}), []string{}, "runs")
	}},
}

var leasing = []clause{
	{"a claim takes what waits for its turn, and nothing else", func(b book) {
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Standing} {
			b.submit(request("a", string(s), s))
		}
		b.submit(with(request("a", "tomorrow", runner.Delayed), func(r *runner.Run) { r.Scheduled = time.Now().Add(24 * time.Hour) }))
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Folds: []runner.Run{fold("a", 1, 4)}})
		want := []string{"a/delayed", "a/queued"}
		all := append([]string{"a/held", "a/standing", "a/tomorrow", "a/done", "a/none", "a/20201122T120200Z"}, want...)
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
		}), "finish")
		want := lease.Run
		want.State, want.Outcome, want.Why, want.Finished = "", runner.Failed, "exit 3", at(9)
		want.Exit, want.Signal, want.Error, want.Result = &exit, "TERM", "no such host", 12
		b.same(b.get("a/x"), want, "run")
	}},

	{"a lease that has ended is fenced off", func(b book) {
		uses := map[string]func(ledger.Lease) error{
			"renew":  func(l ledger.Lease) error { return b.Renew(b.ctx, l) },
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
			for _, use := range []string{"renew", "note", "finish"} {
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

var moving = []clause{
	{"shift moves a run from the state that the caller saw", func(b book) {
		b.submit(request("a", "x", runner.Held))
		b.ok(b.Shift(b.ctx, "a/x", runner.Held, runner.Transition{Time: at(1), State: runner.Queued, Why: "released"}), "to queued")
		want := with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Queued, r.Why = at(1), "released" })
		b.same(b.get("a/x"), want, "run")
		b.ok(b.Shift(b.ctx, "a/x", runner.Queued, runner.Transition{Time: at(2), Outcome: runner.Skipped, Why: "max_wait"}), "to skipped")
		want.State, want.Outcome, want.Why, want.Finished = "", runner.Skipped, "max_wait", at(2)
		b.same(b.get("a/x"), want, "ended run")
	}},

	{"a run that died unseen is shifted to lost", func(b book) {
		b.submit(with(request("a", "x", runner.Running), func(r *runner.Run) { r.Started = at(1) }))
		b.ok(b.Shift(b.ctx, "a/x", runner.Running, runner.Transition{Time: at(2), Outcome: runner.Lost}), "shift")
		b.same(b.get("a/x").Outcome, runner.Lost, "outcome")
	}},

	{"shift leaves a run alone that is leased or elsewhere", func(b book) {
		b.submit(request("a", "held", runner.Held), request("a", "live", runner.Queued))
		b.claim("a/live")
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Folds: []runner.Run{fold("a", 1, 2)}})
		to := runner.Transition{Time: at(1), Outcome: runner.Lost}
		for id, from := range map[string]runner.State{
			"a/held": runner.Queued, "a/live": runner.Running, "a/done": runner.Queued, "a/20201122T120100Z": "",
		} {
			before := b.get(id)
			b.fails(b.Shift(b.ctx, id, from, to), ledger.ErrConflict, "shift of %s from %q", id, from)
			b.same(b.get(id), before, id)
		}
		b.fails(b.Shift(b.ctx, "a/none", runner.Queued, to), ledger.ErrNotFound, "shift of nothing")
		if err := b.Shift(b.ctx, "a/held", runner.Held, runner.Transition{}); err == nil {
			b.t.Error("shift to nowhere: no error")
		}
	}},

	{"of 20 that shift a run one wins", func(b book) {
		b.submit(request("a", "x", runner.Held))
		errs := make([]error, 20)
		race(20, func(i int) {
			errs[i] = b.Shift(b.ctx, "a/x", runner.Held, runner.Transition{Time: at(i), State: runner.Queued})
		})
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				continue
			}
			b.fails(err, ledger.ErrConflict, "shift %d", i)
		}
		b.same(won, 1, "how many won")
	}},

	{"cancel ends what waits, in every state", func(b book) {
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Standing} {
			id := "a/" + string(s)
			b.submit(request("a", string(s), s))
			b.ok(b.Cancel(b.ctx, id, "by root"), "cancel of one %s", s)
			if r := b.get(id); r.State != "" || r.Outcome != runner.Cancelled || r.Why != "by root" || r.Finished.IsZero() {
				b.t.Errorf("one that was %s: %+v", s, r)
			}
		}
	}},

	{"cancel leaves alone what does not wait", func(b book) {
		b.submit(request("a", "live", runner.Queued))
		b.claim("a/live")
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Folds: []runner.Run{fold("a", 1, 2)}})
		for _, id := range []string{"a/live", "a/done", "a/20201122T120100Z"} {
			before := b.get(id)
			b.fails(b.Cancel(b.ctx, id, ""), ledger.ErrConflict, "cancel of %s", id)
			b.same(b.get(id), before, id)
		}
		b.fails(b.Cancel(b.ctx, "a/none", ""), ledger.ErrNotFound, "cancel of nothing")
	}},
}
