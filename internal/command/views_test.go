package command

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// noon is when the tables below are looked at.
var noon = when{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), zone: time.UTC}

func earlier(d time.Duration) time.Time { return noon.now.Add(-d) }

func exited(code int) *int { return &code }

func executed(id string, o runner.Outcome, ago, took time.Duration) api.Run {
	task, _ := runner.SplitID(id)
	return api.Run{ID: id, Task: task, Cause: runner.CauseSchedule, Outcome: o, Scheduled: earlier(ago), Started: earlier(ago), Finished: earlier(ago - took), Attempts: 1}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got = "\n" + got; got != want {
		t.Errorf("%s:%s\nwant:%s", what, got, want)
	}
}

// plain is a session without colours.
func plain() *session { return &session{out: os.Stdout, color: "never"} }

func TestTaskGrid(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	failed := executed("sync/a", runner.Failed, time.Hour+48*time.Minute, 48*time.Minute)
	failed.Exit = exited(1)
	ok := executed("site/b", runner.OK, 48*time.Second, 400*time.Millisecond)
	running := api.Run{ID: "prune/c", Task: "prune", State: runner.Running, Started: earlier(1079 * time.Second)}
	lost := executed("report/d", runner.Lost, 20*24*time.Hour, 2*time.Second)
	tasks := []api.Task{
		{Task: "sync", State: "failed", Schedule: "at :17 past every 6th hour", Next: noon.now.Add(4*time.Hour + 2*time.Minute), Last: &failed},
		{Task: "site", State: "ok", Schedule: "every 1m", Next: noon.now.Add(12 * time.Second), Last: &ok},
		{Task: "prune", State: "running", Schedule: "by hand, or after backup", Last: &running, LastSuccess: earlier(14 * time.Hour)},
		{Task: "report", State: "held", Schedule: "Sundays 00:00", Hold: &api.Hold{}, Next: noon.now.Add(time.Hour), Last: &lost},
		{Task: "tidy", State: "new", Schedule: "every day at 02:30", On: &api.On{Expr: "every 3h"}, Next: noon.now.Add(15 * 24 * time.Hour)},
	}
	var b bytes.Buffer
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, `
STATE      TASK    SCHEDULE                            NEXT        LAST              TOOK
✗ failed   sync    at :17 past every 6th hour          in 4h 2m    exit 1, 1h ago    48m
✓ ok       site    every 1m                            in 12s      47s ago           0.4s
▶ running  prune   by hand, or after backup            -           14h ago           so far 17m 59s
‖ held     report  Sundays 00:00                       held        lost, 2026-11-02  2.0s
· new      tidy    every 3h (was: every day at 02:30)  2026-12-07  -                 -
`},
		{90, `
STATE      TASK    SCHEDULE                            NEXT        LAST
✗ failed   sync    at :17 past every 6th hour          in 4h 2m    exit 1, 1h ago
✓ ok       site    every 1m                            in 12s      47s ago
▶ running  prune   by hand, or after backup            -           14h ago
‖ held     report  Sundays 00:00                       held        lost, 2026-11-02
· new      tidy    every 3h (was: every day at 02:30)  2026-12-07  -
`},
		{80, `
STATE      TASK    SCHEDULE                         NEXT        LAST
✗ failed   sync    at :17 past every 6th hour       in 4h 2m    exit 1, 1h ago
✓ ok       site    every 1m                         in 12s      47s ago
▶ running  prune   by hand, or after backup         -           14h ago
‖ held     report  Sundays 00:00                    held        lost, 2026-11-02
· new      tidy    every 3h (was: every day at 02…  2026-12-07  -
`},
		{50, `
STATE      TASK    NEXT        LAST
✗ failed   sync    in 4h 2m    exit 1, 1h ago
✓ ok       site    in 12s      47s ago
▶ running  prune   -           14h ago
‖ held     report  held        lost, 2026-11-02
· new      tidy    2026-12-07  -
`},
	} {
		b.Reset()
		if err := plain().taskGrid(noon, tasks).print(&b, test.width); err != nil {
			t.Fatal(err)
		}
		same(t, "in columns", b.String(), test.want)
		for _, line := range strings.Split(b.String(), "\n") {
			if n := len([]rune(line)); test.width > 0 && n > test.width {
				t.Errorf("%q has %d columns, more than %d", line, n, test.width)
			}
		}
	}
	b.Reset()
	long := api.Task{Task: "a-name-that-is-far-too-long-for-a-table", State: "ok", Schedule: "at :17 past every 6th hour", Next: noon.now.Add(12 * time.Second), Last: &ok}
	if err := plain().taskGrid(noon, []api.Task{long}).print(&b, 80); err != nil {
		t.Fatal(err)
	}
	same(t, "with a long name", b.String(), `
STATE  TASK                          SCHEDULE                    NEXT    LAST
✓ ok   a-name-that-is-far-too-long…  at :17 past every 6th hour  in 12s  47s ago
`)
	b.Reset()
	if err := (&session{out: os.Stdout, color: "always"}).taskGrid(noon, tasks[:1]).print(&b, 0); err != nil {
		t.Fatal(err)
	}
	same(t, "coloured", b.String(), `
STATE     TASK  SCHEDULE                    NEXT      LAST            TOOK
`+"\x1b[31m✗ failed\x1b[m"+`  sync  at :17 past every 6th hour  in 4h 2m  exit 1, 1h ago  48m
`)
}

func TestRunGrid(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	failed := executed("sync/20261122T101700Z", runner.Failed, 103*time.Minute, 48*time.Minute)
	failed.Exit, failed.Why, failed.Attempts = exited(1), "exit 1", 3
	killed := executed("sync/20261122T041700Z", runner.Failed, 8*time.Hour, time.Second)
	killed.Signal, killed.Why = "KILL", "killed by KILL; 2 processes were left"
	asked := executed("backup/k3", runner.OK, 9*time.Hour, time.Minute)
	asked.Cause, asked.Who = runner.CauseManual, "ann"
	cancelled := api.Run{ID: "backup/k5", Task: "backup", Cause: runner.CauseManual, Who: "ann", Outcome: runner.Cancelled, Why: "cancelled by ann", Queued: earlier(10 * time.Hour)}
	again := api.Run{ID: "backup/k6", Task: "backup", Cause: runner.CauseSchedule, State: runner.Delayed, Started: earlier(time.Minute), Attempts: 1, Why: "failed: exit 1; attempt 2 of 3 in 30s"}
	runs := []api.Run{
		{ID: "long/20261122T115900Z", Task: "long", Cause: runner.CauseSchedule, State: runner.Running, Started: earlier(time.Minute)},
		{ID: "long/20261122T110000Z", Task: "long", Outcome: runner.Skipped, Why: "overlap: previous run still running", By: "long/x", First: earlier(time.Hour), Last: earlier(2 * time.Minute), Scheduled: earlier(2 * time.Minute), Count: 59},
		failed, killed, asked,
		{ID: "long/20261122T100000Z", Task: "long", Outcome: runner.Missed, Why: "missed: rota was down", First: earlier(2 * time.Hour), Last: earlier(2 * time.Hour), Count: 1},
		cancelled, again,
		{ID: "site/k4", Task: "site", Cause: runner.CauseManual, On: "interval 30s", State: runner.Recurring, Queued: earlier(24 * time.Hour)},
	}
	var b bytes.Buffer
	if err := plain().runGrid(noon, runs).print(&b, 0); err != nil {
		t.Fatal(err)
	}
	same(t, "history", b.String(), `
RUN                    TIME        TOOK       RESULT            WHY
long/20261122T115900Z  1m ago      so far 1m  > running         schedule
long/20261122T110000Z  2m ago      -          - skipped         59 slots, overlap: previous run still running
sync/20261122T101700Z  1h 43m ago  48m        x exit 1          schedule, attempt 3
sync/20261122T041700Z  8h ago      1.0s       x killed by KILL  schedule, killed by KILL; 2 processes were left
backup/k3              9h ago      1m         + ok              manual, by ann
long/20261122T100000Z  2h ago      -          x missed          missed: rota was down
backup/k5              10h ago     -          - cancelled       manual, cancelled by ann
backup/k6              1m ago      -          . delayed         schedule, failed: exit 1; attempt 2 of 3 in 30s
site/k4                1d ago      -          . recurring       manual, interval 30s
`)
	b.Reset()
	if err := plain().unfinishedGrid(noon, []api.Run{runs[0],
		{ID: "a/q", State: runner.Queued, Cause: runner.CauseManual, Why: "queue main is full", Queued: earlier(time.Minute)},
		{ID: "a/d", State: runner.Delayed, Cause: runner.CauseManual, NotBefore: noon.now.Add(time.Hour)},
		{ID: "a/h", State: runner.Held, Cause: runner.CauseManual, Queued: earlier(time.Hour)},
		runs[8]}, map[string]time.Time{"site/k4": noon.now.Add(9 * time.Second)}).print(&b, 60); err != nil {
		t.Fatal(err)
	}
	same(t, "ps", b.String(), `
STATE        RUN                    TIME    WHY
> running    long/20261122T115900Z  1m      schedule
. queued     a/q                    1m ago  manual, queue m~
. delayed    a/d                    in 1h   manual
= held       a/h                    1h ago  manual
. recurring  site/k4                in 9s   manual, interva~
`)
}

func TestSheets(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	show := func(s details) string {
		var b bytes.Buffer
		if err := s.print(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	run := executed("sync/20261122T101700Z", runner.Failed, 103*time.Minute, 48*time.Minute)
	run.Exit, run.Why, run.Attempts, run.Error, run.Parent = exited(1), "exit 1", 2, "first\n\x1b[31msecond", "backup/x"
	run.Params, run.Result = map[string]string{"b": "2", "a": "1\n2"}, 12
	same(t, "a run", show(runDetails(noon, runPage{RunDetails: api.RunDetails{Run: run, Outputs: true, WithOutput: []int{1, 2}, Transitions: []api.Transition{
		{Time: earlier(103 * time.Minute), State: runner.Running},
		{Time: earlier(55 * time.Minute), Outcome: runner.Failed, Why: "exit 1"},
	}}})), `
run        sync/20261122T101700Z
state      ✗ failed: exit 1
cause      schedule, of backup/x
scheduled  Sun 2026-11-22 10:17:00 UTC, 1h 43m ago
started    Sun 2026-11-22 10:17:00 UTC, 1h 43m ago
finished   Sun 2026-11-22 11:05:00 UTC, 55m ago
took       48m
attempts   2; earlier output: rota logs sync/20261122T101700Z --attempt 1|all
exit       1
params     a=1\n2
           b=2
result     12 bytes: rota result sync/20261122T101700Z
output     rota logs sync/20261122T101700Z
error      first
           \x1b[31msecond
steps      Sun 2026-11-22 10:17:00 UTC  ▶ running
           Sun 2026-11-22 11:05:00 UTC  ✗ failed  exit 1
`)
	same(t, "a summary row", show(runDetails(noon, runPage{RunDetails: api.RunDetails{Run: api.Run{
		ID: "long/20261122T110000Z", Cause: runner.CauseSchedule, Outcome: runner.Skipped, Why: "overlap: previous run still running", By: "long/x",
		First: earlier(time.Hour), Last: earlier(time.Minute), Count: 60}}})), `
run         long/20261122T110000Z
state       - skipped: overlap: previous run still running
cause       schedule
slots       60, from Sun 2026-11-22 11:00:00 UTC to Sun 2026-11-22 11:59:00 UTC
superseded  by long/x
`)
	same(t, "a task", show(taskDetails(noon, taskPage{
		Task: api.Task{
			Task: "sync", State: "held", Description: "copies", Tags: []string{"db", "x"}, Does: "rsync a b", Schedule: "every 6h", Timezone: "Europe/Berlin",
			Hold: &api.Hold{By: "ann", Why: "db \"move\"", Since: earlier(time.Hour), Until: noon.now.Add(time.Hour)},
			On:   &api.On{Expr: "every 3h", By: "bob", Since: earlier(2 * time.Hour)},
			Skip: []time.Time{noon.now.Add(time.Minute)}, Failures: 2, LastSuccess: earlier(48 * time.Hour),
			RunsLeft: []api.RunsLeft{{Trigger: "every 3h count 5", Count: 5, Left: 2}, {Trigger: "at 09:00 count 1", Count: 1}},
			Running:  []string{"sync/a"}, Waiting: []string{"sync/b", "sync/c"}, Recurring: []api.Run{{ID: "sync/d", On: "interval 1h"}},
		},
		Slots: []api.Slot{{At: noon.now.Add(time.Hour)}, {At: noon.now.Add(4 * time.Hour), Note: "jitter +2s"}},
	})), `
task         sync  ‖ held
about        copies
tags         db, x
action       rsync a b
schedule     every 6h
zone         Europe/Berlin
rescheduled  every 3h, by bob, since Sun 2026-11-22 10:00:00 UTC
held         by ann, since Sun 2026-11-22 11:00:00 UTC, until Sun 2026-11-22 13:00:00 UTC, in 1h, "db \"move\""
next         Sun 2026-11-22 13:00:00 UTC, in 1h
             Sun 2026-11-22 16:00:00 UTC, in 4h  (jitter +2s)
runs left    2 of 5: every 3h count 5
             0 of 1: at 09:00 count 1
skipped      Sun 2026-11-22 12:01:00 UTC, in 1m
running      sync/a
waiting      sync/b
             sync/c
recurring    sync/d: interval 1h
failures     2 in a row
last ok      Fri 2026-11-20 12:00:00 UTC, 2d ago
`)
	same(t, "a status", show(statusDetails(noon, api.Status{
		Daemon: true, Version: "1.0", PID: 7, Started: earlier(time.Hour), Config: "/etc/rota/jobs.toml", Loaded: earlier(time.Minute),
		Broken: "jobs.toml:1:1: wrong", StateDir: "/var/lib/rota", Timezone: "Europe/Berlin", Tasks: 3, Held: 1, Running: 2, Draining: true,
		Next: &api.Slot{Task: "sync", At: noon.now.Add(time.Minute)}, Lag: 420e-6, Trouble: []string{"the disk is full", "x"},
		Undelivered: []api.Undelivered{{Target: "ops", Error: "no route", Since: earlier(time.Minute), Waiting: 2, Dropped: 1}, {Target: "b", Error: "y"}},
		LedgerBytes: 3 << 20, OutputBytes: 1023,
	})), `
daemon           rota 1.0, pid 7
started          Sun 2026-11-22 11:00:00 UTC, 1h ago
file             /etc/rota/jobs.toml
read             Sun 2026-11-22 11:59:00 UTC, 1m ago
broken           jobs.toml:1:1: wrong
state directory  /var/lib/rota
zone             Europe/Berlin
tasks            3, 1 held
runs             2 running, 0 waiting
draining         yes: no new runs start; end it: rota drain --end
next             sync  Sun 2026-11-22 12:01:00 UTC, in 1m
lag              420µs
disk use         3 MiB ledger, 1023 B outputs
trouble          the disk is full
                 x
undelivered      ops: no route, since Sun 2026-11-22 11:59:00 UTC, 2 waiting, 1 given up
                 b: y
`)
	same(t, "as a stranger sees it", show(statusDetails(noon, api.Status{Daemon: true, Version: "1.0", Started: earlier(time.Hour), Tasks: 1, Timezone: "Local"})), `
daemon   rota 1.0
started  Sun 2026-11-22 11:00:00 UTC, 1h ago
tasks    1
runs     0 running, 0 waiting
`)
	same(t, "a file that is not in force", show(statusDetails(noon, api.Status{Daemon: true, Version: "1.0", Started: earlier(time.Hour), Config: "/etc/rota/jobs.toml", Differs: true, Timezone: "Local"})), `
daemon   rota 1.0
started  Sun 2026-11-22 11:00:00 UTC, 1h ago
file     /etc/rota/jobs.toml
differs  the file on the disk is not the one in force; reload it: rota reload
tasks    0
runs     0 running, 0 waiting
`)
	same(t, "no daemon", show(statusDetails(noon, api.Status{Config: "/etc/rota/jobs.toml", StateDir: "/var/lib/rota", Timezone: "Local", Tasks: 1})), `
daemon           none answers
file             /etc/rota/jobs.toml
state directory  /var/lib/rota
tasks            1
runs             0 running, 0 waiting
`)
	why := api.Why{Task: "sync", At: earlier(time.Hour), Text: []string{"It was held by ann.", "It is held no more."}, Run: &run, Next: noon.now.Add(time.Hour)}
	same(t, "why", strings.Join(whyLines(noon, why), "\n"), `
sync at Sun 2026-11-22 11:00:00 UTC, 1h ago
It was held by ann.
It is held no more.
details: rota show sync/20261122T101700Z`)
}
