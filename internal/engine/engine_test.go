package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// short is a ledger with a method for each part of a change.
func short(l ledger.Ledger) ledgertest.Short { return ledgertest.Short{Ledger: l} }

// rig is an engine in a bubble of fake time, with built-in actions for tasks.
type rig struct {
	*Engine
	t       *testing.T
	fake    *clock.Fake
	pace    rateLimit
	start   time.Time
	once    bool                              // of the next daemon
	boot    string                            // the start of the machine, for the next daemon; "": that of this one
	fails   error                             // that the daemon ends with; nil: none
	wrap    func(ledger.Ledger) ledger.Ledger // around the ledger of the next daemon; nil: nothing
	forever *ledger.Memory                    // the ledger of all daemons, that a kill does not close; nil: that of the state directory
	target  *fakeTarget                       // the target "ops" of the next daemon; nil: none
	stop    func()
}

// inBubble runs a test with an engine that begins at start on a file.
func inBubble(t *testing.T, start, jobs string, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(at)) // time itself is the subject: all in the bubble agree on it
		r := &rig{t: t, fake: clock.NewFake(at), start: at}
		dir := t.TempDir()
		r.live(dir, r.parse(jobs))
		test(r)
		synctest.Wait()
		r.stop()
		time.Sleep(2 * maxAhead) // a run that was recorded ahead waits until then
	})
}

// live begins an engine in a state directory.
func (r *rig) live(stateDir string, cfg *config.Config) {
	r.t.Helper()
	var book ledger.Ledger = r.forever
	shut := func() error { r.forever.Killed(); return nil }
	if r.forever == nil {
		sqlite, err := ledger.Open(r.t.Context(), stateDir, r.ledgerOptions())
		if err != nil {
			r.t.Fatal(err)
		}
		book, shut = sqlite, sqlite.Close
	}
	wrapped := book
	if r.wrap != nil {
		wrapped = r.wrap(book)
	}
	r.Engine = New(Options{Once: r.once, Ahead: true, Config: cfg, StateDir: stateDir, Clock: r.fake, Log: slog.New(slog.DiscardHandler), Ledger: wrapped})
	if r.boot != "" {
		r.Engine.boot = r.boot
	}
	l := r.Engine
	l.notifications = nil
	ctx, cancel := context.WithCancel(r.t.Context())
	var delivery sync.WaitGroup
	if r.target != nil {
		l.notifications = r.target.notifications(l)
		delivery.Go(func() { _ = l.notifications.run(ctx) })
	}
	if err := l.Begin(ctx, ctx); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	r.stop = func() {
		cancel()
		delivery.Wait()
		if err := errors.Join(<-ended, shut()); !errors.Is(err, r.fails) {
			r.t.Errorf("%v, want %v", err, r.fails)
		}
	}
}

func (r *rig) ledgerOptions() ledger.Options {
	return ledger.Options{
		Now:    r.fake.Now,
		Queues: func(queue string) int { return r.Engine.inForce.Load().Queues[queue].Capacity },
		Users:  func(run runner.Run) string { return UserOf(r.Engine.inForce.Load(), run) },
	}
}

// restart is a daemon that is killed, and one that starts some time later.
func (r *rig) restart(later time.Duration) {
	synctest.Wait()
	r.stop()
	time.Sleep(later) // time itself is the subject
	r.live(r.stateDir, r.cfg)
	synctest.Wait()
}

func (r *rig) parse(jobs string) *config.Config {
	r.t.Helper()
	cfg, err := config.Parse(filepath.Join(r.t.TempDir(), "jobs.toml"), "[rota]\ntimezone = \"America/New_York\"\n"+jobs, config.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // time itself is the subject
	synctest.Wait()
}

// step sets the clock.
func (r *rig) step(d time.Duration) {
	synctest.Wait()
	r.fake.Step(d)
	synctest.Wait()
}

// rows is what the ledger says of a task, oldest first: the local time of the
// slot, and its outcome if that is not ok; summaries as first-last×count.
func (r *rig) rows(task string) string {
	r.t.Helper()
	runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: task})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(runs)
	zone := r.cfg.Rota.Timezone
	var out []string
	for _, run := range runs {
		text := run.Scheduled.In(zone).Format(time.TimeOnly)
		if run.IsSummary() {
			text = fmt.Sprintf("%s-%s×%d", run.First.In(zone).Format(time.TimeOnly), run.Last.In(zone).Format(time.TimeOnly), run.Count)
		}
		if i := strings.LastIndexByte(run.ID, '~'); i > 0 && !strings.HasPrefix(run.ID[i:], "~start.") {
			text += run.ID[i:]
		}
		if run.Cause == runner.CauseCatchup && !run.IsSummary() {
			text += " catchup"
		}
		if s := string(run.Outcome) + string(run.State); s != "ok" {
			text += " " + s
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func (r *rig) want(task, want string) {
	r.t.Helper()
	if got := r.rows(task); got != want {
		r.t.Errorf("%s:\ngot  %s\nwant %s", task, got, want)
	}
}

func TestLoop(t *testing.T) {
	const noon = "2026-11-21T12:00:00-05:00"
	for _, c := range []struct {
		name, start, jobs string
		do                func(r *rig)
		want              string // of task t
	}{
		{"an interval counts from when it was first seen", noon, `interval = "10s"`, func(r *rig) { r.pass(30 * time.Second) }, "12:00:10, 12:00:20, 12:00:30"},
		{"at once", noon, `interval = "10s"` + "\n" + `initial_delay = "0s"`, func(r *rig) { r.pass(10 * time.Second) }, "12:00:00, 12:00:10"},
		{"cron", noon, `cron = "*/2 * * * *"`, func(r *rig) { r.pass(4 * time.Minute) }, "12:02:00, 12:04:00"},
		{"two triggers, one slot", noon, `triggers = [{ at = "12:01" }, { cron = "* * * * *" }]`, func(r *rig) { r.pass(2 * time.Minute) }, "12:01:00, 12:02:00"},
		{"when rota starts", noon, `at_start = true`, func(r *rig) { r.pass(time.Hour) }, "12:00:00"},
		{"not enabled", noon, `interval = "1s"` + "\nenabled = false", func(r *rig) { r.pass(time.Minute) }, ""},
		{"counted from the end of the run", noon, `interval = "10s"` + "\nanchor = \"finish\"", func(r *rig) { r.pass(30 * time.Second) }, "12:00:10, 12:00:20, 12:00:30"},
		{"once", noon, `once = 2026-11-21T12:30:00`, func(r *rig) { r.pass(2 * time.Hour) }, "12:30:00"},

		// Rule 13: one rule for late slots, whatever the cause.
		{"a process that was stopped for a while", noon, `interval = "10s"`, func(r *rig) { r.fake.Advance(35 * time.Second); r.pass(10 * time.Second) },
			"12:00:10-12:00:20×2 skipped, 12:00:30, 12:00:40"},
		{"a minute late runs", noon, `at = "12:01"`, func(r *rig) { r.fake.Advance(2 * time.Minute); r.pass(0) }, "12:01:00"},
		{"later, FIXED within three hours is started late", noon, `at = ["12:10", "13:00"]`, func(r *rig) { r.fake.Advance(3 * time.Hour); r.pass(0) },
			"12:10:00-12:10:00×1 skipped, 13:00:00 catchup"},
		{"later, WILDCARD is missed", noon, `cron = "0 * * * *"`, func(r *rig) { r.fake.Advance(150 * time.Minute); r.pass(30 * time.Minute) },
			"13:00:00-14:00:00×2 missed, 15:00:00"},
		{"later, an interval is missed", noon, `interval = "1h"`, func(r *rig) { r.fake.Advance(150 * time.Minute); r.pass(30 * time.Minute) },
			"13:00:00-14:00:00×2 missed, 15:00:00"},
		{"after more than three hours all is missed", noon, `at = ["12:10", "16:00"]`, func(r *rig) { r.fake.Advance(8 * time.Hour); r.pass(0) },
			"12:10:00-16:00:00×2 missed"},
		{"but what happens only once", noon, `once = 2026-11-21T12:30:00`, func(r *rig) { r.fake.Advance(8 * time.Hour); r.pass(0) }, "12:30:00 catchup"},
		{"unless the file says that nothing is", noon, `at = "12:10"` + "\nmissed = \"skip\"", func(r *rig) { r.fake.Advance(2 * time.Hour); r.pass(0) }, "12:10:00-12:10:00×1 missed"},
		{"or nothing that late", noon, `at = "12:10"` + "\nmissed_within = \"1h\"", func(r *rig) { r.fake.Advance(2 * time.Hour); r.pass(0) }, "12:10:00-12:10:00×1 missed"},
		{"but what is not that late", noon, `at = "12:10"` + "\nmissed_within = \"2h\"", func(r *rig) { r.fake.Advance(2 * time.Hour); r.pass(0) }, "12:10:00 catchup"},
		{"nor, said so, what is in time else", noon, `at = "12:01"` + "\nmissed_within = \"10s\"", func(r *rig) { r.fake.Advance(90 * time.Second); r.pass(0) }, "12:01:00-12:01:00×1 missed"},
		{"WILDCARD, its next slot being far", noon, `cron = "0 * * * *"`, func(r *rig) { r.fake.Advance(time.Hour + 63*time.Second); r.pass(0) }, "13:00:00 catchup"},
		{"an interval, its next slot being far", noon, `interval = "1h"`, func(r *rig) { r.fake.Advance(89 * time.Minute); r.pass(0) }, "13:00:00 catchup"},
		{"but not with missed = skip", noon, `interval = "1h"` + "\nmissed = \"skip\"", func(r *rig) { r.fake.Advance(time.Hour + 63*time.Second); r.pass(0) }, "13:00:00-13:00:00×1 missed"},
		{"not for slots far apart, after three hours", noon, `interval = "9h"`, func(r *rig) { r.fake.Advance(12*time.Hour + time.Minute); r.pass(0) }, "21:00:00-21:00:00×1 missed"},
		{"a step is no different", noon, `at = ["12:10", "13:00"]`, func(r *rig) { r.step(3 * time.Hour) }, "12:10:00-12:10:00×1 skipped, 13:00:00 catchup"},

		// Rule 14: the clock set back.
		{"two seconds are waited for", noon, `interval = "1s"`, func(r *rig) { r.pass(3 * time.Second); r.step(-2 * time.Second); r.pass(3 * time.Second) },
			"12:00:01, 12:00:02, 12:00:03, 12:00:04"},
		{"more: a new epoch, an interval continues at once", noon, `interval = "20s"`, func(r *rig) { r.pass(2 * time.Minute); r.step(-2 * time.Minute); r.pass(45 * time.Second) },
			"12:00:20, 12:00:40, 12:01:00, 12:01:20, 12:01:40, 12:02:00, 12:00:20~2, 12:00:40~2"},
		{"and WILDCARD", noon, `cron = "* * * * *"`, func(r *rig) { r.pass(3 * time.Minute); r.step(-2 * time.Minute); r.pass(3 * time.Minute) },
			"12:01:00, 12:02:00, 12:03:00, 12:02:00~2, 12:03:00~2, 12:04:00~2"},
		{"but not FIXED, which has run", noon, `at = ["12:02", "12:05"]`, func(r *rig) { r.pass(4 * time.Minute); r.step(-3 * time.Minute); r.restart(0); r.pass(5 * time.Minute) },
			"12:02:00, 12:05:00~2"},
		{"but FIXED that a clock ahead of time only missed", noon, `at = "14:30"` + "\nmissed = \"skip\"", func(r *rig) {
			r.step(3 * time.Hour)
			r.pass(time.Second)
			r.step(-3 * time.Hour)
			r.pass(3 * time.Hour)
		},
			"14:30:00-14:30:00×1 missed, 14:30:00~2"},
		{"nor what is due once", noon, `once = 2026-11-21T12:02:00`, func(r *rig) { r.pass(3 * time.Minute); r.step(-2 * time.Minute); r.pass(3 * time.Minute) },
			"12:02:00"},
		{"an hour: WILDCARD runs again", noon, `cron = "*/30 * * * *"`, func(r *rig) { r.pass(time.Hour); r.step(-45 * time.Minute); r.pass(time.Hour) },
			"12:30:00, 13:00:00, 12:30:00~2, 13:00:00~2"},
		{"but FIXED does not", noon, `at = ["12:30", "13:10"]`, func(r *rig) { r.pass(time.Hour); r.step(-45 * time.Minute); r.pass(time.Hour) },
			"12:30:00, 13:10:00~2"},
		{"however long ago it ran", noon, `at = ["12:30", "16:30"]`, func(r *rig) { r.pass(5 * time.Hour); r.step(-5 * time.Hour); r.pass(5 * time.Hour) },
			"12:30:00, 16:30:00"},
		{"an interval first seen in the future counts from now", "2030-01-01T00:00:00-05:00", `interval = "1h"`, func(r *rig) { r.step(-365 * 24 * time.Hour); r.pass(2 * time.Hour) },
			"01:00:00~2, 02:00:00~2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, c.start, "[tasks.t]\nlog = \"x\"\n"+c.jobs+"\n", func(r *rig) {
				c.do(r)
				r.want("t", c.want)
			})
		})
	}
}

func TestLoopReload(t *testing.T) {
	const head = "[tasks.same]\ninterval = \"1h\"\nlog = \"x\"\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", head+"[tasks.t]\ninterval = \"10m\"\nlog = \"x\"\n", func(r *rig) {
		swap := func(jobs string) {
			t.Helper()
			done := make(chan error)
			cfg := r.parse(jobs)
			r.post(func() { done <- r.swap(t.Context(), cfg, config.Diff(r.cfg, cfg), "") })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		r.pass(15 * time.Minute)
		swap(head + "[tasks.t]\ninterval = \"10m\"\nlog = \"another\"\n") // not its trigger
		r.pass(10 * time.Minute)
		r.want("t", "12:10:00, 12:20:00")
		swap(head + "[tasks.t]\ninterval = \"7m\"\nlog = \"another\"\n") // from 12:25
		r.pass(8 * time.Minute)
		r.want("t", "12:10:00, 12:20:00, 12:32:00")
		swap(head) // gone
		r.pass(10 * time.Minute)
		swap(head + "[tasks.t]\ninterval = \"7m\"\nlog = \"x\"\n") // a new one, from 12:43
		r.pass(20 * time.Minute)
		r.want("t", "12:10:00, 12:20:00, 12:32:00, 12:50:00, 12:57:00")
		r.want("same", "13:00:00")
	})
}

// A run that does not end is followed by the rules of overlap.
func TestLoopOverlap(t *testing.T) {
	for _, c := range []struct{ policy, want string }{
		{`overlap = "skip"`, "12:00:10, 12:00:20-12:00:30×2 skipped, 12:00:40 running"},
		{`overlap = "queue"`, "12:00:10, 12:00:20, 12:00:30-12:00:30×1 skipped, 12:00:40 running"},
	} {
		inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ninterval = \"10s\"\nlog = \"x\"\n"+c.policy+"\n", func(r *rig) {
			gate := make(chan struct{}, 1)
			r.post(func() {
				task := r.cfg.Tasks.Get("t")
				task.Action = blocking(gate)
				r.cfg.Tasks = r.cfg.Tasks.With(task)
			})
			r.pass(35 * time.Second)
			gate <- struct{}{} // ends the run of 12:00:10
			synctest.Wait()
			if strings.Contains(c.policy, "queue") {
				gate <- struct{}{} // and the one that waited
			}
			r.pass(5 * time.Second)
			r.want("t", c.want)
			gate <- struct{}{}
		})
	}
}

// blocking is an action that ends when its channel is closed.
type blocking chan struct{}

func (b blocking) Run(ctx context.Context, _ runner.Input, _ io.Writer) error {
	<-b
	return nil
}

func TestJitterDelaysTheRunNotTheSlot(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ncron = \"0 * * * *\"\njitter = \"30m\"\nlog = \"x\"\n", func(r *rig) {
		late := plan.Spread("t", 30*time.Minute)
		if late == 0 {
			t.Skip("this machine's delay is none") // one in 1,800
		}
		r.pass(time.Hour + late - time.Second)
		r.want("t", "")
		r.pass(time.Second)
		r.want("t", "13:00:00")
		runs, _ := r.ledger.List(t.Context(), ledger.Filter{})
		if got := runs[0].Started; !got.Equal(r.start.Add(time.Hour + late)) {
			t.Errorf("started at %v, want %v after 13:00", got, late)
		}
	})
}

// The seconds of 50 years are not counted one by one: that would take longer than a test may.
func TestSlotsTooManyToCount(t *testing.T) {
	zone := time.UTC
	spec := func(text string) schedule.Spec {
		s, faults := schedule.Parse(schedule.Keys{"cron": {text}}, zone)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return s
	}
	var a schedule.Agenda
	from := time.Unix(0, 0)
	a.Put(schedule.Entry{Key: "a", When: spec("* * * * * *"), Last: from})
	a.Put(schedule.Entry{Key: "b", When: spec("* * * * *"), Last: from})
	through := from.Add(50 * 365 * 24 * time.Hour)
	s := mergeDue(a.Due(through))
	if s.N != 2*schedule.Many || !s.Last.Equal(through) || !s.Prev.Equal(through.Add(-time.Second)) || !s.First.Equal(from.Add(time.Second)) {
		t.Errorf("got %+v", s)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
