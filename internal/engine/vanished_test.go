package engine

import (
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// The pending runs of a task that is not in the file are kept for a minute, whatever they
// wait for. They start as before if the task returns, and not before that.
func TestVanished(t *testing.T) {
	const (
		jobs   = "[queues.q]\n[tasks.t]\nqueue = \"q\"\nlog = \"x\"\n"
		within = vanishedFor - 10*time.Second
	)
	gone := func(r *rig) { r.edited("[tasks.other]\nlog = \"x\"\n") }
	back := func(r *rig) { r.edited(jobs) }
	for _, c := range []struct {
		name, want string
		ask        func(r *rig, ada client)
		then       func(r *rig, ada client)
	}{
		{"queued, and gone", "12:00:00 cancelled", stopped, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			r.want("t", "12:00:00 queued")
			r.pass(vanishedFor - within)
		}},
		{"queued, and back", "12:00:00", stopped, func(r *rig, ada client) {
			gone(r)
			ada.must(ada.StartQueues(ada.ctx, "*")) // its own is not there
			r.pass(within)
			r.want("t", "12:00:00 queued")
			back(r)
			if run, _ := r.view.Find("t/k"); run.State == runner.Queued && run.Queue != "q" {
				r.t.Errorf("it came back into queue %q", run.Queue)
			}
			ada.must(ada.StartQueues(ada.ctx, "q"))
			r.pass(vanishedFor)
		}},
		{"forced, and gone", "12:00:00 cancelled", func(r *rig, ada client) {
			ada.must(ada.StopQueues(ada.ctx, "q"))
			ada.run(api.Request{Force: true})
		}, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			r.want("t", "12:00:00 queued")
			r.pass(vanishedFor)
		}},
		{"delayed, and due meanwhile", "12:00:20", func(r *rig, ada client) { ada.run(api.Request{In: 20 * time.Second}) }, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			r.want("t", "12:00:20 queued")
			back(r)
		}},
		{"held", "12:00:00 held", func(r *rig, ada client) { ada.run(api.Request{Held: true}) }, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			back(r)
			r.pass(vanishedFor)
		}},
		{"recurring", "12:00:00 recurring, 12:00:30-12:00:30×1 skipped, 12:01:00", func(r *rig, ada client) { ada.run(api.Request{On: "interval 30s"}) }, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			back(r)
			r.pass(20 * time.Second)
		}},
		{"gone twice", "12:00:00 held", func(r *rig, ada client) { ada.run(api.Request{Held: true}) }, func(r *rig, ada client) {
			for range 3 {
				gone(r)
				r.pass(within)
				back(r)
			}
		}},
		{"gone over a restart", "12:00:00 cancelled", func(r *rig, ada client) { ada.run(api.Request{Held: true}) }, func(r *rig, ada client) {
			gone(r)
			r.pass(within)
			r.restart(0)
			r.want("t", "12:00:00 held")
			r.pass(vanishedFor)
		}},
		{"gone, and the clock is set", "12:00:00 cancelled", func(r *rig, ada client) { ada.run(api.Request{Held: true}) }, func(r *rig, ada client) {
			gone(r)
			r.step(-time.Hour)
			r.pass(vanishedFor + time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, jobs, func(r *rig) {
				ada := r.ada()
				c.ask(r, ada)
				c.then(r, ada)
				r.want("t", c.want)
			})
		})
	}
}

// stopped leaves a request waiting in a queue that is stopped.
func stopped(r *rig, ada client) {
	ada.must(ada.StopQueues(ada.ctx, "q"))
	ada.run(api.Request{Key: "k"})
}
