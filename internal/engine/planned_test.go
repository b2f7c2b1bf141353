package engine

import (
	"context"
	"testing"
	"time"

	"rota/internal/api"
)

// A hold that is planned begins at its instant, also where rota was down then, and
// ends as it was to end.
func TestPlannedHold(t *testing.T) {
	plan := func(r *rig, ada client, after, lasts time.Duration) {
		ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, At: r.start.Add(after), For: lasts}))
	}
	for _, c := range []struct {
		name string
		do   func(r *rig, ada client)
		want string
	}{
		{"its slots", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 2*time.Hour)
			r.pass(4 * time.Hour)
		}, "12:30:00, 13:00:00-14:30:00×4 skipped, 15:00:00, 15:30:00, 16:00:00"},
		{"without an end", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 0)
			r.pass(2 * time.Hour)
		}, "12:30:00, 13:00:00-14:00:00×3 skipped"},
		{"over a restart", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 0)
			r.restart(time.Minute)
			r.pass(2 * time.Hour)
		}, "12:30:00, 13:00:00-14:00:00×3 skipped"},
		{"begun while rota was down", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 0)
			r.pass(45 * time.Minute)
			r.restart(time.Hour)
			r.pass(time.Hour)
		}, "12:30:00, 13:00:00-14:30:00×4 skipped"},
		{"over while rota was down", func(r *rig, ada client) {
			plan(r, ada, time.Hour, time.Hour)
			r.pass(45 * time.Minute)
			r.restart(90 * time.Minute)
			r.pass(time.Hour)
		}, "12:30:00, 13:00:00-13:30:00×2 skipped, 14:00:00-14:00:00×1 missed, 14:30:00, 15:00:00"},
		{"taken back", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 0)
			ada.must(ada.Release(ada.ctx, "t"))
			r.pass(90 * time.Minute)
		}, "12:30:00, 13:00:00, 13:30:00"},
		{"another in its place", func(r *rig, ada client) {
			plan(r, ada, time.Hour, 0)
			plan(r, ada, 2*time.Hour, 0)
			r.pass(2 * time.Hour)
		}, "12:30:00, 13:00:00, 13:30:00, 14:00:00-14:00:00×1 skipped"},
		{"the end of a hold before does not end it", func(r *rig, ada client) {
			plan(r, ada, 2*time.Hour, time.Hour)
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: time.Hour}))
			r.pass(3 * time.Hour)
		}, "12:30:00-12:30:00×1 skipped, 13:00:00, 13:30:00, 14:00:00-14:30:00×2 skipped, 15:00:00"},
		{"a hold that lasts longer stays", func(r *rig, ada client) {
			plan(r, ada, time.Hour, time.Hour)
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}}))
			r.pass(150 * time.Minute)
		}, "12:30:00-14:30:00×5 skipped"},
		{"one that begins in the past", func(r *rig, ada client) {
			ada.refused(api.Usage)(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, At: r.start}))
			r.pass(30 * time.Minute)
		}, "12:30:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.t]\ncron = \"*/30 * * * *\"\nmissed = \"skip\"\nlog = \"x\"\n", func(r *rig) {
				c.do(r, r.ada())
				r.want("t", c.want)
			})
		})
	}
}

// A caller who only owns a task can neither end nor replace a hold that a caller with
// control has planned, nor replace a hold that binds.
func TestPlannedHoldBinds(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\ncron = \"*/30 * * * *\"\nlog = \"x\"\n", func(r *rig) {
		ada, bob := r.ada(), r.owner()
		at := func(d time.Duration) api.Holding { return api.Holding{Tasks: []string{"t"}, At: r.start.Add(d)} }
		ada.must(ada.Hold(ada.ctx, at(2*time.Hour)))
		bob.refused(api.Forbidden)(bob.Hold(bob.ctx, at(24*time.Hour)))
		bob.refused(api.Forbidden)(bob.Release(bob.ctx, "t"))
		bob.must(bob.Hold(bob.ctx, api.Holding{Tasks: []string{"t"}}))
		bob.must(bob.Release(bob.ctx, "t"))
		r.pass(2 * time.Hour)
		bob.refused(api.Forbidden)(bob.Release(bob.ctx, "t"))
		bob.must(bob.Hold(bob.ctx, at(3*time.Hour)))
		r.pass(2 * time.Hour)
		bob.refused(api.Forbidden)(bob.Release(bob.ctx, "t"))
		r.inLoop(func(context.Context) error {
			if !r.isHoldBinding("t") || r.states["t"].Planned != nil {
				t.Errorf("the state is %+v", r.states["t"])
			}
			return nil
		})
	})
}
