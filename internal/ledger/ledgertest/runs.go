package ledgertest

import (
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
		want := with(request("a", "x", runner.Recurring), func(r *runner.Run) {
			r.NotBefore, r.On, r.Parent = at(9), "interval 3h", "b/y"
			r.Params, r.Input, r.InputFile = map[string]string{"file": "a b", "n": ""}, "line\n\x00\xff", "/f"
			r.Content, r.Priority, r.Result = "sha256:1", -1, 7
			r.Who, r.Force, r.Binding, r.User = "uid 1000", true, true, "ann"
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
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 4)}})
		for what, run := range map[string]runner.Run{
			"another instant":   with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Scheduled = at(1) }),
			"another trigger":   with(request("a", "x", runner.Queued), func(r *runner.Run) { r.On = "interval 3h" }),
			"another input":     with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Input = "x" }),
			"other params":      with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Params = map[string]string{"n": ""} }),
			"another cause":     with(request("a", "x", runner.Queued), func(r *runner.Run) { r.Cause = runner.CauseChain }),
			"a summarized slot": request("a", "20201122T120200Z", runner.Queued),
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
		for _, run := range []runner.Run{summary("a", 1, 2), with(request("a", "x", runner.Queued), func(r *runner.Run) { r.ID = "a" })} {
			if _, err := b.Submit(b.ctx, run); err == nil {
				b.t.Errorf("submit of %+v: no error", run)
			}
		}
		b.same(b.list(ledger.Filter{}), []string{}, "runs")
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
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2)}})
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
		for _, s := range []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring} {
			id := "a/" + string(s)
			b.submit(request("a", string(s), s))
			b.ok(b.Cancel(b.ctx, id, runner.TextReason("by root")), "cancel of one %s", s)
			if r := b.get(id); r.State != "" || r.Outcome != runner.Cancelled || r.Why != "by root" || r.Finished.IsZero() {
				b.t.Errorf("one that was %s: %+v", s, r)
			}
		}
	}},

	{"cancel leaves alone what does not wait", func(b book) {
		b.submit(request("a", "live", runner.Queued))
		b.claim("a/live")
		b.run(request("a", "done", runner.Queued))
		b.advance(runner.Batch{Summaries: []runner.Run{summary("a", 1, 2)}})
		for _, id := range []string{"a/live", "a/done", "a/20201122T120100Z"} {
			before := b.get(id)
			b.fails(b.Cancel(b.ctx, id, runner.Reason{}), ledger.ErrConflict, "cancel of %s", id)
			b.same(b.get(id), before, id)
		}
		b.fails(b.Cancel(b.ctx, "a/none", runner.Reason{}), ledger.ErrNotFound, "cancel of nothing")
	}},
}
