package engine

import (
	"testing"
	"time"

	"rota/internal/ledger"
	"rota/internal/plan"
)

// A slot of at_start with initial_delay is recorded at the start and runs when its
// time has come: after the newest start of rota, or the first of the machine.
func TestAtStartDelayed(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		do         func(r *rig)
		want       string
	}{
		{"not yet", "at_start = true\ninitial_delay = \"5m\"", func(r *rig) { r.pass(5*time.Minute - time.Second) }, "12:05:00 delayed"},
		{"its time has come", "at_start = true\ninitial_delay = \"5m\"", func(r *rig) { r.pass(5 * time.Minute) }, "12:05:00"},
		{"at once", "at_start = true\ninitial_delay = \"0s\"", func(r *rig) { r.pass(time.Minute) }, "12:00:00"},
		{"rota starts again before", "at_start = true\ninitial_delay = \"5m\"", func(r *rig) {
			r.pass(time.Minute)
			r.restart(time.Minute)
			r.pass(5 * time.Minute)
		}, "12:05:00 replaced, 12:07:00"},
		{"rota starts again after", "at_start = true\ninitial_delay = \"5m\"", func(r *rig) {
			r.pass(6 * time.Minute)
			r.restart(time.Minute)
			r.pass(6 * time.Minute)
		}, "12:05:00, 12:12:00"},
		{"two delays", "triggers = [{ at_start = true }, { at_start = true, initial_delay = \"5m\" }, { at_start = true }]", func(r *rig) { r.pass(time.Hour) }, "12:00:00, 12:05:00"},
		{"beside a slot", "triggers = [{ at_start = true, initial_delay = \"5m\" }, { at = \"12:03\" }]", func(r *rig) { r.pass(time.Hour) }, "12:05:00, 12:03:00"},
		{"beside a slot of the same second", "triggers = [{ at_start = true, initial_delay = \"5s\" }, { at = \"12:00:05\" }]", func(r *rig) { r.pass(time.Hour) }, "12:00:05, 12:00:05-12:00:05×1 skipped"},
		{"of the machine", "at_start = \"boot\"\ninitial_delay = \"5m\"", func(r *rig) {
			r.pass(time.Minute)
			r.restart(10 * time.Minute)
			r.pass(time.Hour)
			r.restart(10 * time.Minute)
			r.pass(time.Hour)
		}, "12:05:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.other]\nlog = \"x\"\n", func(r *rig) {
				r.stop()
				r.boot, r.cfg = "one", r.parse("[tasks.t]\nlog = \"x\"\n"+c.keys+"\n")
				r.live(r.stateDir, r.cfg)
				c.do(r)
				r.want("t", c.want)
			})
		})
	}
}

// jitter delays the run of a start, not its slot; --once, which ends before, runs it
// at once.
func TestAtStartJitter(t *testing.T) {
	const jobs = "[tasks.t]\nlog = \"x\"\nat_start = true\ninitial_delay = \"1m\"\njitter = \"24h\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		late := plan.Spread("t", 24*time.Hour)
		r.pass(time.Minute + late)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{})
		if err != nil || len(runs) != 1 {
			t.Fatalf("%+v, %v", runs, err)
		}
		if run := runs[0]; !run.Scheduled.Equal(r.start.Add(time.Minute)) || !run.Started.Equal(r.start.Add(time.Minute+late)) {
			t.Errorf("the slot %v started at %v, want it %v later", run.Scheduled, run.Started, late)
		}
	})
	inBubble(t, noon, "[tasks.other]\nlog = \"x\"\n", func(r *rig) {
		r.stop()
		r.once, r.cfg = true, r.parse(jobs)
		r.live(r.stateDir, r.cfg)
		r.pass(time.Second)
		r.want("t", "12:00:00")
	})
}
