package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/query"
)

// asker reads what a rig's loop has written, as its daemon does.
func (r *rig) asker() *query.Reader {
	return &query.Reader{Ledger: r.ledger, StateDir: r.stateDir, Config: r.inForce.Load, Now: r.fake.Now, Agenda: r.agendaOf}
}

// at is a time of the day at which the rig began, or RFC 3339.
func (r *rig) at(text string) time.Time {
	r.t.Helper()
	if text == "" {
		return time.Time{}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at
	}
	zone := r.cfg.Rota.Timezone
	at, err := time.ParseInLocation("2006-01-02 15:04:05", r.start.In(zone).Format(time.DateOnly)+" "+text, zone)
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

// inLoop has the engine do something.
func (r *rig) inLoop(f func(ctx context.Context) error) {
	r.t.Helper()
	done := make(chan error, 1)
	r.post(func() { done <- f(r.t.Context()) })
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) swapTo(jobs string) {
	r.t.Helper()
	cfg, err := config.Parse(r.cfg.Path, "[rota]\ntimezone = \"America/New_York\"\n"+jobs, config.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	changes := config.Diff(r.cfg, cfg)
	r.inLoop(func(ctx context.Context) error { return r.swap(ctx, cfg, changes, "") })
	r.recordChanges(r.t.Context(), changes, "")
}

// stopFor is a daemon that is stopped in good order, and one that is started
// some time later.
func (r *rig) stopFor(d time.Duration) {
	synctest.Wait()
	if err := short(r.ledger).Event(r.t.Context(), ledger.Event{Kind: "stop"}); err != nil {
		r.t.Fatal(err)
	}
	r.restart(d)
}

// blockTask makes each run of the task t last until the returned function is called, or
// the gate is closed.
func (r *rig) blockTask(gate chan struct{}) (let func()) {
	r.inLoop(func(context.Context) error {
		task := r.cfg.Tasks.Get("t")
		task.Action = blocking(gate)
		r.cfg.Tasks = r.cfg.Tasks.With(task)
		return nil
	})
	return func() { gate <- struct{}{}; synctest.Wait() }
}

func TestWhy(t *testing.T) {
	const noon, dst, std = "2026-11-21T12:00:00-05:00", "2027-03-14T00:00:00-05:00", "2026-11-01T00:00:00-04:00"
	const hourly = `cron = "0 * * * *"`
	var gate chan struct{} // of what runs and does not end
	for _, c := range []struct {
		name, start, jobs string
		do                func(r *rig)
		ask               string // a time of the day; "": the last slot
		reason            string
		want              string // the sentences
	}{
		{"ran", noon, hourly, func(r *rig) { r.pass(2 * time.Hour) }, "13:00:00", "ran",
			"It ran: t/20261121T180000Z started at 13:00 and succeeded after 0s."},
		{"the last slot", noon, hourly, func(r *rig) { r.pass(150 * time.Minute) }, "", "ran",
			"It ran: t/20261121T190000Z started at 14:00 and succeeded after 0s. It is due next at Sat 2026-11-21 15:00."},
		{"a minute stands for the slot in it", noon, `interval = "10m"` + "\ninitial_delay = \"17s\"", func(r *rig) { r.pass(time.Hour) }, "12:10:00", "ran",
			"It ran: t/20261121T171017Z started at 12:10:17 and succeeded after 0s."},
		{"late after a crash", noon, hourly + "\nmissed = \"once\"", func(r *rig) { r.pass(70 * time.Minute); r.restart(2 * time.Hour) }, "15:00:00", "ran",
			"It ran: t/20261121T200000Z started at 15:10 and succeeded after 0s. It ran late: it was due at 15:00, and could not be started before 15:10. " +
				"rota was down from some time after 13:00 to 15:10: it was killed or it crashed."},

		{"held, and released", noon, hourly, func(r *rig) {
			r.pass(30 * time.Minute)
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Why: "disk swap; until Bob is back", Since: r.fake.Now()})
			})
			r.pass(time.Hour)
			r.inLoop(func(ctx context.Context) error { _, err := r.release(ctx, "t", "bob", r.fake.Now()); return err })
			r.pass(time.Hour)
		}, "13:00:00", "held", "It was held by ada from 12:30 to 13:30 (disk swap; until Bob is back)."},
		{"held until a time", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now(), Until: r.fake.Now().Add(150 * time.Minute)})
			})
			r.pass(4 * time.Hour)
		}, "14:00:00", "held", "It was held by ada from 12:00 to 14:30. It is one of 2 slots, from 13:00 to 14:00, with the same outcome."},
		{"held still", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now()})
			})
			r.pass(90 * time.Minute)
		}, "", "held", "It has been held by ada since 12:00. To release it: rota release t. It is due next at Sat 2026-11-21 14:00."},
		{"held by the breaker", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "rota", Why: "failed 3 times in a row, the last time as t/x", Since: r.fake.Now()})
			})
			r.pass(90 * time.Minute)
		}, "13:00:00", "breaker", "It has been held by rota since 12:00 (failed 3 times in a row, the last time as t/x). To release it: rota release t."},
		{"skipped by request", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error { _, err := r.skipNext(ctx, "t", "ada"); return err })
			r.pass(90 * time.Minute)
		}, "13:00:00", "skip", "It was skipped by ada (rota skip)."},
		{"to be skipped", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error { _, err := r.skipNext(ctx, "t", "ada"); return err })
		}, "13:00:00", "skip", "It will be due at Sat 2026-11-21 13:00, in 1h. It will be skipped, as requested by ada (rota skip)."},

		{"overlap", noon, hourly + "\ntimeout = \"1d\"", func(r *rig) {
			let := r.blockTask(gate)
			r.pass(150 * time.Minute)
			let()
		}, "14:00:00", "overlap",
			`t/20261121T180000Z was still running; it had started at 13:00 and ended ok at 14:30. That is what overlap = "skip" means.`},
		{"overlap still", noon, hourly + "\noverlap = \"queue\"\ntimeout = \"1d\"", func(r *rig) {
			r.blockTask(gate)
			r.pass(210 * time.Minute)
		}, "15:00:00", "overlap",
			`t/20261121T190000Z was still waiting; it had been due at 14:00 and is queued. That is what overlap = "queue" means.`},

		{"down", noon, hourly, func(r *rig) { r.pass(10 * time.Minute); r.stopFor(4 * time.Hour) }, "14:00:00", "missed",
			`rota was down from 12:10 to 16:10. It was missed: rota could start it only at 16:10, 2h10m late. To start such slots late: missed = "once". It is one of 4 slots, from 13:00 to 16:00, with the same outcome.`},
		{"killed", noon, hourly, func(r *rig) { r.pass(70 * time.Minute); r.restart(4 * time.Hour) }, "14:00:00", "missed",
			`rota was down from some time after 13:00 to 17:10: it was killed or it crashed. It was missed: rota could start it only at 17:10, 3h10m late. To start such slots late: missed = "once". It is one of 4 slots, from 14:00 to 17:00, with the same outcome.`},
		{"the clock was set", noon, hourly, func(r *rig) { r.pass(10 * time.Minute); r.step(150 * time.Minute) }, "13:00:00", "clock",
			`The clock jumped at 14:40: forward by 2h30m: set, or the machine slept. It was missed: rota could start it only at 14:40, 1h40m late. To start such slots late: missed = "once". It is one of 2 slots, from 13:00 to 14:00, with the same outcome.`},
		{"several at once", noon, `interval = "10s"`, func(r *rig) { r.fake.Advance(35 * time.Second); r.pass(10 * time.Second) }, "12:00:20", "coalesced",
			"It was coalesced with a newer slot that was due as well: t/20261121T170030Z. The clock jumped at 12:00:35: forward by 35s: set, or the machine slept. It is one of 2 slots, from 12:00:10 to 12:00:20, with the same outcome."},

		{"not due", noon, hourly, func(r *rig) { r.pass(3 * time.Hour) }, "13:30:00", "not_due",
			"It was not due at Sat 2026-11-21 13:30: it comes due every hour. The previous slot was at Sat 2026-11-21 13:00. The next slot was at Sat 2026-11-21 14:00."},
		{"not a slot, though between two that were held", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now()})
			})
			r.pass(3 * time.Hour)
		}, "13:30:00", "not_due",
			"It was not due at Sat 2026-11-21 13:30: it comes due every hour. The previous slot was at Sat 2026-11-21 13:00. The next slot was at Sat 2026-11-21 14:00."},
		{"to come, and far away", noon, hourly, func(r *rig) {}, "2026-12-21T15:00:00Z", "future", "It will be due at Mon 2026-12-21 10:00."},
		{"to come", noon, hourly, func(r *rig) {}, "15:00:00", "future", "It will be due at Sat 2026-11-21 15:00, in 3h."},
		{"to come, but held", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now()})
			})
		}, "15:00:00", "held", "It will be due at Sat 2026-11-21 15:00, in 3h. It has been held by ada since 12:00. To release it: rota release t."},
		{"not yet", noon, hourly, func(r *rig) {}, "", "new", "It has not come due yet. It is due next at Sat 2026-11-21 13:00."},
		{"not enabled", noon, hourly + "\nenabled = false", func(r *rig) { r.pass(2 * time.Hour) }, "13:00:00", "disabled",
			"It is not enabled (enabled = false): it has no slots."},
		{"by hand", noon, "", func(r *rig) {}, "", "by_hand", "It has no trigger: it runs by hand, or when another task's hook names it."},
		{"when rota starts", noon, "at_start = true", func(r *rig) { r.pass(time.Hour) }, "", "ran",
			"It ran: t/~start.20261121T170000Z started at 12:00 and succeeded after 0s."},

		{"outside between", noon, hourly + "\nbetween = \"14:00-18:00\"", func(r *rig) { r.pass(3 * time.Hour) }, "13:00:00", "between",
			"That is outside its between, 14:00-18:00. The next slot was at Sat 2026-11-21 14:00."},
		{"an excepted date", noon, hourly + "\nexcept = [\"11-21\"]", func(r *rig) { r.pass(3 * time.Hour) }, "13:00:00", "except",
			"Nothing runs on that date (except 11-21). The next slot is at Sun 2026-11-22 00:00."},
		{"an excepted weekday", noon, hourly + "\nexcept = \"sat\"", func(r *rig) { r.pass(3 * time.Hour) }, "13:00:00", "except",
			"Nothing runs on that date (except sat). The next slot is at Sun 2026-11-22 00:00."},
		{"not a day of its interval", noon, "interval = \"1h\"\nstarts = 2026-11-21T12:00:00\nweekday = \"mon-fri\"", func(r *rig) { r.pass(3 * time.Hour) }, "13:00:00", "weekday",
			"Its interval has slots on mon-fri only (weekday). The next slot is at Mon 2026-11-23 00:00."},
		{"before starts", noon, hourly + "\nstarts = \"2026-11-21T15:00\"", func(r *rig) { r.pass(4 * time.Hour) }, "13:00:00", "starts",
			"Its triggers count from 2026-11-21T15:00:00 on (starts). The next slot was at Sat 2026-11-21 15:00."},
		{"before the start of what counts from it", noon, "weekday = \"sat\"\nevery = 2\nat = \"13:00\"\nstarts = 2026-11-28", func(r *rig) { r.pass(4 * time.Hour) }, "13:00:00", "starts",
			"Its triggers count from 2026-11-28T00:00:00 on (starts). The next slot is at Sat 2026-11-28 13:00."},
		{"before the start of each second month", noon, "monthday = 21\nevery = 2\nat = \"13:00\"\nstarts = 2026-12-01", func(r *rig) { r.pass(4 * time.Hour) }, "13:00:00", "starts",
			"Its triggers count from 2026-12-01T00:00:00 on (starts). The next slot is at Mon 2026-12-21 13:00."},
		{"before the start of an interval", noon, "interval = \"2h\"\nstarts = \"2026-11-21T15:00\"", func(r *rig) { r.pass(4 * time.Hour) }, "13:00:00", "starts",
			"Its triggers count from 2026-11-21T15:00:00 on (starts). The next slot was at Sat 2026-11-21 15:00."},
		{"after ends", noon, hourly + "\nends = \"2026-11-21T13:30\"", func(r *rig) { r.pass(4 * time.Hour) }, "14:00:00", "ends",
			"Its triggers count until 2026-11-21T13:30:00 (ends). The previous slot was at Sat 2026-11-21 13:00."},

		{"has had its runs", noon, hourly + "\ncount = 2", func(r *rig) { r.pass(4 * time.Hour) }, "15:00:00", "count",
			"Its trigger has had all its runs (count 2), the last at Sat 2026-11-21 14:00. The previous slot was at Sat 2026-11-21 14:00."},
		{"will have had its runs", noon, hourly + "\ncount = 2", func(r *rig) { r.pass(4 * time.Hour) }, "2026-11-22T15:00:00Z", "count",
			"Its trigger has had all its runs (count 2), the last at Sat 2026-11-21 14:00. The previous slot was at Sat 2026-11-21 14:00."},
		{"has had its runs, and no slot is asked about", noon, "interval = \"1h\"\nanchor = \"finish\"\ncount = 1", func(r *rig) { r.pass(4 * time.Hour) }, "", "ran",
			"It ran: t/20261121T180000Z started at 13:00 and succeeded after 0s. Its trigger has had all its runs (count 1), the last at Sat 2026-11-21 13:00. It has no more slots."},
		{"a week that does not count", noon, "weekday = \"mon\"\nevery = 2\nat = \"09:00\"\nstarts = 2026-11-16", func(r *rig) { r.pass(72 * time.Hour) }, "2026-11-23T09:00:00-05:00", "every",
			"That is not one of the weeks, months or days that count (every 2). The next slot is at Mon 2026-11-30 09:00."},
		{"moved to a workday", noon, "at = \"13:00\"\nexcept = \"sat-sun\"\non_except = \"next\"", func(r *rig) { r.pass(3 * time.Hour) }, "13:00:00", "except",
			"Nothing runs on that date (except sat, sun). The next slot is at Mon 2026-11-23 13:00."},

		{"moved there", noon, "weekday = \"sat\"\nat = \"13:00\"\nexcept = [\"sat\", \"11-23\"]\non_except = \"next\"", func(r *rig) { r.pass(75 * time.Hour) }, "2026-11-24T13:00:00-05:00", "ran",
			"It ran: t/20261124T180000Z started at 13:00 and succeeded after 0s. It was moved there from Sat 2026-11-21 (on_except)."},
		{"moved out of a gap", dst, `at = "02:30"`, func(r *rig) { r.pass(5 * time.Hour) }, "03:00:00", "ran",
			"It ran: t/20270314T070000Z started at 03:00 and succeeded after 0s. The clock has no 02:30 on that day, so it came due at 03:00."},
		{"in a gap", dst, `cron = "*/30 2 * * *"`, func(r *rig) { r.pass(5 * time.Hour) }, "03:00:00", "gap",
			"The clock went from 02:00 to 03:00: the time between did not exist that day. The next slot is at Mon 2027-03-15 02:00."},
		{"in a repeat", std, `at = "01:30"`, func(r *rig) { r.pass(5 * time.Hour) }, "2026-11-01T01:30:00-05:00", "repeat",
			"The clock went back from 02:00 to 01:00, so that it showed this time twice; the slot was the first of them, at 01:30 EDT. The previous slot was at Sun 2026-11-01 01:30 EDT. The next slot is at Mon 2026-11-02 01:30."},

		{"added later", noon, "", func(r *rig) {
			r.swapTo("[tasks.other]\nlog = \"x\"\n")
			r.pass(90 * time.Minute)
			r.swapTo("[tasks.other]\nlog = \"x\"\n[tasks.t]\nlog = \"x\"\n" + hourly + "\n")
			r.pass(time.Hour)
		}, "13:00:00", "not_in_file",
			"It was not due then: the task was added to the file at 13:30. The next slot was at Sat 2026-11-21 14:00."},
		{"its trigger changed later", noon, `at = "18:00"`, func(r *rig) {
			r.pass(90 * time.Minute)
			r.swapTo("[tasks.t]\nlog = \"x\"\n" + hourly + "\n")
			r.pass(time.Hour)
		}, "13:00:00", "not_in_file",
			"It was not due then: the task was changed at 13:30 (every day at 18:00 → every hour). The next slot was at Sat 2026-11-21 14:00."},
		{"the file was wrong", noon, `at = "18:00"`, func(r *rig) {
			r.pass(10 * time.Minute)
			_ = short(r.ledger).Event(r.t.Context(), ledger.Event{Kind: "reload", Data: ledger.EventData{Refused: "2 faults"}})
			r.pass(80 * time.Minute)
			r.swapTo("[tasks.t]\nlog = \"x\"\n" + hourly + "\n")
			r.pass(time.Hour)
		}, "13:00:00", "broken",
			"It was not due then: the task was changed at 13:30 (every day at 18:00 → every hour). " +
				"The file was invalid from 12:10 to 13:30 (2 faults), so edits of that time had no effect. The next slot was at Sat 2026-11-21 14:00."},
		{"the file is wrong", noon, hourly, func(r *rig) {
			r.pass(90 * time.Minute)
			_ = short(r.ledger).Event(r.t.Context(), ledger.Event{Kind: "reload", Data: ledger.EventData{Refused: "2 faults"}})
		}, "", "ran", "It ran: t/20261121T180000Z started at 13:00 and succeeded after 0s. " +
			"The file has been invalid since 13:30 (2 faults): edits have no effect. It is due next at Sat 2026-11-21 14:00."},
		{"taken out", noon, hourly, func(r *rig) {
			r.pass(90 * time.Minute)
			r.swapTo("[tasks.other]\nlog = \"x\"\n")
			r.pass(time.Hour)
		}, "14:00:00", "not_in_file", "The task was removed from the file at 13:30."},
		{"taken out, but it ran", noon, hourly, func(r *rig) {
			r.pass(90 * time.Minute)
			r.swapTo("[tasks.other]\nlog = \"x\"\n")
		}, "13:00:00", "ran", "It ran: t/20261121T180000Z started at 13:00 and succeeded after 0s."},
		{"rescheduled", noon, hourly, func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				_, err := r.reschedule(ctx, api.Rescheduling{Name: "t", Expr: "interval 90m"}, "ada")
				return err
			})
			r.pass(3 * time.Hour)
		}, "13:00:00", "rescheduled", "It was rescheduled by ada at 12:00, to interval 1h30m. The next slot was at Sat 2026-11-21 13:30."},
		{"no longer kept", noon, hourly + "\nkeep = { age = \"2h\" }", func(r *rig) { r.pass(6 * time.Hour) }, "13:00:00", "forgotten", "Records from before Sat 2026-11-21 16:00 are no longer kept."},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, c.start, "[tasks.t]\nlog = \"x\"\n"+c.jobs+"\n", func(r *rig) {
				gate = make(chan struct{}, 1)
				c.do(r)
				defer close(gate)
				got, err := r.asker().Why(r.t.Context(), "t", r.at(c.ask))
				if err != nil {
					t.Fatal(err)
				}
				if text := strings.Join(got.Text, " "); text != c.want || got.Reason != c.reason {
					t.Errorf("%s:\ngot  %s\nwant %s\ngot  %s\nwant %s", c.ask, got.Reason, c.reason, text, c.want)
				}
			})
		})
	}
}
