package daemon

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/ledger"
	"rota/runner"
)

var (
	kills = flag.Int("kills", 30, "how often TestCrash kills the daemon")
	seed  = flag.Uint64("seed", 0, "of TestCrash; 0: another each time")
)

// daemonName is argv[0] of this test's binary when it is to be a daemon.
const daemonName = "rota-daemon"

func TestMain(m *testing.M) {
	if os.Args[0] == daemonName {
		if err := Run(context.Background(), Options{Config: os.Args[1], Stdout: os.Stdout, Stderr: os.Stderr}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child starts a daemon in a process of its own, with its log in a file.
func child(t testing.TB, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(self, filepath.Join(dir, "jobs.toml"))
	cmd.Args[0], cmd.Stderr = daemonName, log
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// await waits until ok holds.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("no %s in time", what)
		}
	}
}

// lines counts the lines of a file that hold a text.
func lines(path, text string) int {
	all, _ := os.ReadFile(path)
	return strings.Count(string(all), text)
}

// crashTasks is how many tasks of all modes TestCrash has due every second.
const crashTasks = 50

// crashJobs is the file of TestCrash. With due, every task comes due each second;
// without, what was asked for already can come to its end.
func crashJobs(truth string, due bool) string {
	var jobs strings.Builder
	jobs.WriteString("[rota]\nstate_dir = \"state\"\n[history]\nruns = 1000000\n[queues.wide]\nworkers = 4\n[queues.narrow]\n")
	task := func(name, sleep, exit, keys string) {
		fmt.Fprintf(&jobs, "[tasks.%s]\ncommand = \"echo start $ROTA_RUN >>%s; sleep %s; echo end $ROTA_RUN >>%s; %s\"\n%s\n", name, truth, sleep, truth, exit, keys)
	}
	cron := ""
	if due {
		cron = "\ncron = \"* * * * * *\""
	}
	for i := range crashTasks {
		mode := []string{"threaded", "sequential", "forked"}[i%3]
		keys := fmt.Sprintf("mode = %q%s", mode, cron)
		if mode == "sequential" {
			keys += "\nqueue = \"wide\""
		}
		if chained(i) {
			keys += "\non_success = [\"run:after\"]\non_failure = [\"run:sorry\"]"
		}
		task(fmt.Sprint("t", i), fmt.Sprint("0.", i%7), fmt.Sprint("exit ", i%2), keys)
	}
	for _, name := range []string{"held", "moved", "left"} {
		task(name, "0.1", "exit 0", "mode = \"threaded\""+cron)
	}
	for _, name := range []string{"after", "sorry", "asked"} {
		task(name, "0", "exit 0", "overlap = \"allow\"")
	}
	task("turn", "0.05", "exit 0", "mode = \"sequential\"\nqueue = \"narrow\"")
	task("away", "0.3", "exit 0", "mode = \"forked\"\noverlap = \"allow\"")
	task("stubborn", "0.3", "exit 0", "overlap = \"allow\"\nretry = { max = 4, delay = \"1s\", factor = 1, on = [\"lost\"] }")
	task("fed", "0", "[ $(wc -c) = 6000 ]", "overlap = \"allow\"")
	task("often", "0.1", "exit 0", "")
	return jobs.String()
}

// chained reports whether a task has hooks that start others.
func chained(i int) bool { return i%10 == 0 }

// crash is what TestCrash does to a daemon, and what it knows of it.
type crash struct {
	*testing.T
	dir, state, truth string
	random            *rand.Rand
	client            *control.Client
}

// up waits until a daemon answers, and returns whether it ended before.
func (c *crash) up(cmd *exec.Cmd) {
	c.Helper()
	await(c.T, "answer", func() bool {
		st, err := c.client.Status(c.Context())
		return err == nil && st.PID == cmd.Process.Pid
	})
}

// kill ends a daemon as no daemon wants to end.
func (c *crash) kill(cmd *exec.Cmd) {
	c.Helper()
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		c.Fatalf("the daemon ended by itself: %v", cmd.ProcessState)
	}
}

// TestCrash kills a daemon with 50 tasks of all modes due every second, again
// and again, at random instants, while others ask it for runs, hold and change
// tasks. Then it holds three truths against each other: what was due or asked
// for, what the ledger says, and what the tasks themselves wrote.
func TestCrash(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test ./internal/daemon -run TestCrash -kills %d -seed %d", *kills, *seed)
	dir := t.TempDir()
	c := &crash{T: t, dir: dir, state: filepath.Join(dir, "state"), truth: filepath.Join(dir, "truth"), random: rand.New(rand.NewPCG(*seed, 0))}
	c.client = clientOf(t, c.state)
	jobsFile := filepath.Join(dir, "jobs.toml")
	write(t, jobsFile, crashJobs(c.truth, true))

	began := time.Now()
	others := newCrowd(t, c.state, *seed)
	for range *kills {
		cmd := child(t, dir)
		wait := 600
		if c.random.IntN(6) == 0 { // while it starts
			wait = 300
		} else {
			c.up(cmd)
		}
		<-time.After(time.Duration(c.random.IntN(wait)) * time.Millisecond)
		if c.random.IntN(4) == 0 { // stopped for a while, then killed
			_ = cmd.Process.Signal(syscall.SIGSTOP)
			<-time.After(time.Duration(c.random.IntN(1500)) * time.Millisecond)
		}
		c.kill(cmd)
	}
	cmd := child(t, dir)
	c.up(cmd)
	others.stopAll()
	// No more slots are due; running and pending runs end.
	write(t, jobsFile, crashJobs(c.truth, false))
	if _, err := c.client.Reload(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	await(t, "end of all runs", func() bool {
		runs, err := c.client.Runs(t.Context(), api.RunQuery{States: []runner.State{runner.Queued, runner.Delayed, runner.Held, runner.Recurring, runner.Running}})
		return err == nil && len(runs) == 0
	})
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(c.state, "runs")); err != nil || len(left) > 0 {
		t.Errorf("directories of forked runs are left: %v, %v", left, err)
	}
	if left := marked(c.state); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if n := lines(filepath.Join(dir, "log"), "DATA RACE"); n > 0 {
		t.Errorf("%d races are in %s", n, filepath.Join(dir, "log"))
	}

	b := openBook(t, c.state, c.truth)
	slots := 0
	for i := range crashTasks {
		slots += checkSlots(t, fmt.Sprint("t", i), b.slots(fmt.Sprint("t", i), ""), began, ended)
	}
	for _, name := range []string{"held", "moved", "left"} {
		slots += checkSlots(t, name, b.slots(name, ""), began, ended)
	}
	for _, r := range b.rows {
		b.checkRun(t, r)
	}
	for id := range b.starts {
		if _, ok := b.byID[id]; !ok {
			t.Errorf("%s was started and is not in the ledger", id)
		}
	}
	chains := b.checkChains(t)
	others.check(t, b)
	t.Logf("%d kills in %v: %d slots accounted for by %d rows, %d requests, %d chains, %d holds, %d skipped: %v",
		*kills, ended.Sub(began).Round(time.Second), slots, len(b.rows), len(others.asked), chains, len(others.holds), len(others.skips), b.outcomes)
}

// book is what the ledger and the tasks say after all is over.
type book struct {
	found        string // the damage of the ledger
	rows         []runner.Run
	byID         map[string]runner.Run
	starts, ends map[string]int // by the id of a run, as the tasks wrote
	outcomes     map[runner.Outcome]int
}

func openBook(t *testing.T, state, truth string) *book {
	t.Helper()
	b := openSpoiledBook(t, state, truth)
	if b.found != "" {
		t.Errorf("the ledger is not sound: %s", b.found)
	}
	return b
}

// openSpoiledBook is openBook for a ledger that need not be sound.
func openSpoiledBook(t *testing.T, state, truth string) *book {
	t.Helper()
	l, err := ledger.Open(t.Context(), state, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &book{found: l.Found().String(), byID: map[string]runner.Run{}, starts: map[string]int{}, ends: map[string]int{}, outcomes: map[runner.Outcome]int{}}
	if b.rows, err = l.List(t.Context(), ledger.Filter{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.rows {
		if _, twice := b.byID[r.ID]; twice {
			t.Errorf("%s has two rows", r.ID)
		}
		b.byID[r.ID] = r
		b.outcomes[r.Outcome] += max(1, r.Count)
	}
	text, err := os.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch word, id, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "start":
			b.starts[id]++
		case "end":
			b.ends[id]++
		}
	}
	return b
}

// slots are the rows of the slots of a task, or of one of its recurring requests.
func (b *book) slots(task, of string) []runner.Run {
	var all []runner.Run
	for _, r := range b.rows {
		if r.Task == task && r.Parent == of && r.Cause != runner.CauseManual && r.Cause != runner.CauseChain {
			all = append(all, r)
		}
	}
	return all
}

// checkRun holds the record of a run against what the task wrote.
func (b *book) checkRun(t *testing.T, r runner.Run) {
	t.Helper()
	n := 0
	_, err := fmt.Sscanf(r.Task, "t%d", &n)
	forked := err == nil && n%3 == 2 || r.Task == "away"
	fails := err == nil && n%2 == 1
	most := 1
	if r.Task == "stubborn" {
		most = r.Attempts
	}
	starts, ends := b.starts[r.ID], b.ends[r.ID]
	switch {
	case r.State != "":
		t.Errorf("%s is %s after all is over", r.ID, r.State)
	case r.IsSummary() && starts > 0:
		t.Errorf("%s is summarized (%s, %s), and was started", r.ID, r.Outcome, r.Why)
	case starts > most, r.Attempts > 5:
		t.Errorf("%s was started %d times in %d attempts", r.ID, starts, r.Attempts)
	case r.Started.IsZero() && starts > 0:
		t.Errorf("%s was started, which its row does not say: %s, %s", r.ID, r.Outcome, r.Why)
	case forked && r.Outcome == runner.Lost && starts > 0:
		t.Errorf("%s is lost, although it was forked and began: %s", r.ID, r.Why)
	case (r.Outcome == runner.OK || r.Outcome == runner.Failed) && (starts == 0 || ends == 0):
		t.Errorf("%s is %s, but did not come to its end", r.ID, r.Outcome)
	case r.Outcome == runner.OK && fails, r.Outcome == runner.Failed && !fails:
		t.Errorf("%s is %s (%s), which is not how it ended", r.ID, r.Outcome, r.Why)
	}
}

// checkChains finds for each end of a task that has hooks the one run that they
// ask for, and returns how many there are.
func (b *book) checkChains(t *testing.T) int {
	t.Helper()
	n, children := 0, map[string][]string{}
	for _, r := range b.rows {
		if r.Cause == runner.CauseChain {
			children[r.Parent] = append(children[r.Parent], r.Task)
			n++
		}
	}
	for _, r := range b.rows {
		var want []string
		var i int
		if _, err := fmt.Sscanf(r.Task, "t%d", &i); err == nil && chained(i) && !r.Started.IsZero() {
			switch r.Outcome {
			case runner.OK:
				want = []string{"after"}
			case runner.Failed, runner.Lost, runner.TimedOut:
				want = []string{"sorry"}
			}
		}
		if got := children[r.ID]; !slices.Equal(got, want) {
			t.Errorf("after %s, which is %s, came %v; want %v", r.ID, r.Outcome, got, want)
		}
	}
	return n
}

// checkSlots finds each second between the first and the last in exactly one
// row, and returns how many there are.
func checkSlots(t *testing.T, what string, rows []runner.Run, began, ended time.Time) int {
	t.Helper()
	if len(rows) == 0 {
		t.Errorf("%s has no rows", what)
		return 0
	}
	first := func(r runner.Run) time.Time { return r.Scheduled }
	last := func(r runner.Run) time.Time {
		if r.IsSummary() {
			return r.Last
		}
		return r.Scheduled
	}
	slices.SortFunc(rows, func(a, b runner.Run) int { return cmp.Or(first(a).Compare(first(b)), cmp.Compare(a.ID, b.ID)) })
	next, n := first(rows[0]), 0
	if next.Sub(began) > 20*time.Second || ended.Sub(last(rows[len(rows)-1])) > 20*time.Second {
		t.Errorf("%s: rows from %v to %v do not cover %v to %v", what, next, last(rows[len(rows)-1]), began, ended)
	}
	for _, r := range rows {
		if !first(r).Equal(next) {
			t.Errorf("%s: want %v, but next comes %s: a slot is forgotten, or there twice", what, next, r.ID)
		}
		n += max(1, r.Count)
		next = last(r).Add(time.Second)
		if r.IsSummary() && !next.Equal(first(r).Add(time.Duration(r.Count)*time.Second)) {
			t.Errorf("%s: %v to %v are not %d slots", what, r.First, r.Last, r.Count)
		}
	}
	return n
}

// marked returns the processes of runs of a state directory.
func marked(stateDir string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if env, err := os.ReadFile(file); err == nil && strings.Contains(string(env), "\x00ROTA_STATE_DIR="+stateDir+"\x00") {
			found = append(found, file)
		}
	}
	return found
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
