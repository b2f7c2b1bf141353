package engine

import (
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
)

// A daemon that is killed before the slots of at_start are recorded, or just after
// that, leaves them to the next one, or not: each start of the machine has one slot.
func TestKilledAtBoot(t *testing.T) {
	for _, c := range []struct {
		name string
		dead bool // the first daemon records nothing
		want string
	}{
		{"before the slot is recorded", true, "12:01:00, 12:03:00"},
		{"after it is recorded", false, "12:00:00, 12:03:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.other]\nlog = \"x\"\n", func(r *rig) {
				boots := r.parse("[tasks.t]\nlog = \"x\"\nat_start = \"boot\"\n")
				start := func(boot string, dead bool) {
					r.stop()
					r.boot, r.wrap = boot, func(l ledger.Ledger) ledger.Ledger {
						d := &ledgertest.Full{Ledger: l}
						d.Full.Store(dead)
						return d
					}
					r.live(r.stateDir, boots)
					r.pass(time.Minute)
				}
				start("one", c.dead)
				start("one", false)
				start("one", false)
				start("two", false)
				start("two", false)
				r.want("t", c.want)
			})
		})
	}
}

// A start of the machine that no task waited for is past, too.
func TestBootBeforeTheTask(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		r.pass(time.Second)
		r.stop()
		r.live(r.stateDir, r.parse("[tasks.t]\nlog = \"x\"\nat_start = \"boot\"\n"))
		r.pass(time.Minute)
		r.want("t", "")
	})
}
