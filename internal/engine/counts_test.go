package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// A trigger with a count has that many runs and then no more, whatever happens in
// between. Skipped and missed slots do not count.
func TestCount(t *testing.T) {
	reschedule := func(r *rig, expr string) {
		r.t.Helper()
		r.inLoop(func(ctx context.Context) error {
			_, err := r.reschedule(ctx, api.Rescheduling{Name: "t", Expr: expr}, "ada")
			return err
		})
	}
	const hourly = "cron = \"@hourly\"\n"
	for _, c := range []struct {
		name, keys string
		do         func(r *rig)
		want       string
	}{
		{"so many", hourly + "count = 3", func(r *rig) { r.pass(6 * time.Hour) }, "13:00:00, 14:00:00, 15:00:00"},
		{"an interval", "interval = \"90m\"\ncount = 2", func(r *rig) { r.pass(9 * time.Hour) }, "13:30:00, 15:00:00"},
		{"from the end of each run", "interval = \"1h\"\nanchor = \"finish\"\ncount = 2", func(r *rig) {
			r.pass(90 * time.Minute)
			r.restart(time.Minute)
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00"},
		{"over restarts", hourly + "count = 3", func(r *rig) {
			r.pass(90 * time.Minute)
			r.restart(time.Minute)
			r.pass(90 * time.Minute)
			r.restart(time.Minute)
			r.pass(9 * time.Hour)
			r.restart(time.Minute)
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00, 15:00:00"},
		{"though its rows are no longer kept", hourly + "count = 2\nkeep = { age = \"1h\" }", func(r *rig) {
			r.pass(9 * time.Hour)
			r.restart(time.Minute)
			r.pass(9 * time.Hour)
		}, ""},
		{"missed slots", hourly + "count = 2", func(r *rig) {
			r.pass(90 * time.Minute)
			r.restart(2 * time.Hour)
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00-15:00:00×2 missed, 16:00:00"},
		{"one late run for several slots", hourly + "count = 2\nmissed = \"once\"", func(r *rig) {
			r.pass(90 * time.Minute)
			r.restart(2 * time.Hour)
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00-14:00:00×1 skipped, 15:00:00 catchup"},
		{"a late run for each slot", hourly + "count = 3\nmissed = \"all\"", func(r *rig) {
			r.pass(90 * time.Minute)
			r.restart(4 * time.Hour)
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00-15:00:00×2 missed, 16:00:00 catchup, 17:00:00 catchup"},
		{"beside a trigger without", "missed = \"all\"\ntriggers = [{ cron = \"@hourly\", count = 1 }, { cron = \"30 14 * * *\" }]", func(r *rig) {
			r.pass(10 * time.Minute)
			r.restart(3 * time.Hour)
			r.pass(2 * time.Hour)
		}, "13:00:00-14:00:00×2 missed, 14:30:00 catchup, 15:00:00 catchup"},
		{"skipped slots", hourly + "count = 2", func(r *rig) {
			r.inLoop(func(ctx context.Context) error { _, err := r.skipNext(ctx, "t", "ada"); return err })
			r.pass(9 * time.Hour)
		}, "13:00:00-13:00:00×1 skipped, 14:00:00, 15:00:00"},
		{"held", hourly + "count = 2", func(r *rig) {
			r.inLoop(func(ctx context.Context) error {
				return r.holdTasks(ctx, []string{"t"}, ledger.Hold{By: "ada", Since: r.fake.Now(), Until: r.fake.Now().Add(150 * time.Minute)})
			})
			r.pass(9 * time.Hour)
		}, "13:00:00-14:00:00×2 skipped, 15:00:00, 16:00:00"},
		{"another count", hourly + "count = 1", func(r *rig) {
			r.pass(150 * time.Minute)
			r.edited("[tasks.t]\nlog = \"x\"\n" + hourly + "count = 2\n")
			r.pass(9 * time.Hour)
		}, "13:00:00, 15:00:00, 16:00:00"},
		{"another edit", hourly + "count = 2", func(r *rig) {
			r.pass(90 * time.Minute)
			r.edited("[tasks.t]\nlog = \"y\"\n" + hourly + "count = 2\n")
			r.pass(9 * time.Hour)
			r.edited("[tasks.t]\nlog = \"z\"\n" + hourly + "count = 2\n")
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00"},
		{"two triggers", "triggers = [{ at = \"13:00\", count = 1 }, { cron = \"@hourly\", count = 3 }]", func(r *rig) { r.pass(72 * time.Hour) }, "13:00:00, 14:00:00, 15:00:00"},
		{"rescheduled", "", func(r *rig) {
			reschedule(r, "interval 1h count 2")
			r.pass(150 * time.Minute)
			r.restart(time.Minute)
			r.pass(4 * time.Hour)
			reschedule(r, "interval 1h count 2")
			r.pass(9 * time.Hour)
		}, "13:00:00, 14:00:00, 19:31:00, 20:31:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.t]\nlog = \"x\"\n"+c.keys+"\n", func(r *rig) {
				c.do(r)
				r.want("t", c.want)
				if at := r.nextSlot("t", ""); c.name != "beside a trigger without" && !at.IsZero() {
					t.Errorf("it is due next at %v", at)
				}
			})
		})
	}
}

// The answer about a task has the runs left of each trigger with a count: of its own,
// and of what it is rescheduled to.
func TestRunsLeft(t *testing.T) {
	left := func(r *rig, want ...api.RunsLeft) {
		r.t.Helper()
		tasks, err := r.asker().Tasks(r.t.Context(), "t")
		if err != nil || !slices.Equal(tasks[0].RunsLeft, want) {
			r.t.Errorf("at %v: %+v, %v; want %+v", r.fake.Now(), tasks, err, want)
		}
	}
	jobs := "[tasks.t]\nlog = \"x\"\ntriggers = [{ cron = \"@hourly\", count = 2 }, { at = \"09:00\" }, { at = \"20:30\", count = 1 }]\n"
	inBubble(t, noon, jobs, func(r *rig) {
		hourly := func(n int) api.RunsLeft { return api.RunsLeft{Trigger: "0 * * * * count 2", Count: 2, Left: n} }
		evening := func(n int) api.RunsLeft { return api.RunsLeft{Trigger: "at 20:30 count 1", Count: 1, Left: n} }
		left(r, hourly(2), evening(1))
		r.pass(90 * time.Minute)
		r.restart(time.Minute)
		left(r, hourly(1), evening(1))
		r.pass(10 * time.Hour)
		left(r, hourly(0), evening(0))
		r.inLoop(func(ctx context.Context) error {
			_, err := r.reschedule(ctx, api.Rescheduling{Name: "t", Expr: "interval 1h count 3"}, "ada")
			return err
		})
		r.pass(90 * time.Minute)
		left(r, api.RunsLeft{Trigger: "interval 1h count 3", Count: 3, Left: 2})
	})
}

// A recurring request with a count counts down, and has ended after its last run.
func TestCountOfRequest(t *testing.T) {
	inBubble(t, noon, "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		id := r.ada().run(api.Request{Task: "t", Key: "often", On: "interval 1h count 3"})
		r.pass(90 * time.Minute)
		run, _, err := r.ledger.Get(r.t.Context(), id)
		if err != nil || run.State != runner.Recurring || run.On != "interval 1h count 2" {
			t.Fatalf("after a run: %+v, %v", run, err)
		}
		r.restart(time.Minute)
		r.pass(30 * time.Minute)
		slots, err := r.asker().Next(r.t.Context(), api.NextQuery{N: 5})
		if err != nil || len(slots) != 1 || slots[0].Note != "the last run (count)" {
			t.Errorf("next: %+v, %v", slots, err)
		}
		r.pass(9 * time.Hour)
		run, _, err = r.ledger.Get(r.t.Context(), id)
		if err != nil || run.Outcome != runner.Cancelled || run.Reason.Code != runner.ReasonCount {
			t.Errorf("after its last run: %+v, %v", run, err)
		}
		r.restart(time.Minute)
		r.pass(9 * time.Hour)
		runs, err := r.ledger.List(r.t.Context(), ledger.Filter{Task: "t", Parent: id})
		if err != nil || len(runs) != 3 || slices.ContainsFunc(runs, func(run runner.Run) bool { return run.Outcome != runner.OK }) {
			t.Errorf("%d runs, want 3: %+v, %v", len(runs), runs, err)
		}
		if r.ada().run(api.Request{Task: "t", Key: "often", On: "interval 1h count 3"}) != id {
			t.Error("asked for again, it is another one")
		}
		r.pass(90 * time.Minute)
		if runs, _ = r.ledger.List(r.t.Context(), ledger.Filter{Task: "t", Parent: id}); len(runs) != 4 {
			t.Errorf("asked for again: %d runs, want 4", len(runs))
		}
	})
}
