package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

const noon = "2026-11-21T12:00:00-05:00"

// Which slots were missed while rota was down, by the policy of the task.
func TestMissed(t *testing.T) {
	for _, c := range []struct {
		name, jobs string
		away       time.Duration
		want       string
	}{
		{"skip is the rule", `cron = "*/10 * * * *"`, 55 * time.Minute, "12:10:00, 12:20:00-13:00:00×5 missed, 13:10:00"},
		{"also for what names a time", `at = ["12:10", "12:30"]`, 55 * time.Minute, "12:10:00, 12:30:00-12:30:00×1 missed"},
		{"but not for what is due only once", `once = 2026-11-21T12:30:00`, 55 * time.Minute, "12:30:00 catchup"},
		{"unless it says so", "once = 2026-11-21T12:30:00\nmissed = \"skip\"", 55 * time.Minute, "12:30:00-12:30:00×1 missed"},
		{"once", "cron = \"*/10 * * * *\"\nmissed = \"once\"", 55 * time.Minute, "12:10:00, 12:20:00-12:50:00×4 skipped, 13:00:00 catchup, 13:10:00"},
		{"once, within", "cron = \"*/10 * * * *\"\nmissed = \"once\"\nmissed_within = \"1m\"", 55 * time.Minute, "12:10:00, 12:20:00-13:00:00×5 missed, 13:10:00"},
		{"all", "cron = \"*/10 * * * *\"\nmissed = \"all\"", 25 * time.Minute, "12:10:00, 12:20:00 catchup, 12:30:00 catchup, 12:40:00"},
		{"all, within", "cron = \"*/10 * * * *\"\nmissed = \"all\"\nmissed_within = \"20m\"", 55 * time.Minute, "12:10:00, 12:20:00-12:40:00×3 missed, 12:50:00 catchup, 13:00:00 catchup, 13:10:00"},
		{"all, as many as may wait", "interval = \"10m\"\nmissed = \"all\"\nmode = \"sequential\"\nqueue = \"narrow\"", 55 * time.Minute, "12:10:00, 12:20:00-12:40:00×3 missed, 12:50:00 catchup, 13:00:00 catchup, 13:10:00"},
		{"no late run outside of between", "cron = \"*/10 * * * *\"\nbetween = \"12:00-13:00\"\nmissed = \"all\"", 2 * time.Hour, "12:10:00, 12:20:00-12:50:00×4 missed"},
		{"from the end of the last run", "interval = \"10m\"\nanchor = \"finish\"", 7 * time.Minute, "12:10:00, 12:20:00"},
		{"an interval keeps its phase", `interval = "10m"`, 7 * time.Minute, "12:10:00, 12:20:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[queues.narrow]\ncapacity = 2\n[tasks.t]\nlog = \"x\"\n"+c.jobs+"\n", func(r *rig) {
				r.pass(11 * time.Minute)
				r.restart(c.away)
				r.pass(6 * time.Minute)
				r.want("t", c.want)
			})
		})
	}
}

// Slots of held or new tasks were not missed, whatever the key missed says.
func TestNotMissed(t *testing.T) {
	const all = "log = \"x\"\nmissed = \"all\"\n"
	const tens = "[tasks.t]\ncron = \"*/10 * * * *\"\n" + all
	// since is a daemon that starts an hour later, on another file.
	since := func(r *rig, jobs string) {
		r.pass(5 * time.Minute)
		r.stop()
		cfg := r.parse(jobs)
		time.Sleep(time.Hour) // time itself is the subject
		r.live(r.stateDir, cfg)
		r.pass(6 * time.Minute)
	}
	for _, c := range []struct {
		name, jobs string
		do         func(r *rig)
		want       string
	}{
		{"at the first start of all", tens, func(r *rig) { r.pass(11 * time.Minute) }, "12:10:00"},
		{"held while rota was away", tens, func(r *rig) {
			r.pass(5 * time.Minute)
			ada := r.ada()
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}}))
			r.restart(time.Hour)
			ada = r.ada()
			ada.must(ada.Release(ada.ctx, "t"))
			r.pass(6 * time.Minute)
		}, "12:10:00-13:00:00×6 skipped, 13:10:00"},
		{"held until rota was away", tens, func(r *rig) {
			r.pass(5 * time.Minute)
			ada := r.ada()
			ada.must(ada.Hold(ada.ctx, api.Holding{Tasks: []string{"t"}, For: 30 * time.Minute}))
			r.restart(time.Hour)
			r.pass(6 * time.Minute)
		}, "12:10:00-12:30:00×3 skipped, 12:40:00 catchup, 12:50:00 catchup, 13:00:00 catchup, 13:10:00"},
		{"a task that is new", "[tasks.u]\nlog = \"x\"\n", func(r *rig) { since(r, tens) }, "13:10:00"},
		{"a trigger that is new", "[tasks.t]\ncron = \"0 4 * * *\"\n" + all, func(r *rig) { since(r, tens) }, "13:10:00"},
		{"a task that was disabled", tens + "enabled = false\n", func(r *rig) { since(r, tens) }, "13:10:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, c.jobs, func(r *rig) {
				c.do(r)
				r.want("t", c.want)
			})
		})
	}
}

func TestRetry(t *testing.T) {
	const once = "once = 2026-11-21T12:00:00\n"
	for _, c := range []struct {
		name, jobs string
		do         func(r *rig)
		want       string
		attempts   int
	}{
		{"again, later and later", once + `retry = { max = 3, delay = "1m" }`, func(r *rig) { r.pass(10 * time.Minute) }, "12:00:00 failed", 4},
		{"not before its time", once + `retry = { max = 3, delay = "1m" }`, func(r *rig) { r.pass(150 * time.Second) }, "12:00:00 delayed", 2},
		{"not without leave", once, func(r *rig) { r.pass(10 * time.Minute) }, "12:00:00 failed", 1},
		{"only on what it names", once + `retry = { max = 3, delay = "1m", on = ["timeout", 7] }`, func(r *rig) { r.pass(10 * time.Minute) }, "12:00:00 failed", 1},
		{"also after a restart", once + `retry = { max = 3, delay = "1m" }`, func(r *rig) { r.pass(30 * time.Second); r.restart(0); r.pass(10 * time.Minute) }, "12:00:00 failed", 4},
		{"not outside of between", "cron = \"0 12 * * *\"\nbetween = \"11:50-12:01\"\nretry = { max = 3, delay = \"1m\" }", func(r *rig) { r.pass(23 * time.Hour) }, "12:00:00 delayed", 1},
		{"a new slot ends it", "triggers = [{ once = 2026-11-21T12:00:00 }, { cron = \"30 12 * * *\" }]\nretry = { max = 3, delay = \"1h\" }", func(r *rig) { r.pass(40 * time.Minute) }, "12:00:00 failed, 12:30:00 delayed", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			jobs := "[tasks.t]\nwrite = { path = \"no/such/directory\", text = \"x\" }\n" + c.jobs + "\n"
			inBubble(t, "2026-11-21T11:59:30-05:00", jobs, func(r *rig) {
				r.pass(30 * time.Second)
				c.do(r)
				r.want("t", c.want)
				run, _, err := r.ledger.Get(t.Context(), "t/20261121T170000Z")
				if err != nil || run.Attempts != c.attempts {
					t.Errorf("%d attempts, %v; want %d", run.Attempts, err, c.attempts)
				}
			})
		})
	}
}

// A run that waits longer than max_wait is skipped, and one that was running at a kill is
// lost.
func TestWaitsAndKills(t *testing.T) {
	jobs := "[tasks.busy]\nat = \"12:00:10\"\nmode = \"sequential\"\nlog = \"x\"\n[tasks.t]\nat = \"12:00:20\"\nmode = \"sequential\"\nmax_wait = \"5m\"\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		gate := make(chan struct{})
		r.post(func() {
			task := r.cfg.Tasks.Get("busy")
			task.Action, task.Timeout = blocking(gate), 0
			r.cfg.Tasks = r.cfg.Tasks.With(task)
		})
		r.pass(time.Minute)
		r.want("t", "12:00:20 queued")
		r.pass(5 * time.Minute)
		r.want("t", "12:00:20 skipped")
		r.want("busy", "12:00:10 running")
		r.restart(0)
		r.want("busy", "12:00:10 lost")
		close(gate)
		synctest.Wait()
	})
}

// A run that waited for a worker, was started in time and is tried again is not
// ended by max_wait of its first wait, nor is anything else held up.
func TestPatienceEndsWithTheWait(t *testing.T) {
	jobs := "[queues.one]\n[tasks.busy]\nat = \"12:00:05\"\nqueue = \"one\"\nlog = \"x\"\n" +
		"[tasks.t]\nat = \"12:00:10\"\nqueue = \"one\"\nmax_wait = \"2m\"\nretry = { max = 1, delay = \"90s\" }\nwrite = { path = \"no/such/directory\", text = \"x\" }\n" +
		"[tasks.again]\ntriggers = [{ at = \"12:01:30\" }]\nqueue = \"one\"\nlog = \"x\"\n[tasks.tick]\ncron = \"* * * * *\"\nlog = \"x\"\n"
	inBubble(t, noon, jobs, func(r *rig) {
		gate := make(chan struct{})
		r.post(func() {
			for _, name := range []string{"busy", "again"} {
				task := r.cfg.Tasks.Get(name)
				task.Action, task.Timeout = blocking(gate), 0
				r.cfg.Tasks = r.cfg.Tasks.With(task)
			}
		})
		r.pass(20 * time.Second)
		gate <- struct{}{} // busy ends: t starts, fails, and waits for 12:01:50, when there is no worker
		r.pass(4 * time.Minute)
		r.want("tick", "12:01:00, 12:02:00, 12:03:00, 12:04:00")
		gate <- struct{}{} // again ends
		synctest.Wait()
		r.want("t", "12:00:10 failed")
	})
}

// Retention follows the file, in the background: also for what is there already,
// of tasks that run no more or are gone, and what grows old while nothing runs.
func TestRetentionFollowsTheFile(t *testing.T) {
	const jobs = "[tasks.t]\ncron = \"* * * * *\"\nlog = \"x\"\n"
	for _, c := range []struct {
		name, jobs string
		do         func(r *rig)
		least      int // runs that are kept
		most       int // until retention comes by
	}{
		{"of what runs", jobs + "keep = { runs = 3 }\n", func(r *rig) { r.pass(10 * time.Minute) }, 3, 4},
		{"of what ran before an edit", jobs, func(r *rig) {
			r.pass(10 * time.Minute)
			r.edited("[tasks.t]\nlog = \"x\"\nkeep = { runs = 3 }\n")
			r.pass(2 * time.Minute)
		}, 3, 3},
		{"of what ran before a restart", jobs, func(r *rig) {
			r.pass(10 * time.Minute)
			r.stop()
			r.live(r.stateDir, r.parse("[tasks.t]\nlog = \"x\"\nkeep = { runs = 3 }\n"))
		}, 3, 3},
		{"of a task that is gone", jobs, func(r *rig) {
			r.pass(10 * time.Minute)
			r.edited("[history]\nruns = 2\n[tasks.u]\nlog = \"x\"\n")
			r.pass(2 * time.Minute)
		}, 2, 2},
		{"of what grows old", "[tasks.t]\nonce = 2026-11-21T12:10:00\nlog = \"x\"\nkeep = { age = \"36h\" }\n", func(r *rig) {
			ada := r.ada()
			ada.run(api.Request{})
			r.pass(30 * time.Hour)
			ada.run(api.Request{}) // the newest is kept
			r.pass(48 * time.Hour)
		}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, c.jobs, func(r *rig) {
				c.do(r)
				synctest.Wait()
				runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "t", Outcomes: []runner.Outcome{runner.OK}})
				if err != nil || len(runs) < c.least || len(runs) > c.most {
					t.Errorf("%d runs are kept, %v; want %d to %d", len(runs), err, c.least, c.most)
				}
			})
		})
	}
}
