package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
)

// Actions on a daemon, and events that happen to it, are recorded with time and user;
// without a user it was rota itself, or has no author.
func TestEvents(t *testing.T) {
	const jobs = "[queues.q]\n[tasks.t]\nat = \"18:00\"\nlog = \"x\"\n"
	reload := func(r *rig, who string) {
		cfg, err := config.Parse(r.cfg.Path, "[rota]\ntimezone = \"America/New_York\"\n"+jobs+"description = \"new\"\n", config.Options{})
		if err != nil {
			r.t.Fatal(err)
		}
		r.inLoop(func(ctx context.Context) error { return r.swap(ctx, cfg, config.Diff(r.cfg, cfg), who) })
	}
	for _, c := range []struct {
		name string
		do   func(r *rig, ada client)
		want []string // time, kind, task, who and text, separated by commas; empty ones are omitted
	}{
		{"start", func(*rig, client) {}, nil},
		{"again", func(r *rig, _ client) { r.restart(time.Minute) }, []string{"12:01:00, start"}},
		{"reload", func(r *rig, _ client) { reload(r, "ada") }, []string{"12:00:00, reload, ada, 1 changed (t: description)"}},
		{"reload by an edit", func(r *rig, _ client) { reload(r, "") }, []string{"12:00:00, reload, 1 changed (t: description)"}},
		{"hold, and its time is over", func(r *rig, ada client) {
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: time.Hour, Why: "db migration"}))
			r.pass(2 * time.Hour)
		}, []string{"12:00:00, hold, t, ada, db migration; until 2026-11-21 13:00:00 EST", "13:00:00, release, t, rota"}},
		{"hold and release", func(r *rig, ada client) {
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}}))
			r.pass(time.Minute)
			ada.must(ada.Release(ada.ctx, "t"))
		}, []string{"12:00:00, hold, t, ada", "12:01:00, release, t, ada"}},
		{"skip", func(_ *rig, ada client) { ada.must(ada.Skip(ada.ctx, "t")) }, []string{"12:00:00, skip, t, ada, 2026-11-21 18:00:00 EST"}},
		{"reschedule, and its time is over", func(r *rig, ada client) {
			ada.must(ada.Reschedule(ada.ctx, api.Rescheduling{Name: "t", Expr: "interval 3h", Until: r.start.Add(time.Hour)}))
			r.pass(2 * time.Hour)
		}, []string{"12:00:00, reschedule, t, ada, to interval 3h until 2026-11-21 13:00:00 EST", "13:00:00, reschedule, t, rota, to default"}},
		{"queues", func(r *rig, ada client) {
			ada.must(ada.StopQueues(ada.ctx, "q"))
			r.pass(time.Minute)
			ada.must(ada.StopQueues(ada.ctx, "q")) // unchanged: no event
			ada.must(ada.StartQueues(ada.ctx, "q"))
		}, []string{"12:00:00, queue stop, ada, q", "12:01:00, queue start, ada, q"}},
		{"the clock is set", func(r *rig, _ client) {
			r.step(time.Hour)
			r.pass(time.Hour)
			r.step(-time.Hour)
		}, []string{"13:00:00, clock step, forward by 1h: set, or the machine slept", "13:00:00, clock step, set back by 1h"}},
		{"drain, for a while", func(r *rig, ada client) {
			ada.must(ada.Drain(ada.ctx, time.Hour)) // nothing runs, so it need not wait
			r.pass(2 * time.Hour)
		}, []string{"12:00:00, drain, ada, until 2026-11-21 13:00:00 EST", "13:00:00, drain end"}},
		{"a file that is refused while rota stops", func(r *rig, _ client) {
			stopped, stop := context.WithCancel(r.t.Context())
			stop()
			r.RefuseReload(stopped, errors.New("it is wrong"), "1 fault", "ada")
			e := &fakeTarget{unreachable: true}
			r.inLoop(func(context.Context) error { r.notifications = e.notifications(r.Engine); return nil })
			r.NotifyBadConfig(stopped, []string{"ops"}, "it is wrong")
			if notices, err := r.ledger.Outbox(r.t.Context(), 0); err != nil || len(notices) != 1 || notices[0].Text != "it is wrong" {
				r.t.Errorf("in the outbox: %+v, %v", notices, err)
			}
		}, []string{"12:00:00, reload, ada, refused: 1 fault"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, jobs, func(r *rig) {
				synctest.Wait()
				c.do(r, r.ada())
				synctest.Wait()
				events, err := r.ledger.Events(t.Context(), ledger.EventFilter{})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range events {
					parts := []string{e.Time.In(r.cfg.Rota.Timezone).Format(time.TimeOnly), e.Kind, e.Task, e.Who, e.Text}
					got = append(got, strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", "))
				}
				if want := append([]string{"12:00:00, start"}, c.want...); !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		})
	}
}
