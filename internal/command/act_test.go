package command

import (
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

var sunday = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // a Sunday

func TestBrief(t *testing.T) {
	for at, want := range map[time.Time]string{
		sunday:                                      "12:00",
		sunday.Add(time.Second):                     "12:00:01",
		sunday.Add(-11 * time.Hour):                 "01:00",
		sunday.Add(12 * time.Hour):                  "Mon 00:00",
		sunday.Add(6*24*time.Hour - time.Minute):    "Sat 11:59",
		sunday.Add(6 * 24 * time.Hour):              "2026-11-28 12:00",
		sunday.Add(-24 * time.Hour):                 "2026-11-21 12:00",
		sunday.In(time.FixedZone("CET", 3600)):      "13:00",
		sunday.AddDate(1, 0, 0).Add(10 * time.Hour): "2027-11-22 22:00",
	} {
		if got := shortTime(at, sunday); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

func TestLasted(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                     "0.0s",
		0:                                "0.0s",
		1290 * time.Millisecond:          "1.2s",
		59999 * time.Millisecond:         "59.9s",
		time.Minute:                      "1m",
		72 * time.Second:                 "1m 12s",
		49*time.Hour + 59*time.Minute:    "2d 1h",
		3*time.Hour + 4*time.Millisecond: "3h",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestFares(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	for _, c := range []struct {
		run   api.Run
		about time.Duration
		want  string
	}{
		{api.Run{State: runner.Running, Started: sunday.Add(-72 * time.Second)}, 48 * time.Minute, "▶ sync/a 1m 12s of about 48m"},
		{api.Run{State: runner.Running, Started: sunday, Attempts: 1}, 0, "▶ sync/a 0.0s"},
		{api.Run{State: runner.Running, Started: sunday, Attempts: 3}, 0, "▶ sync/a 0.0s, attempt 3"},
		{api.Run{State: runner.Queued, Queued: sunday.Add(-time.Second)}, time.Hour, "sync/a queued for 1.0s"},
		{api.Run{State: runner.Queued, Queued: sunday, Why: "queue main is stopped"}, 0, "sync/a queued for 0.0s (queue main is stopped)"},
		{api.Run{State: runner.Delayed, NotBefore: sunday.Add(time.Hour)}, 0, "sync/a delayed until 13:00"},
		{api.Run{State: runner.Held}, 0, "sync/a held"},
	} {
		c.run.ID = "sync/a"
		if got := progressText(c.run, c.about, false, sunday); got != c.want {
			t.Errorf("%+v: %q, want %q", c.run, got, c.want)
		}
	}
}

// A drain is the reason why a run waits, whatever other reason it has.
func TestFaresInADrain(t *testing.T) {
	for state, want := range map[runner.State]string{
		runner.Queued:  "sync/a queued (rota is draining: no new runs start)",
		runner.Running: "> sync/a 0.0s",
	} {
		t.Setenv("LC_ALL", "C")
		run := api.Run{ID: "sync/a", State: state, Why: "the queue is full"}
		if state == runner.Running {
			run.Started = sunday
		}
		if got := progressText(run, 0, true, sunday); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestRescheduled(t *testing.T) {
	later := func(d time.Duration) time.Time { return sunday.Add(d) }
	for _, c := range []struct {
		done api.Rescheduled
		want string
	}{
		{api.Rescheduled{Expr: "interval 3h", Was: later(123 * time.Minute), Next: later(64 * time.Minute), Until: later(6 * time.Hour)},
			"sync: interval 3h, next in 1h 4m (was in 2h 3m); until 18:00, then as in jobs.toml"},
		{api.Rescheduled{Expr: "never", Was: later(time.Hour)}, "sync: no longer due (was in 1h)"},
		{api.Rescheduled{Expr: "never", Was: later(time.Hour), Until: later(24 * time.Hour)},
			"sync: no longer due (was in 1h); until Mon 12:00, then as in jobs.toml"},
		{api.Rescheduled{Expr: "default", Next: later(time.Minute)}, "sync: as in jobs.toml again, next in 1m"},
		{api.Rescheduled{Expr: "default"}, "sync: as in jobs.toml again, no longer due"},
	} {
		c.done.Name = "sync"
		if got := rescheduled(when{now: sunday, zone: time.UTC}, "jobs.toml", c.done); got != c.want {
			t.Errorf("%+v: %q, want %q", c.done, got, c.want)
		}
	}
}

// The exit code of --wait: that of the task, or one that cannot be confused with it.
func TestEndOf(t *testing.T) {
	code := func(n int) *int { return &n }
	fake := fakeService(t)
	for _, c := range []struct {
		run  api.Run
		want int
	}{
		{api.Run{Outcome: runner.OK}, 0},
		{api.Run{Outcome: runner.OK, Exit: code(0)}, 0},
		{api.Run{Outcome: runner.OK, Exit: code(3)}, 3},
		{api.Run{Outcome: runner.Failed, Exit: code(3)}, 3},
		{api.Run{Outcome: runner.Failed, Exit: code(0)}, 125},
		{api.Run{Outcome: runner.Failed}, 125},
		{api.Run{Outcome: runner.Failed, Signal: "KILL"}, 137},
		{api.Run{Outcome: runner.TimedOut, Signal: "TERM"}, 124},
		{api.Run{Outcome: runner.Cancelled, Signal: "TERM"}, 125},
		{api.Run{Outcome: runner.Skipped}, 125},
		{api.Run{Outcome: runner.Missed}, 125},
		{api.Run{Outcome: runner.Lost, Exit: code(1)}, 125},
		{api.Run{Outcome: runner.Replaced, Signal: "TERM"}, 125},
	} {
		c.run.ID, c.run.Task = "echo/a", "echo"
		if got := int(codeOf(endOf(t.Context(), fake, c.run))); got != c.want {
			t.Errorf("%+v: exit code %d, want %d", c.run, got, c.want)
		}
	}
}

// All that a refusal can be is one code under --wait, but for a signal.
func TestRotasOwn(t *testing.T) {
	for _, err := range []error{
		api.Errorf(api.Conflict, "add --force", "held"), api.Errorf(api.NoDaemon, "", "nobody"), fail(exitUnknown, "", "no task"),
	} {
		if got := asRotaError(err); codeOf(got) != exitRota || got.Error() != err.Error() {
			t.Errorf("%v became %v with code %d", err, got, codeOf(got))
		}
	}
	if got := codeOf(asRotaError(fail(exitSignal+2, "", "the run continues"))); got != 130 {
		t.Errorf("an interrupt ends with %d", got)
	}
}

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"plain":         "plain",
		`--wait 'x' \n`: `\-\-wait \(aqx\(aq \en`,
		"TASK…":         `TASK\[u2026]`,
		"~ ^ `":         `\(ti \(ha \(ga`,
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// No line of the page is one that the formatter takes for an order of its own.
func TestRotaPage(t *testing.T) {
	var b strings.Builder
	app := (&session{}).app()
	rotaPage(&b, app)
	page := b.String()
	for line := range strings.Lines(page) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, ".") && !strings.Contains(" .TH .SH .SS .TP .PP .B .RS .RE .EX .EE ", " "+name+" ") {
			t.Errorf("unknown request in %q", line)
		}
		if strings.HasPrefix(line, "'") {
			t.Errorf("%q begins as a request", line)
		}
	}
	for _, c := range app.Commands {
		if !strings.Contains(page, `.B "rota `+escaped(c.Name)) {
			t.Errorf("%s is not on the page", c.Name)
		}
	}
}
