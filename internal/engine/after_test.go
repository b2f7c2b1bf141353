package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// A task with after runs once each of the tasks that it names has been ok since it last
// ran, whatever happens in between.
func TestAfter(t *testing.T) {
	const jobs = `[tasks.a]
log = "x"
[tasks.b]
log = "x"
[tasks.bad]
write = { path = "no/such/directory", text = "x" }
[tasks.t]
log = "x"
after = ["a", "b"]
`
	hold := func(r *rig) {
		r.inLoop(func(ctx context.Context) error {
			return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now()})
		})
	}
	for _, c := range []struct {
		name, jobs, do string // of do each word is a task that runs, or a thing that happens
		want           int    // runs of t
	}{
		{"each of them", jobs, "a b", 1},
		{"not one alone", jobs, "a a a", 0},
		{"again", jobs, "a b b a", 2},
		{"not the same again", jobs, "a b b b", 1},
		{"over restarts", jobs, "a restart b restart a restart b restart", 2},
		{"though rows are forgotten", jobs, "a forget b forget restart forget a", 1},
		{"after it ran by hand", jobs, "a t b", 0},
		{"and both since", jobs, "a t b a", 1},
		{"one that failed", strings.Replace(jobs, `"b"]`, `"bad"]`, 1), "a bad a bad", 0},
		{"the clock set back", jobs, "a b back a b", 2},
		{"held, with several to come", jobs, "hold a b a b a b release", 1},
		{"the one to come is cancelled", jobs, "hold a b cancel release b", 0},
		{"and both again", jobs, "hold a b cancel release b a", 1},
		{"not enabled", jobs + "enabled = false\n", "a b", 0},
		{"one of them alone", strings.Replace(jobs, `["a", "b"]`, `"a"`, 1), "a b a", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, c.jobs, func(r *rig) {
				byHand, ran := 0, map[string]bool{}
				for _, word := range strings.Fields(c.do) {
					switch word {
					case "restart":
						r.restart(time.Minute)
					case "back":
						r.step(-2 * time.Hour)
					case "hold":
						hold(r)
					case "release":
						r.inLoop(func(ctx context.Context) error { _, err := r.release(ctx, "t", "ada", r.fake.Now()); return err })
					case "cancel":
						r.inLoop(func(ctx context.Context) error {
							return r.cancel(ctx, r.view.Waiting("t")[0], runner.Reason{Code: runner.ReasonCancelled})
						})
					case "forget":
						_, err := r.ledger.Forget(t.Context(), ledger.Filter{})
						must(t, err)
					default:
						if word == "t" {
							byHand++
						}
						r.ada().run(api.Request{Task: word})
					}
					r.pass(time.Minute)
					runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.OK}})
					must(t, err)
					for _, run := range runs {
						ran[run.ID] = true
					}
				}
				if len(ran) != c.want+byHand {
					t.Errorf("t ran %d times, want %d", len(ran), c.want+byHand)
				}
			})
		})
	}
}
