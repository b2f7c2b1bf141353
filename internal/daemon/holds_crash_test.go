package daemon

import (
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
)

// A daemon that is killed after a hold has ended, but before the slots that fell into
// it are recorded, leaves them held.
func TestKilledAfterARelease(t *testing.T) {
	const every = "[tasks.t]\nlog = \"x\"\ncron = \"*/10 * * * *\"\nmissed = \"all\"\n"
	for _, c := range []struct {
		name string
		span time.Duration
		want string
	}{
		{"by itself", 30 * time.Minute, "12:10:00-12:30:00×3 skipped, 12:40:00 catchup, 12:50:00"},
		{"by itself, and the slot at its end is free", 25 * time.Minute, "12:10:00-12:20:00×2 skipped, 12:30:00 catchup, 12:40:00 catchup, 12:50:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, every, func(r *rig) {
				r.pass(5 * time.Minute)
				ada := r.ada()
				ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: c.span}))
				r.wrap = func(l ledger.Ledger) ledger.Ledger {
					d := &dying{Ledger: l}
					d.armed.Store(true)
					return d
				}
				r.restart(40 * time.Minute)
				r.want("t", "")
				r.wrap = nil
				r.restart(0)
				r.pass(6 * time.Minute)
				r.want("t", c.want)
			})
		})
	}
}
