package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/ledger/ledgertest"
	"rota/internal/plan"
	"rota/internal/query"
	"rota/runner"
)

// readerRig is a ledger in memory with what a test has put there, and a reader of it.
type readerRig struct {
	*query.Reader
	t    *testing.T
	book ledgertest.Short
	at   time.Time // now
}

// newReaderRig makes one of a file, at noon in UTC.
func newReaderRig(t *testing.T, jobs string) *readerRig {
	t.Helper()
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "jobs.toml"), "[rota]\ntimezone = \"UTC\"\n"+jobs, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &readerRig{t: t, at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	s.book = ledgertest.Short{Ledger: ledger.NewMemory(ledger.Options{Now: func() time.Time { return s.at }})}
	s.Reader = &query.Reader{Ledger: s.book, StateDir: t.TempDir(), Config: func() *config.Config { return cfg }, Now: func() time.Time { return s.at }}
	for name, task := range cfg.Tasks.All() {
		s.do(s.book.SetTask(t.Context(), name, ledger.TaskState{}, ledger.TaskState{FirstSeen: plan.FirstSeen(task, nil, s.hour(0))}))
	}
	s.advance(runner.Batch{})
	return s
}

func (s *readerRig) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// hour is a time of the day.
func (s *readerRig) hour(h float64) time.Time {
	return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).Add(time.Duration(h * float64(time.Hour)))
}

// advance writes a batch, and the cursor at now.
func (s *readerRig) advance(b runner.Batch) []ledger.Lease {
	s.t.Helper()
	cursor, err := s.book.Cursor(s.t.Context())
	s.do(err)
	leases, err := s.book.Advance(s.t.Context(), cursor, ledger.Cursor{Epoch: 1, Through: s.at}, b)
	s.do(err)
	return leases
}

// slot is the queued run of a slot of task t, due now.
func (s *readerRig) slot(queue string) runner.Run {
	return runner.Run{ID: runner.SlotID("t", s.at, 1), Task: "t", Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: s.at, Queued: s.at, Queue: queue}
}

// start starts a run of task t, due now.
func (s *readerRig) start() ledger.Lease {
	run := s.slot("")
	return s.advance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})[0]
}

// daemon has the reader be that of a daemon.
func (s *readerRig) daemon() {
	s.Agenda = func(context.Context, []string) ([]query.Upcoming, error) { return nil, nil }
}

func (s *readerRig) event(kind, who, text string) {
	e := ledger.Event{Time: s.at, Kind: kind, Who: who, Text: text}
	if strings.HasPrefix(kind, "queue ") {
		e.Data.Queue = text
	}
	s.do(s.book.Event(s.t.Context(), e))
}

func TestWhyOfRows(t *testing.T) {
	ctx := context.Background()
	const hourly = "[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n"
	for _, c := range []struct {
		name, jobs string
		do         func(s *readerRig)
		ask        float64 // the hour; -1: the last slot
		reason     string
		want       string
	}{
		{"failed", hourly, func(s *readerRig) {
			l := s.start()
			s.do(s.book.Finish(ctx, l, runner.Result{Outcome: runner.Failed, Why: "exit 3", Finished: s.at.Add(3 * time.Second)}))
		}, 12, "ran", "It ran: t/20261121T120000Z started at 12:00 and failed after 3s (exit 3)."},
		{"timed out", hourly, func(s *readerRig) {
			l := s.start()
			s.do(s.book.Finish(ctx, l, runner.Result{Outcome: runner.TimedOut, Why: "after 1m0s", Finished: s.at.Add(time.Minute)}))
		}, 12, "ran", "It ran: t/20261121T120000Z started at 12:00 and was stopped at its time-out after 1m."},
		{"lost with rota", hourly, func(s *readerRig) {
			s.event("start", "", "")
			l := s.start()
			s.at = s.hour(14)
			s.do(s.book.Finish(ctx, l, runner.Result{Outcome: runner.Lost, Why: "rota was killed", Finished: s.at}))
			s.event("start", "", "")
		}, 12, "lost", "It ran: t/20261121T120000Z started at 12:00 and was lost after 2h (rota was killed). rota was down from some time after 12:00 to 14:00."},
		{"at the second attempt", hourly, func(s *readerRig) {
			l := s.start()
			s.do(s.book.Note(ctx, l, runner.Transition{State: runner.Delayed, Why: "failed: exit 1; attempt 2 of 3 in 30s", Until: s.at.Add(30 * time.Second)}))
			s.at = s.at.Add(30 * time.Second)
			leases, err := s.book.Claim(ctx, []string{l.Run.ID})
			s.do(err)
			s.do(s.book.Finish(ctx, leases[0], runner.Result{Outcome: runner.OK, Finished: s.at.Add(time.Second)}))
		}, 12, "ran", "It ran: t/20261121T120000Z started at 12:00:30 and succeeded after 1s. That was attempt 2."},
		{"to be attempted again", hourly, func(s *readerRig) {
			l := s.start()
			s.do(s.book.Note(ctx, l, runner.Transition{State: runner.Delayed, Why: "failed: exit 1; attempt 2 of 3 in 30s", Until: s.at.Add(30 * time.Second)}))
		}, 12, "delayed", "The next attempt is at 12:00:30: failed: exit 1; attempt 2 of 3 in 30s."},
		{"running", hourly, func(s *readerRig) { s.start() }, 12, "running", "It has been running since 12:00: t/20261121T120000Z."},
		{"replaced", hourly, func(s *readerRig) {
			run := s.slot("")
			s.advance(runner.Batch{Runs: []runner.Run{run}})
			s.at = s.hour(13)
			s.advance(runner.Batch{Ends: []runner.End{runner.NewEnd(run.ID, runner.Replaced, runner.Reason{Code: runner.ReasonReplaced, By: "t/20261121T130000Z"})}})
		}, 12, "replaced", "It waited until 13:00: replaced by t/20261121T130000Z."},
		{"cancelled", hourly, func(s *readerRig) {
			run := s.slot("")
			s.advance(runner.Batch{Runs: []runner.Run{run}})
			s.at = s.hour(12.5)
			s.do(s.book.Cancel(ctx, run.ID, runner.Reason{Code: runner.ReasonCancelled, By: "ada"}))
		}, 12, "cancelled", "It waited from 12:00 and was cancelled at 12:30: cancelled by ada."},

		{"its queue is stopped", "[queues.q]\n" + hourly + "queue = \"q\"\n", func(s *readerRig) {
			s.do(s.book.SetTask(ctx, ledger.QueueName("q"), ledger.TaskState{}, ledger.TaskState{Hold: &ledger.Hold{By: "ada", Since: s.hour(11)}}))
			s.advance(runner.Batch{Runs: []runner.Run{s.slot("q")}})
		}, 12, "queue_stopped", "It has been waiting in queue q since 12:00. That queue has been stopped by ada since 11:00; to start it: rota queue start q."},
		{"its queue is busy", "[queues.q]\n" + hourly + "queue = \"q\"\nmax_wait = \"1h\"\n", func(s *readerRig) {
			long := runner.Run{ID: "long/20261121T100000Z", Task: "long", Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: s.hour(10), Queue: "q"}
			s.advance(runner.Batch{Runs: []runner.Run{long}, Claim: []string{long.ID}})
			s.advance(runner.Batch{Runs: []runner.Run{s.slot("q")}})
		}, 12, "waiting", "It has been waiting in queue q since 12:00. long/20261121T100000Z has been running since 12:00. It is skipped if it waits until 13:00 (max_wait)."},
		{"rota is drained", hourly, func(s *readerRig) {
			s.daemon()
			s.event("drain", "ada", "")
			s.advance(runner.Batch{Runs: []runner.Run{s.slot("")}})
		}, 12, "draining", "It has been waiting since 12:00. rota is draining and starts nothing new."},
		{"no more runs may be under way", "[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n", func(s *readerRig) {
			cfg := *s.Config()
			cfg.Rota.MaxRunning = 1
			s.Config = func() *config.Config { return &cfg }
			other := runner.Run{ID: "o/x", Task: "o", Cause: runner.CauseManual, State: runner.Queued, Scheduled: s.hour(10)}
			s.advance(runner.Batch{Runs: []runner.Run{other}, Claim: []string{other.ID}})
			s.advance(runner.Batch{Runs: []runner.Run{s.slot("")}})
		}, 12, "waiting", "It has been waiting since 12:00. 1 run is running, which is the limit (max_running)."},
		{"its queue was full", "[queues.q]\ncapacity = 5\n" + hourly + "queue = \"q\"\n", func(s *readerRig) {
			s.at = s.hour(11)
			s.event("queue stop", "ada", "q")
			s.at = s.hour(12)
			s.advance(runner.Batch{Summaries: []runner.Run{skippedRow(s, runner.Skipped, runner.Reason{Code: runner.ReasonQueueFull, Detail: "q"})}})
			s.at = s.hour(13)
			s.event("queue start", "bob", "q")
		}, 12, "queue_full", "The queue q was full (capacity 5). That queue was stopped by ada from 11:00 to 13:00."},
		{"it waited for too long", hourly, func(s *readerRig) {
			run := s.slot("")
			s.advance(runner.Batch{Runs: []runner.Run{run}})
			s.at = s.hour(12.5)
			s.do(s.book.Shift(ctx, run.ID, runner.Queued, runner.Transition{Outcome: runner.Skipped}.Because(runner.Reason{Code: runner.ReasonMaxWait, Span: 30 * time.Minute})))
		}, 12, "max_wait", "It waited from 12:00 to 12:30: waiting for longer than max_wait = 30m."},
		{"held, as the row alone has it", hourly, func(s *readerRig) {
			s.advance(runner.Batch{Summaries: []runner.Run{skippedRow(s, runner.Skipped, runner.Reason{Code: runner.ReasonHeld, By: "ada", Since: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Detail: "db migration"})}})
		}, 12, "held", "It was held by ada since 2026-11-20 12:00:00 UTC: db migration."},
		{"missed for the disk", hourly, func(s *readerRig) {
			s.event("disk", "", "full: 16 MiB given up")
			s.at = s.hour(13.5)
			f := skippedRow(s, runner.Missed, runner.Reason{Code: runner.ReasonLate, Span: 90 * time.Minute})
			f.ID, f.First, f.Last, f.Scheduled = runner.SlotID("t", s.hour(12), 1), s.hour(12), s.hour(12), s.hour(12)
			s.advance(runner.Batch{Summaries: []runner.Run{f}})
		}, 12, "disk", `There was a disk error at 12:00: full: 16 MiB given up. It was missed: rota could start it only at 13:30, 1h30m late. To start such slots late: missed = "once".`},
		{"missed outside between", hourly + "between = \"12:00-13:00\"\nmissed = \"once\"\n", func(s *readerRig) {
			s.event("stop", "", "")
			s.at = s.hour(14)
			f := skippedRow(s, runner.Missed, runner.Reason{Code: runner.ReasonLateOutside, Span: 2 * time.Hour})
			f.ID, f.First, f.Last, f.Scheduled = runner.SlotID("t", s.hour(12), 1), s.hour(12), s.hour(12), s.hour(12)
			s.event("start", "", "")
			s.advance(runner.Batch{Summaries: []runner.Run{f}})
		}, 12, "missed", "rota was down from 12:00 to 14:00. It was missed: rota could start it only at 14:00, 2h late. That was outside its between, so it was not started."},

		{"rota is stopped", hourly, func(s *readerRig) {
			s.at = s.hour(12.5)
			s.event("stop", "", "")
			s.at = s.hour(15)
		}, 14, "down", "rota has been down since 12:30. Once rota starts, it is recorded as missed, unless it is less than a minute late."},
		{"rota was killed", hourly + "missed = \"once\"\n", func(s *readerRig) {
			s.event("start", "", "")
			s.at = s.hour(15)
		}, -1, "down", `rota has been down since some time after 12:00. Once rota starts, it is started late or recorded as missed (missed = "once").`},
		{"not decided yet", hourly, func(s *readerRig) {
			s.daemon()
			s.event("start", "", "")
			s.at = s.hour(13)
		}, 13, "deciding", "It is due, and rota has not decided about it yet."},
		{"the ledger was damaged", hourly, func(s *readerRig) {
			s.at = s.hour(13.5)
			s.event("damage", "", "the ledger was damaged (flipped) and is set aside as x; counting starts now")
			s.advance(runner.Batch{})
		}, 13, "damaged", "The records of that time are lost: the ledger was damaged (flipped) and is set aside as x; counting starts now."},
		{"nobody knows", hourly, func(s *readerRig) { s.at = s.hour(13.5); s.advance(runner.Batch{}) }, 13, "unknown",
			"It was due, but has no record; the record may have been removed (rota forget)."},
		{"asked for by hand", "[tasks.t]\nlog = \"x\"\n", func(s *readerRig) {
			_, err := s.book.Submit(ctx, runner.Run{ID: "t/k1", Task: "t", Cause: runner.CauseManual, State: runner.Queued, Scheduled: s.at, Queued: s.at, Who: "ada"})
			s.do(err)
			leases, err := s.book.Claim(ctx, []string{"t/k1"})
			s.do(err)
			s.do(s.book.Finish(ctx, leases[0], runner.Result{Outcome: runner.OK, Finished: s.at.Add(time.Second)}))
		}, -1, "ran", "It ran: t/k1 started at 12:00 and succeeded after 1s. ada requested it at 12:00."},
		{"a slot of a recurring request", "[tasks.t]\nlog = \"x\"\n", func(s *readerRig) {
			_, err := s.book.Submit(ctx, runner.Run{ID: "t/k1", Task: "t", Cause: runner.CauseManual, State: runner.Recurring, On: "interval 1h", Scheduled: s.hour(11), Who: "ada"})
			s.do(err)
			run := runner.Run{ID: runner.RecurringID("t/k1", s.at, 1), Task: "t", Cause: runner.CauseSchedule, State: runner.Queued, Scheduled: s.at, Queued: s.at, Parent: "t/k1"}
			leases := s.advance(runner.Batch{Runs: []runner.Run{run}, Claim: []string{run.ID}})
			s.do(s.book.Finish(ctx, leases[0], runner.Result{Outcome: runner.OK, Finished: s.at.Add(time.Second)}))
		}, 12, "ran", "It ran: t/k1.20261121T120000Z started at 12:00 and succeeded after 1s. It is a slot of the recurring request t/k1."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newReaderRig(t, c.jobs)
			c.do(s)
			var at time.Time
			if c.ask >= 0 {
				at = s.hour(c.ask)
			}
			got, err := s.Why(t.Context(), "t", at)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(got.Text, " "); text != c.want || got.Reason != c.reason {
				t.Errorf("got  %s\nwant %s\ngot  %s\nwant %s", got.Reason, c.reason, text, c.want)
			}
		})
	}
}

// skippedRow is a row for the slot that is due now.
func skippedRow(s *readerRig, o runner.Outcome, why runner.Reason) runner.Run {
	r := runner.Run{
		ID: runner.SlotID("t", s.at, 1), Task: "t", Cause: runner.CauseSchedule, Outcome: o,
		Scheduled: s.at, Finished: s.at, First: s.at, Last: s.at, Count: 1,
	}
	r.Because(why)
	return r
}

func TestWhyOfARun(t *testing.T) {
	s := newReaderRig(t, "[tasks.backup]\nlog = \"x\"\n[tasks.t]\nlog = \"x\"\n")
	s.start()
	got, err := s.Why(t.Context(), "t/20261121T120000Z", time.Time{})
	if err != nil || got.Reason != "running" || got.Run == nil || got.Run.ID != "t/20261121T120000Z" {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, want := range map[string]string{
		"bakup":  `no task "bakup"; did you mean "backup"?`,
		"t/nope": `no run "t/nope"; to see what there is: rota history t`,
	} {
		if _, err := s.Why(t.Context(), name, time.Time{}); api.CodeOf(err) != api.NotFound || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// listCounter counts the lists that are read.
type listCounter struct {
	ledger.Ledger
	lists int
}

func (c *listCounter) List(ctx context.Context, f ledger.Filter) ([]runner.Run, error) {
	c.lists++
	return c.Ledger.List(ctx, f)
}

// TestWhyReadsLittle: until when rota was certainly up is read only if it was killed after the slot.
func TestWhyReadsLittle(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\ncron = \"* * * * *\"\nlog = \"x\"\n", func(r *rig) {
		lists := func() int {
			c := &listCounter{Ledger: r.ledger}
			asker := r.asker()
			asker.Ledger = c
			if _, err := asker.Why(r.t.Context(), "t", r.at("12:01:00")); err != nil {
				r.t.Error(err)
			}
			return c.lists
		}
		r.pass(90 * time.Second)
		up := lists()
		r.restart(time.Second)
		if killed := lists(); killed != up+2 {
			r.t.Errorf("%d lists are read while rota is up, %d after it was killed", up, killed)
		}
	})
}
