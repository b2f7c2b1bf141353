package engine

import (
	"slices"
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// The delay of a slot that rota shows is the one that the slot gets, in order.
func TestEachRunIsKnownBefore(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ncron = \"0 * * * *\"\njitter = \"59m\"\neach_run = true\nlog = \"x\"\n", func(r *rig) {
		spec := r.cfg.Tasks.Get("t").Triggers[0]
		var want []time.Time
		for i := range 6 {
			slot := r.start.Add(time.Duration(i+1) * time.Hour)
			want = append(want, slot.Add(plan.NewDelay("t", spec, time.Time{}).Of(slot)))
		}
		r.pass(7*time.Hour - time.Second)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{})
		if err != nil || len(runs) != 6 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		for i, run := range slices.Backward(runs) {
			at := want[len(runs)-1-i]
			if slot := r.start.Add(time.Duration(len(runs)-i) * time.Hour); !run.Scheduled.Equal(slot) || !run.Started.Equal(at) {
				t.Errorf("the slot of %v is recorded as %v and started at %v, want %v", slot, run.Scheduled, run.Started, at)
			}
		}
	})
}
