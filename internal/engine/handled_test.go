package engine

import (
	"testing"
	"time"
)

// Which slots have run is known from the ledger, whatever the clock showed meanwhile, and
// whenever rota was started again.
func TestNothingRunsTwiceForOneInstant(t *testing.T) {
	// old is a machine without a clock chip: it starts with an old time, and is given
	// the right one after two minutes.
	old := func(year int) func(r *rig) {
		return func(r *rig) {
			back := r.fake.Now().Sub(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
			r.stop()
			r.fake.Step(-back)
			r.live(r.stateDir, r.cfg)
			r.pass(2 * time.Minute)
			r.step(back)
			r.pass(time.Second)
		}
	}
	setBack := func(by time.Duration) func(r *rig) {
		return func(r *rig) {
			r.step(-by)
			r.pass(time.Second)
			r.restart(0)
			r.pass(by)
		}
	}
	for _, c := range []struct {
		name, jobs string
		do         func(r *rig)
		want       string
	}{
		{"once, from 1970", `once = 2026-11-21T12:30:00`, old(1970), "12:30:00"},
		{"once, from last year", `once = 2026-11-21T12:30:00`, old(2025), "12:30:00"},
		{"once, set back", `once = 2026-11-21T12:30:00`, setBack(135 * time.Minute), "12:30:00"},
		{"at, from last year", "at = \"12:30\"\nmissed = \"once\"", old(2025), "12:30:00"},
		{"at, by default, set back", `at = "12:30"`, setBack(135 * time.Minute), "12:30:00"},
		{"at, all, from last year", "at = [\"12:30\", \"12:40\"]\nmissed = \"all\"", old(2025), "12:30:00, 12:40:00"},
		{"cron that names its time, set back", `cron = "30 12 * * *"`, setBack(135 * time.Minute), "12:30:00"},
		{"a late interval", "interval = \"1h\"\nmissed = \"once\"", old(2025), "13:00:00, 14:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.t]\nlog = \"x\"\n"+c.jobs+"\n", func(r *rig) {
				r.pass(150 * time.Minute)
				c.do(r)
				r.want("t", c.want)
			})
		})
	}
}
