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
	runner.Reexec()
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
func child(t *testing.T, dir string) *exec.Cmd {
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
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("no %s within 30 s", what)
		}
	}
}

// lines counts the lines of a file that hold a text.
func lines(path, text string) int {
	all, _ := os.ReadFile(path)
	return strings.Count(string(all), text)
}

// TestCrash kills a daemon with 50 tasks of all modes due every second, again
// and again, at random instants, and then holds three truths against each other:
// what was due, what the ledger says, and what the tasks themselves wrote.
func TestCrash(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test ./internal/daemon -run TestCrash -kills %d -seed %d", *kills, *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	dir := t.TempDir()
	jobsFile, truth, log := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "truth"), filepath.Join(dir, "log")
	const head = "[rota]\nstate_dir = \"state\"\n[queues.wide]\nworkers = 4\n"
	var jobs strings.Builder
	jobs.WriteString(head)
	for i := range crashTasks {
		mode := []string{"threaded", "sequential", "forked"}[i%3]
		fmt.Fprintf(&jobs, "[tasks.t%d]\ncron = \"* * * * * *\"\nmode = %q\n", i, mode)
		if mode == "sequential" {
			jobs.WriteString("queue = \"wide\"\n")
		}
		fmt.Fprintf(&jobs, "command = \"echo start $ROTA_RUN >>%s; sleep 0.%d; echo end $ROTA_RUN >>%s; exit %d\"\n", truth, i%7, truth, i%2)
	}
	write(t, jobsFile, jobs.String())

	began := time.Now()
	for i := range *kills {
		cmd := child(t, dir)
		await(t, "start", func() bool { return lines(log, "msg=started") > i })
		<-time.After(time.Duration(random.IntN(600)) * time.Millisecond)
		if random.IntN(4) == 0 { // stopped for a while, then killed
			_ = cmd.Process.Signal(syscall.SIGSTOP)
			<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the daemon ended by itself: %v", cmd.ProcessState)
		}
	}
	cmd := child(t, dir)
	await(t, "start", func() bool { return lines(log, "msg=started") > *kills })
	well := lines(log, "msg=ok task=t0 ")
	await(t, "run after the last kill", func() bool { return lines(log, "msg=ok task=t0 ") > well })
	// Nothing more is due; what runs comes to its end, and is written down.
	write(t, jobsFile, head)
	await(t, "reload", func() bool { return lines(log, "msg=reloaded") > 0 })
	ended := time.Now()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	cmd = child(t, dir)
	await(t, "last start", func() bool { return lines(log, "msg=started") > *kills+1 })
	await(t, "end of all forked runs", func() bool {
		left, err := os.ReadDir(filepath.Join(dir, "state", "runs"))
		return err == nil && len(left) == 0
	})
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}

	book, err := ledger.Open(t.Context(), filepath.Join(dir, "state"), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.List(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	starts, ends := map[string]int{}, map[string]int{}
	text, err := os.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch word, id, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "start":
			starts[id]++
		case "end":
			ends[id]++
		}
	}
	byTask := map[string][]runner.Run{}
	outcomes := map[runner.Outcome]int{}
	for _, r := range rows {
		byTask[r.Task] = append(byTask[r.Task], r)
		outcomes[r.Outcome] += max(1, r.Count)
		if !r.Folded() {
			checkRun(t, r, starts[r.ID], ends[r.ID])
			delete(starts, r.ID)
		}
	}
	for id := range starts {
		t.Errorf("%s was started and is not in the ledger", id)
	}
	slots := 0
	for i := range crashTasks {
		name := fmt.Sprint("t", i)
		slots += checkSlots(t, name, byTask[name], began, ended)
	}
	t.Logf("%d kills in %v: %d slots accounted for by %d rows: %v", *kills, ended.Sub(began).Round(time.Second), slots, len(rows), outcomes)
	if left := marked(filepath.Join(dir, "state")); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

const crashTasks = 50

// checkRun holds the record of a run against what the task wrote.
func checkRun(t *testing.T, r runner.Run, starts, ends int) {
	t.Helper()
	n := 0
	fmt.Sscanf(r.Task, "t%d", &n)
	switch forked := n%3 == 2; {
	case r.State != "":
		t.Errorf("%s is %s after all is over", r.ID, r.State)
	case starts > 1:
		t.Errorf("%s was started %d times", r.ID, starts)
	case forked && r.Outcome == runner.Lost && starts > 0:
		t.Errorf("%s is lost, although it was forked and began: %s", r.ID, r.Why)
	case (r.Outcome == runner.OK || r.Outcome == runner.Failed) && ends != 1:
		t.Errorf("%s is %s, but did not come to its end", r.ID, r.Outcome)
	case r.Outcome == runner.OK && n%2 != 0, r.Outcome == runner.Failed && n%2 != 1:
		t.Errorf("%s is %s (%s), which is not how it ended", r.ID, r.Outcome, r.Why)
	}
}

// checkSlots finds each second between the first and the last in exactly one
// row, and returns how many there are.
func checkSlots(t *testing.T, task string, rows []runner.Run, began, ended time.Time) int {
	t.Helper()
	if len(rows) == 0 {
		t.Errorf("%s has no rows", task)
		return 0
	}
	first := func(r runner.Run) time.Time { return r.Scheduled }
	last := func(r runner.Run) time.Time {
		if r.Folded() {
			return r.Last
		}
		return r.Scheduled
	}
	slices.SortFunc(rows, func(a, b runner.Run) int { return cmp.Or(first(a).Compare(first(b)), cmp.Compare(a.ID, b.ID)) })
	next, n := first(rows[0]), 0
	if next.Sub(began) > 20*time.Second || ended.Sub(last(rows[len(rows)-1])) > 20*time.Second {
		t.Errorf("%s: rows from %v to %v do not cover %v to %v", task, next, last(rows[len(rows)-1]), began, ended)
	}
	for _, r := range rows {
		if !first(r).Equal(next) {
			t.Errorf("%s: want %v, but next comes %s: a slot is forgotten, or there twice", task, next, r.ID)
		}
		n += max(1, r.Count)
		next = last(r).Add(time.Second)
		if r.Folded() && !next.Equal(first(r).Add(time.Duration(r.Count)*time.Second)) {
			t.Errorf("%s: %v to %v are not %d slots", task, r.First, r.Last, r.Count)
		}
	}
	return n
}

// marked returns the processes of runs of a state folder.
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

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
