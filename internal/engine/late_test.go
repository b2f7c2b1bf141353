package engine

import (
	"context"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// A run that takes longer than warn_after is late, which is notified once, and continues.
func TestLate(t *testing.T) {
	const times = "warn_after = \"3x\"\n"
	lasting := func(n int, each time.Duration) func(*rig, func()) {
		return func(r *rig, let func()) {
			for range n {
				r.ada().run(api.Request{Task: "t"})
				r.pass(each)
				let()
			}
		}
	}
	for _, c := range []struct {
		name, keys string
		before     func(r *rig, let func())
		after      time.Duration // that it is late; 0: never
	}{
		{"a duration", "warn_after = \"2h\"\n", nil, 2 * time.Hour},
		{"nothing said", "", nil, 0},
		{"three times", times, lasting(5, 10*time.Minute), 30 * time.Minute},
		{"too few runs", times, lasting(4, 10*time.Minute), 0},
		{"never under a minute", times, lasting(7, time.Second), time.Minute},
		{"of the median", times, func(r *rig, let func()) {
			lasting(3, 10*time.Minute)(r, let)
			lasting(2, 10*time.Hour)(r, let)
		}, 30 * time.Minute},
		{"of the last 20", times, func(r *rig, let func()) {
			lasting(30, time.Hour)(r, let)
			lasting(20, 10*time.Minute)(r, let)
		}, 30 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			jobs := ops + "[tasks.then]\nlog = \"x\"\n[tasks.t]\nlog = \"x\"\ntimeout = \"0s\"\n" + c.keys
			if c.keys != "" {
				jobs += "on_late = [\"ops\", \"run:then\"]\n"
			}
			inBubble(t, noon, jobs, func(r *rig) {
				e := &fakeTarget{}
				r.notifyTo(e)
				gate := make(chan struct{})
				let := r.blockTask(gate)
				if c.before != nil {
					c.before(r, let)
				}
				r.wantNotices(e, "")
				r.ada().run(api.Request{Task: "t", Key: "k"})
				if c.after == 0 {
					r.pass(100 * time.Hour)
					r.wantNotices(e, "")
					let()
					return
				}
				r.pass(c.after - time.Second)
				r.wantNotices(e, "")
				r.want("then", "")
				r.pass(2 * time.Second)
				r.wantNotices(e, "late t")
				if list, err := r.asker().Tasks(context.Background()); err != nil || !list[0].Late || list[0].State != "running" {
					t.Errorf("got %+v, %v", list, err)
				}
				r.pass(100 * time.Hour)
				r.wantNotices(e, "")
				let()
				run, _, err := r.ledger.Get(t.Context(), "t/k")
				if must(t, err); run.Outcome != runner.OK || run.Reason.Is(runner.ReasonRunsLate) {
					t.Errorf("got %+v", run)
				}
			})
		})
	}
}
