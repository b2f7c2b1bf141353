package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/runner"
)

// numbers are the metrics of a service, by name and labels.
func numbers(t testing.TB, s *Service, ctx context.Context) map[string]string {
	t.Helper()
	r, err := s.Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			all[name] = value
		}
	}
	return all
}

// wantMetrics fails unless the metrics are these; "" is one that is not there.
func (r *rig) wantMetrics(when string, want map[string]string) {
	r.t.Helper()
	got := numbers(r.t, r.Service(), r.t.Context())
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			r.t.Errorf("%s: %s is %q, want %q", when, name, got[name], want[name])
		}
	}
}

func epoch(t time.Time) string { return strconv.FormatFloat(float64(t.Unix()), 'g', -1, 64) }

// TestMetrics: the events of tasks are counted, from 0 on, as long as they are in the
// file; gauges about the past are restored after a restart.
func TestMetrics(t *testing.T) {
	const bad = "[tasks.bad]\nat = [\"12:01\", \"12:02\"]\nretry = { max = 1, delay = \"10s\" }\nexpect_success_within = \"1h\"\nwrite = { path = \"no/such/directory\", text = \"x\" }\n"
	const jobs = "[queues.q]\n[tasks.good]\ninterval = \"10s\"\nlog = \"x\"\nqueue = \"q\"\n" + bad
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs+"[tasks.old]\nlog = \"x\"\n", func(r *rig) {
		r.pass(5 * time.Second)
		r.wantMetrics("at first", map[string]string{
			`rota_runs_total{outcome="ok",task="good"}`:               "0",
			`rota_runs_total{outcome="ok",task="old"}`:                "0",
			`rota_runs_total{outcome="lost",task="bad"}`:              "0",
			`rota_slots_skipped_total{reason="overlap",task="old"}`:   "0",
			`rota_slots_missed_total{task="bad"}`:                     "0",
			`rota_run_seconds_total{task="bad"}`:                      "0",
			`rota_run_cpu_seconds_total{task="bad"}`:                  "0",
			`rota_task_failures_in_row{task="bad"}`:                   "0",
			`rota_task_held{task="bad"}`:                              "0",
			`rota_runs_running{task="bad"}`:                           "0",
			`rota_runs_queued{queue=""}`:                              "0",
			`rota_runs_queued{queue="q"}`:                             "0",
			`rota_task_expected_success_interval_seconds{task="bad"}`: "3600",
			`rota_task_expected_success_interval_seconds{task="old"}`: "",
			`rota_task_last_success_timestamp_seconds{task="good"}`:   "",
			`rota_task_next_run_timestamp_seconds{task="old"}`:        "",
			`rota_task_next_run_timestamp_seconds{task="good"}`:       epoch(r.start.Add(10 * time.Second)),
			`rota_config_last_reload_successful`:                      "1",
			`rota_config_file_differs`:                                "0",
			`rota_config_last_reload_success_timestamp_seconds`:       epoch(r.start),
			`rota_ledger_write_errors_total`:                          "0",
			`rota_start_delay_seconds_count`:                          "0",
			`rota_notify_failures_total{target="nobody"}`:             "",
		})
		r.pass(30 * time.Second)
		r.wantMetrics("after three runs", map[string]string{
			`rota_runs_total{outcome="ok",task="good"}`:             "3",
			`rota_start_delay_seconds_count`:                        "3",
			`rota_run_duration_seconds_count`:                       "3",
			`rota_task_last_success_timestamp_seconds{task="good"}`: epoch(r.start.Add(30 * time.Second)),
			`rota_task_last_run_timestamp_seconds{task="good"}`:     epoch(r.start.Add(30 * time.Second)),
			`rota_task_last_duration_seconds{task="good"}`:          "0",
		})
		r.pass(2 * time.Minute)
		attempts := numbers(r.t, r.Service(), r.t.Context())
		r.wantMetrics("after failures", map[string]string{
			`rota_runs_total{outcome="failed",task="bad"}`: "2",
			`rota_task_failures_in_row{task="bad"}`:        "2",
			`rota_run_duration_seconds_count`:              fmt.Sprint(15 + 4), // each attempt
		})
		if attempts[`rota_runs_total{outcome="ok",task="good"}`] != "15" {
			r.t.Errorf("good has run %s times", attempts[`rota_runs_total{outcome="ok",task="good"}`])
		}
		if _, err := r.Service().Hold(r.t.Context(), api.Holding{Tasks: []string{"good"}}); err != nil {
			r.t.Fatal(err)
		}
		r.pass(30 * time.Second)
		r.wantMetrics("held", map[string]string{
			`rota_task_held{task="good"}`:                         "1",
			`rota_slots_skipped_total{reason="held",task="good"}`: "3",
			`rota_runs_total{outcome="ok",task="good"}`:           "15",
		})
		r.edited(jobs + "[tasks.new]\nlog = \"x\"\n")
		got := numbers(r.t, r.Service(), r.t.Context())
		for name := range got {
			if strings.Contains(name, `task="old"`) {
				r.t.Errorf("the file has no task old, but there is %s", name)
			}
		}
		if got[`rota_runs_total{outcome="ok",task="new"}`] != "0" || got[`rota_runs_total{outcome="ok",task="good"}`] != "15" {
			r.t.Errorf("after a reload: %v", got)
		}
		r.Engine.post(func() { r.broken = errors.New("wrong") })
		r.wantMetrics("the file is wrong", map[string]string{`rota_config_last_reload_successful`: "0", `rota_config_file_differs`: "1"})

		r.restart(time.Hour)
		r.wantMetrics("after a restart", map[string]string{
			`rota_runs_total{outcome="ok",task="good"}`:             "0",
			`rota_task_failures_in_row{task="bad"}`:                 "2",
			`rota_task_last_success_timestamp_seconds{task="good"}`: epoch(r.start.Add(150 * time.Second)),
			`rota_task_last_run_timestamp_seconds{task="good"}`:     epoch(r.start.Add(150 * time.Second)),
			`rota_task_last_duration_seconds{task="good"}`:          "0",
			`rota_config_last_reload_successful`:                    "1",
		})

		// A caller who sees one task gets its series, and none of rota as a whole.
		ctx := api.AsCaller(r.t.Context(), api.Caller{Grants: []api.Grant{{May: api.MayRead, Tasks: func(name string) bool { return name == "bad" }}}})
		seen := numbers(r.t, r.Service(), ctx)
		if seen[`rota_task_failures_in_row{task="bad"}`] != "2" {
			r.t.Errorf("who sees bad gets %v", seen)
		}
		for name := range seen {
			if !strings.Contains(name, `task="bad"`) {
				r.t.Errorf("who sees bad receives %s", name)
			}
		}
	})
}

// TestPendingEndsAreNoAttempts: a run that is cancelled while it waits for another attempt
// has not taken until then.
func TestPendingEndsAreNoAttempts(t *testing.T) {
	const jobs = "[tasks.t]\nat = \"12:01\"\nretry = { max = 1, delay = \"1h\" }\nwrite = { path = \"no/such/directory\", text = \"x\" }\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs, func(r *rig) {
		r.pass(10 * time.Minute)
		if _, err := r.Service().CancelAll(r.t.Context(), "t"); err != nil {
			r.t.Fatal(err)
		}
		r.wantMetrics("cancelled", map[string]string{
			`rota_runs_total{outcome="cancelled",task="t"}`: "1",
			`rota_run_duration_seconds_count`:               "1",
			`rota_run_seconds_total{task="t"}`:              "0",
		})
	})
}

// TestMetricsDoNotWait: a ledger or an engine that does not answer delays a scrape only
// for a short time, and the engine never waits for a scrape.
func TestMetricsDoNotWait(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\ninterval = \"10s\"\nlog = \"x\"\n", func(r *rig) {
		s := r.Service()
		free := make(chan struct{})
		s.Reader.Ledger = blockingPast{r.ledger, free}
		asked := time.Now()
		got := numbers(r.t, s, r.t.Context())
		if took := time.Since(asked); took > time.Second {
			r.t.Errorf("with a hung ledger it took %v", took)
		}
		if got[`rota_runs_total{outcome="ok",task="t"}`] != "0" || got[`rota_task_failures_in_row{task="t"}`] != "" {
			r.t.Errorf("with a hung ledger: %v", got)
		}
		asked = time.Now()
		numbers(r.t, s, r.t.Context()) // beside the look that hangs
		if took := time.Since(asked); took > 0 {
			r.t.Errorf("beside a hung look it took %v", took)
		}
		r.pass(10 * time.Second)
		close(free)
		synctest.Wait()
		r.wantMetrics("once it answers", map[string]string{`rota_task_failures_in_row{task="t"}`: "0", `rota_runs_total{outcome="ok",task="t"}`: "1"})

		gate := make(chan struct{})
		r.post(func() { <-gate })
		asked = time.Now()
		_, err := r.Service().Metrics(r.t.Context())
		if took := time.Since(asked); took != stateTimeout || api.CodeOf(err) != api.NotNow {
			r.t.Errorf("with a hung loop: %v after %v", err, took)
		}
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		if err := r.Alive(ctx); api.CodeOf(err) != api.NotNow {
			r.t.Errorf("a hung loop lives: %v", err)
		}
		close(gate)
		synctest.Wait()
		if err := errors.Join(r.Alive(r.t.Context()), r.Ready(r.t.Context())); err != nil {
			r.t.Errorf("the loop answers again: %v", err)
		}
	})
}

// blockingPast is a ledger whose Past blocks until it is released.
type blockingPast struct {
	ledger.Ledger
	free chan struct{}
}

func (h blockingPast) Past(ctx context.Context, tasks ...string) (map[string]ledger.Past, error) {
	<-h.free
	return h.Ledger.Past(ctx, tasks...)
}

// TestReady: what keeps rota from starting anything.
func TestReady(t *testing.T) {
	inBubble(t, "2026-11-21T12:00:00-05:00", "[tasks.t]\nlog = \"x\"\n", func(r *rig) {
		ready := func(want string) {
			r.t.Helper()
			got := ""
			if err := r.Ready(r.t.Context()); err != nil {
				got = err.Error()
			}
			if got != want {
				r.t.Errorf("ready: %q, want %q", got, want)
			}
		}
		ready("")
		if _, err := r.Service().Drain(r.t.Context(), time.Minute); err != nil {
			r.t.Fatal(err)
		}
		ready("rota is draining: no new runs start")
		if _, err := r.Service().EndDrain(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		ready("")
		var got error // in the same turn, before it is found to be over
		r.inLoop(func(context.Context) error {
			r.recordError = "/var/lib/rota: disk full"
			got = r.pauseError()
			return nil
		})
		if got == nil || strings.Contains(got.Error(), "/var") {
			r.t.Errorf("while nothing can be recorded: %v", got)
		}
	})
}

// TestHealth is which tasks are healthy.
func TestHealth(t *testing.T) {
	const bad = "write = { path = \"no/such/directory\", text = \"x\" }\n"
	const jobs = `
[tasks.good]
interval = "1m"
tags = ["db", "all"]
expect_success_within = "5m"
log = "x"
[tasks.never]
expect_success_within = "1h"
log = "x"
[tasks.hourly]
cron = "0 * * * *"
missed_within = "10m"
tags = ["all"]
log = "x"
[tasks.bad]
at = ["12:01", "12:02"]
tags = ["all"]
` + bad
	inBubble(t, "2026-11-21T12:00:30-05:00", jobs, func(r *rig) {
		health := func(when string, q api.HealthQuery, want string) {
			r.t.Helper()
			got := ""
			if err := r.Service().Health(r.t.Context(), q); err != nil {
				if got = err.Error(); api.CodeOf(err) != api.NotNow && api.CodeOf(err) != api.NotFound {
					r.t.Errorf("%s: the code of %v is %q", when, err, api.CodeOf(err))
				}
			}
			if got != want {
				r.t.Errorf("%s: %+v: %q, want %q", when, q, got, want)
			}
		}
		health("at first", api.HealthQuery{}, "")
		r.pass(40 * time.Second)
		health("after a failure", api.HealthQuery{Task: "bad"}, "task bad failed")
		health("after a failure", api.HealthQuery{Tags: []string{"db"}}, "")
		r.pass(time.Minute)
		health("after two", api.HealthQuery{Tags: []string{"db", "all"}}, "task bad failed 2 times in a row")
		health("of nobody", api.HealthQuery{Tags: []string{"all", "bd"}}, `no task has the tag "bd"`)
		health("of nobody", api.HealthQuery{Task: "goo"}, `no task "goo"; did you mean "good"?`)

		if _, err := r.Service().Hold(r.t.Context(), api.Holding{Tasks: []string{"good"}}); err != nil {
			r.t.Fatal(err)
		}
		r.pass(4 * time.Minute)
		health("held", api.HealthQuery{Task: "good"}, "")
		r.pass(time.Minute)
		health("held for too long", api.HealthQuery{Task: "good"}, "task good last succeeded at 2026-11-21 12:01:30 EST, expect_success_within is 5m")

		r.fake.Advance(110 * time.Minute) // asleep at 13:00
		r.pass(0)
		health("late", api.HealthQuery{Task: "never"}, "task never never succeeded, expect_success_within is 1h")
		health("missed", api.HealthQuery{Task: "hourly"}, "task hourly missed its slot of 2026-11-21 13:00:00 EST")
		r.pass(2 * time.Hour)
		health("started late", api.HealthQuery{Task: "hourly"}, "")

		// A caller who cannot see a task does not see its tags.
		ctx := api.AsCaller(r.t.Context(), api.Caller{Grants: []api.Grant{{May: api.MayRead, Tasks: func(name string) bool { return name == "hourly" }}}})
		if err := r.Service().Health(ctx, api.HealthQuery{Tags: []string{"all"}}); err != nil {
			r.t.Errorf("to who sees the healthy one: %v", err)
		}
		if err := r.Service().Health(ctx, api.HealthQuery{Tags: []string{"db"}}); api.CodeOf(err) != api.NotFound {
			r.t.Errorf("a tag of hidden tasks: %v", err)
		}
	})
}

// TestRecordedUsage: the answer about a run that has ended has its resource usage.
func TestRecordedUsage(t *testing.T) {
	want := runner.Usage{CPU: time.Second, MaxRSS: 1 << 20}
	if got := withResult(runner.Run{}, runner.Result{Outcome: runner.OK, Usage: want}).Usage; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestWriteErrors: what the ledger cannot record is counted, not the conditions that do
// not hold.
func TestWriteErrors(t *testing.T) {
	for err, want := range map[error]int{nil: 0, ledger.ErrConflict: 0, ledger.ErrStale: 0, ledger.ErrDiskFull: 1, errors.New("other"): 1} {
		n := 0
		_, got := failureCounting{unwritable{err: err}, func() { n++ }}.Commit(t.Context(), ledger.Change{})
		if got != err || n != want {
			t.Errorf("%v: counted %d (%v), want %d", err, n, got, want)
		}
	}
}

type unwritable struct {
	ledger.Ledger
	err error
}

func (r unwritable) Commit(context.Context, ledger.Change) (ledger.Committed, error) {
	return ledger.Committed{}, r.err
}
