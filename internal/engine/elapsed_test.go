package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rota/internal/api"
)

// A duration takes as long as it says, whatever the clock is set to; a time of day
// follows the clock.
func TestDurationsAreElapsedTime(t *testing.T) {
	const jobs = "[queues.narrow]\n[tasks.t]\nlog = \"x\"\nqueue = \"narrow\"\nmax_wait = \"10m\"\n[tasks.fails]\nwrite = { path = \"no/such/directory\", text = \"x\" }\nretry = { max = 1, delay = \"10m\" }\n"
	for _, by := range []time.Duration{-3 * time.Hour, -3 * time.Minute, 3 * time.Minute, 3 * time.Hour} {
		for _, c := range []struct {
			name string
			do   func(r *rig, ada client) (over func() bool)
		}{
			{"a request with a delay", func(r *rig, ada client) func() bool {
				id := ada.run(api.Request{In: 10 * time.Minute})
				return func() bool { return r.outcome(id) == "ok" }
			}},
			{"a retry", func(r *rig, ada client) func() bool {
				id := ada.run(api.Request{Task: "fails"})
				return func() bool { return r.outcome(id) == "failed" }
			}},
			{"max_wait", func(r *rig, ada client) func() bool {
				ada.must(ada.StopQueues(ada.ctx, "narrow"))
				id := ada.run(api.Request{})
				return func() bool { return r.outcome(id) == "skipped" }
			}},
			{"a hold", func(r *rig, ada client) func() bool {
				ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: 10 * time.Minute}))
				return func() bool {
					state, err := r.ledger.Task(r.t.Context(), "t")
					must(r.t, err)
					return state.Hold == nil
				}
			}},
			{"a reschedule", func(r *rig, ada client) func() bool {
				ada.must(ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t", Expr: "in 10m"}))
				return func() bool {
					runs, err := r.ada().Runs(r.ada().ctx, api.RunQuery{Task: "t"})
					must(r.t, err)
					return len(runs) == 1 && runs[0].Outcome == "ok"
				}
			}},
			{"a drain", func(r *rig, ada client) func() bool {
				if _, err := ada.Drain(ada.ctx, 10*time.Minute); err != nil {
					r.t.Error(err)
				}
				return func() bool {
					st, err := r.ada().Status(r.ada().ctx)
					must(r.t, err)
					return !st.Draining
				}
			}},
		} {
			t.Run(fmt.Sprint(c.name, " ", by), func(t *testing.T) {
				inBubble(t, noon, jobs, func(r *rig) {
					over := c.do(r, r.ada())
					r.pass(4 * time.Minute)
					r.step(by)
					r.pass(5 * time.Minute)
					if over() {
						t.Error("it is over after 9 minutes")
					}
					r.pass(2 * time.Minute)
					if !over() {
						t.Error("it is not over after 11 minutes")
					}
				})
			})
		}
	}
	inBubble(t, noon, jobs, func(r *rig) {
		ada := r.ada()
		id := ada.run(api.Request{At: r.start.Add(time.Hour)})
		r.step(30 * time.Minute)
		r.pass(29 * time.Minute)
		if r.outcome(id) != "" {
			t.Error("what is for a time began before it")
		}
		r.pass(2 * time.Minute)
		if r.outcome(id) != "ok" {
			t.Error("what is for a time did not follow the clock")
		}
	})
	// A sleep of the machine is time that goes by.
	inBubble(t, noon, jobs, func(r *rig) {
		var slept time.Duration
		r.inLoop(func(context.Context) error {
			r.sleepTime = func() time.Duration { return slept }
			r.lastSleepTime = 0
			return nil
		})
		ada := r.ada()
		id := ada.run(api.Request{In: time.Hour})
		r.inLoop(func(context.Context) error { slept = 2 * time.Hour; return nil })
		r.step(2 * time.Hour)
		if r.outcome(id) != "ok" {
			t.Error("a delay did not end while the machine slept")
		}
	})
}

func (r *rig) outcome(id string) string {
	run, _, err := r.ledger.Get(r.t.Context(), id)
	must(r.t, err)
	return string(run.Outcome)
}
