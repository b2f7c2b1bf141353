package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon is a real rota daemon in a process of its own, and what it logs.
type daemon struct {
	t     testing.TB
	dir   string   // holds jobs.toml, and state
	at    string   // its socket; "": in state
	trust string   // the file of certificates that its clients trust; "": those of the machine
	vars  []string // of its clients
	cmd   *exec.Cmd

	mu    sync.Mutex
	lines []logLine
	more  chan struct{} // closed when lines grow
	ended chan struct{}
	err   error
}

// logLine is a line of the log in JSON.
type logLine struct {
	Time      time.Time
	Level     string
	Msg       string
	Task      string
	Run       string
	Why       string
	Changes   string
	Complaint string
	At        string
	raw       string
}

const header = "[rota]\nstate_dir = \"state\"\nlog_format = \"json\"\n"

// newDaemon writes jobs.toml and starts a daemon on it.
func newDaemon(t testing.TB, jobs string) *daemon {
	t.Helper()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+jobs)
	return startDaemon(t, dir, nil)
}

// tempDir is a directory that is removed at the end of the test, also if a shim that ends then
// still writes to it.
func tempDir(t testing.TB) string {
	dir := t.TempDir()
	t.Cleanup(func() {
		for until := time.Now().Add(time.Minute); os.RemoveAll(dir) != nil && time.Now().Before(until); <-time.After(time.Millisecond) {
		}
	})
	return dir
}

// startDaemon starts a daemon in a directory that has a jobs.toml. change, if not
// nil, changes the command before it starts.
func startDaemon(t testing.TB, dir string, change func(*exec.Cmd)) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: dir, more: make(chan struct{}), ended: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(self, "daemon", "--config", filepath.Join(dir, "jobs.toml"))
	d.cmd.Args[0] = "rota-daemon"
	d.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if change != nil {
		change(d.cmd)
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			l := logLine{raw: lines.Text()}
			_ = json.Unmarshal(lines.Bytes(), &l)
			d.mu.Lock()
			d.lines = append(d.lines, l)
			close(d.more)
			d.more = make(chan struct{})
			d.mu.Unlock()
		}
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", d.text())
		}
	})
	return d
}

func (d *daemon) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, l := range d.lines[max(0, len(d.lines)-60):] {
		b.WriteString(l.raw + "\n")
	}
	return b.String()
}

// await returns the first line of the log, from index *from on, for which ok
// holds, and moves *from behind it.
func (d *daemon) await(what string, from *int, ok func(logLine) bool) logLine {
	d.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		d.mu.Lock()
		more := d.more
		for *from < len(d.lines) {
			l := d.lines[*from]
			*from++
			if ok(l) {
				d.mu.Unlock()
				return l
			}
		}
		d.mu.Unlock()
		select {
		case <-more:
		case <-d.ended:
			d.t.Fatalf("the daemon ended (%v) before %s", d.err, what)
		case <-late:
			d.t.Fatalf("no %s in time", what)
		}
	}
}

func (d *daemon) msg(from *int, msg, task string) logLine {
	d.t.Helper()
	return d.await(fmt.Sprintf("%q of %q", msg, task), from, func(l logLine) bool { return l.Msg == msg && (task == "" || l.Task == task) })
}

// stop asks the daemon to end, and returns its exit code.
func (d *daemon) stop(signals ...syscall.Signal) int {
	d.t.Helper()
	for _, sig := range signals {
		_ = d.cmd.Process.Signal(sig)
	}
	select {
	case <-d.ended:
	case <-time.After(2 * time.Minute):
		d.t.Fatal("the daemon did not stop in time")
	}
	return d.cmd.ProcessState.ExitCode()
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func awaitText(t testing.TB, path, want string) {
	t.Helper()
	re := regexp.MustCompile(want)
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && re.Match(text) {
			return
		}
	}
	t.Fatalf("%s does not match %s in time", path, want)
}

const tick = "[tasks.tick]\ninterval = \"1s\"\nlog = \"tick\"\n[tasks.hourly]\ninterval = \"1h\"\nlog = \"hourly\"\n"

// next is the next instant of a task, as the daemon's own dump shows it.
func (d *daemon) next(from *int, task string) string {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGUSR1)
	return d.msg(from, "state: next", task).At
}

// Every way in which people and programs change a file is noticed, within a
// second, and changes what it says and nothing else.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	path := filepath.Join(dir, "jobs.toml")
	if err := os.MkdirAll(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		return header + "include = [\"more/*.toml\"]\n" + tick + "[tasks." + name + "]\ninterval = \"1h\"\nlog = \"x\"\n"
	}
	put(t, path, text("first"))
	d := startDaemon(t, dir, nil)
	var from int
	d.msg(&from, "ok", "tick")
	hourly := d.next(&from, "hourly")

	// The file as a symlink into a directory that is itself one, as a ConfigMap.
	configMap := func(name string) {
		version := filepath.Join(dir, "..v_"+name)
		if err := os.Mkdir(version, 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(version, "jobs.toml"), text(name))
		_ = os.Remove(filepath.Join(dir, "..tmp"))
		if err := os.Symlink(version, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			if err := os.Symlink("..data/jobs.toml", path+".new"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, edit := range []struct {
		name string
		do   func(name string)
	}{
		{"in place", func(name string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(text(name)); err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(int64(len(text(name)))); err != nil {
				t.Fatal(err)
			}
		}},
		{"renamed", func(name string) { // as vim and mv do
			_ = os.Rename(path, path+"~")
			put(t, path+".tmp", text(name))
			if err := os.Rename(path+".tmp", path); err != nil {
				t.Fatal(err)
			}
		}},
		{"truncated", func(name string) {
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for line := range strings.Lines(text(name)) {
				if _, err := f.WriteString(line); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"configmap", configMap},
		{"configmap again", configMap},
		{"included", func(name string) {
			put(t, filepath.Join(dir, "new"), "[tasks."+name+"]\ninterval = \"1h\"\nlog = \"x\"\n")
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "more", name+".toml")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		var took time.Duration
		for try := range 3 { // the machine may be busy with other tests
			name := strings.ReplaceAll(fmt.Sprintf("%s-%d", edit.name, try), " ", "-")
			began := time.Now()
			edit.do(name)
			line := d.await("reload after "+name, &from, func(l logLine) bool { return strings.Contains(l.Changes, name) })
			if took = line.Time.Sub(began); took < time.Second {
				break
			}
		}
		if took >= time.Second {
			t.Errorf("%s: the new schedule was in force after %v", edit.name, took)
		}
		if now := d.next(&from, "hourly"); now != hourly {
			t.Errorf("%s: an unchanged task moved from %s to %s", edit.name, hourly, now)
		}
	}
	d.msg(&from, "ok", "tick")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The action log writes to rota's own log.
func TestLogActionLogs(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "[tasks.invoices]\nat_start = true\nlog = { message = \"send the {{.Task}}\", level = \"warn\" }\n")
	if l := d.msg(new(int), "log", "invoices"); l.Level != "WARN" || !strings.Contains(l.raw, `"text":"send the invoices"`) {
		t.Errorf("got %s", l.raw)
	}
	d.stop(syscall.SIGTERM)
}

// A running run finishes as it began, whatever happens to its task.
func TestReloadLeavesRunsAlone(t *testing.T) {
	t.Parallel()
	wait := func(name, echo string) string {
		return fmt.Sprintf("[tasks.%s]\nat_start = true\ncommand = \"echo up >%s.up; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; echo %s >%s.out\"\n", name, name, echo, name)
	}
	d := newDaemon(t, wait("changed", "before")+wait("removed", "before"))
	for _, name := range []string{"changed", "removed"} {
		awaitText(t, filepath.Join(d.dir, name+".up"), "up")
	}
	put(t, filepath.Join(d.dir, "jobs.toml"), header+wait("changed", "after"))
	var from int
	d.msg(&from, "reloaded", "")
	put(t, filepath.Join(d.dir, "go"), "")
	for _, name := range []string{"changed", "removed"} {
		d.await("end of "+name, new(int), func(l logLine) bool { return l.Msg == "ok" && l.Task == name })
		awaitText(t, filepath.Join(d.dir, name+".out"), "^before\n$")
	}
	d.stop(syscall.SIGTERM)
}

// A file that is wrong changes nothing, however often, and each time the log
// says where it is wrong.
func TestHundredBrokenEdits(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, tick)
	var from int
	d.msg(&from, "started", "")
	hourly := d.next(&from, "hourly")
	for i := range 100 {
		put(t, filepath.Join(d.dir, "jobs.toml"), fmt.Sprintf("%s%s[tasks.broken%d]\ninterval = \"%dx\"\nlog = \"x\"\n", header, tick, i, i))
		line := d.msg(&from, "reload refused: the last good file stays in force", "")
		for strings.Contains(line.Complaint, "the file is empty") { // it is, before it is written anew
			line = d.msg(&from, "reload refused: the last good file stays in force", "")
		}
		want := fmt.Sprintf("jobs.toml:11:%d: ", 13+len(fmt.Sprint(i))) // the column of the unit that there is not
		if !strings.Contains(line.Complaint, want) {
			t.Fatalf("edit %d: the complaint does not say %q:\n%s", i, want, line.Complaint)
		}
	}
	if now := d.next(&from, "hourly"); now != hourly {
		t.Errorf("hourly moved from %s to %s", hourly, now)
	}
	d.msg(&from, "ok", "tick")
	put(t, filepath.Join(d.dir, "jobs.toml"), header+tick+"[tasks.mended]\ninterval = \"1h\"\nlog = \"x\"\n")
	if l := d.msg(&from, "reloaded", ""); !strings.Contains(l.Changes, "1 added (mended)") {
		t.Errorf("after mending: %q", l.Changes)
	}
	d.stop(syscall.SIGTERM)
}

func TestForkedRunOutlivesAKilledDaemon(t *testing.T) {
	t.Parallel()
	jobs := `
[tasks.long]
at_start = true
mode = "forked"
command = "echo $$ >pid; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; echo over; exit 7"
[tasks.here]
at_start = true
command = "echo $$ >here; exec sleep 60"
`
	d := newDaemon(t, jobs)
	awaitText(t, filepath.Join(d.dir, "pid"), `\d\n`)
	awaitText(t, filepath.Join(d.dir, "here"), `\d\n`)
	var from int
	run := d.msg(&from, "running", "long").Run
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended

	put(t, filepath.Join(d.dir, "jobs.toml"), header+strings.ReplaceAll(jobs, "at_start = true", "interval = \"1h\""))
	next := startDaemon(t, d.dir, nil)
	from = 0
	if l := next.msg(&from, "adopted a forked run of an earlier daemon", "long"); l.Run != run {
		t.Errorf("adopted %s, want %s", l.Run, run)
	}
	var shim struct{ PID int }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(d.dir, "state", "runs", strings.Replace(run, "/", "+", 1)+".1", "go"))), &shim); err != nil {
		t.Error(err)
	}
	put(t, filepath.Join(d.dir, "go"), "")
	if l := next.msg(&from, "failed", "long"); l.Run != run || l.Why != "exit 7" {
		t.Errorf("got run %s: %q, want %s: exit 7", l.Run, l.Why, run)
	}
	for until := time.Now().Add(2 * time.Minute); ; <-time.After(time.Millisecond) {
		left, err := os.ReadDir(filepath.Join(d.dir, "state", "runs"))
		if err == nil && len(left) == 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("left in runs: %v, %v", left, err)
		}
	}
	awaitNil(t, "the end of the shim, which has no daemon", func() error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", shim.PID))
		if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
			return errors.New("it lives")
		}
		return nil
	})
	if code := next.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A forked run whose record cannot be read lives on, is stopped when somebody asks,
// and ends as its shim says.
func TestForkedRunWithAnUnreadableRecord(t *testing.T) {
	t.Parallel()
	task := func(name string) string {
		return "[tasks." + name + "]\nmode = \"forked\"\ncommand = \"echo $$ >" + name + "; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; exit 7\"\n"
	}
	d := newDaemon(t, task("ends")+task("stopped"))
	names := []string{"ends", "stopped"}
	awaitNil(t, "an answer", func() error { return d.command("ping").Run() })
	for _, name := range names {
		if code, _, said := d.rota("run", name, "--id", "k"); code != 0 {
			t.Fatal(said)
		}
		awaitText(t, filepath.Join(d.dir, name), `\d\n`)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	for _, name := range names {
		if err := os.Truncate(filepath.Join(d.dir, "state", "runs", name+"+k.1", "run"), 20); err != nil {
			t.Fatal(err)
		}
	}
	next := startDaemon(t, d.dir, nil)
	for _, name := range names {
		next.msg(new(int), "adopted a forked run of an earlier daemon", name)
	}
	if code, _, said := next.rota("stop", "stopped/k"); code != 0 {
		t.Errorf("stop: %d, %s", code, said)
	}
	next.msg(new(int), "cancelled", "stopped")
	put(t, filepath.Join(d.dir, "go"), "")
	if l := next.msg(new(int), "failed", "ends"); l.Why != "exit 7" {
		t.Errorf("%+v", l)
	}
}

// A command whose environment does not name its run is found after a kill of rota
// all the same: it has ended before the next attempt begins.
func TestCommandWithoutEnvironmentOverAKill(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"threaded", "sequential"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, `[tasks.bare]
mode = "`+mode+`"
retry = { max = 1, delay = "1s", on = ["lost"] }
command = ["/usr/bin/env", "-i", "/bin/sh", "-c", """
	[ ! -s pids ] || [ -e ended ] || echo beside >beside
	exec 2>/dev/null # it has nobody who reads what the shell says of sleep
	trap "echo >ended; exit" TERM
	echo $$ >>pids; while [ -e jobs.toml ]; do sleep 0.02; done"""]
`)
			pids := filepath.Join(d.dir, "pids")
			put(t, pids, "")
			awaitNil(t, "an answer", func() error { return d.command("ping").Run() })
			if code, _, said := d.rota("run", "bare", "--id", "k"); code != 0 {
				t.Fatal(said)
			}
			awaitText(t, pids, `^\d+\n$`)
			processes := filepath.Join(d.dir, "state", "processes")
			awaitText(t, processes, `^bare\+k,1 \d+ `)
			if err := d.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-d.ended
			next := startDaemon(t, d.dir, nil)
			awaitText(t, pids, `^\d+\n\d+\n$`)
			if _, err := os.Stat(filepath.Join(d.dir, "beside")); err == nil {
				t.Error("the second attempt ran beside the first")
			}
			if code, _, said := next.rota("stop", "bare/k"); code != 0 {
				t.Errorf("stop: %d, %s", code, said)
			}
			next.msg(new(int), "cancelled", "bare")
			if left, _ := filepath.Glob(filepath.Join(d.dir, "state", "live", "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			awaitText(t, processes, "^\x00+are")
		})
	}
}

func TestForkedRunOutlivesARestart(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "[tasks.long]\nat_start = true\nmode = \"forked\"\ncommand = \"echo up >up; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done\"\n")
	awaitText(t, filepath.Join(d.dir, "up"), "up")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	put(t, filepath.Join(d.dir, "go"), "")
	next := startDaemon(t, d.dir, nil)
	next.msg(new(int), "ok", "long")
	next.stop(syscall.SIGTERM)
}

func TestShutdownGrace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grace, command string
		signals        []syscall.Signal
		outcome        string
	}{
		{"1m", "echo up >up; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done", []syscall.Signal{syscall.SIGTERM}, "ok"},
		{"0s", "trap 'exit 0' TERM; echo up >up; while :; do sleep 0.01; done", []syscall.Signal{syscall.SIGINT}, "lost"},
		{"1m", "trap '' TERM INT; echo up >up; while :; do sleep 0.01; done", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, "lost"},
	} {
		d := newDaemon(t, fmt.Sprintf("shutdown_grace = %q\n[tasks.x]\nat_start = true\nkill_after = \"1m\"\ncommand = %q\n", c.grace, c.command))
		awaitText(t, filepath.Join(d.dir, "up"), "up")
		var from int
		for i, sig := range c.signals {
			_ = d.cmd.Process.Signal(sig)
			if i == 0 {
				d.await("stopping", &from, func(l logLine) bool { return strings.HasPrefix(l.Msg, "stopping") })
			}
		}
		if c.outcome == "ok" {
			put(t, filepath.Join(d.dir, "go"), "")
		}
		d.msg(&from, c.outcome, "x")
		if code := d.stop(); code != 0 {
			t.Errorf("grace %s: exit code %d", c.grace, code)
		}
	}
}

// As process 1 of a container rota has shorter default time limits, so that the whole
// stop fits into 10 seconds; a kill_after in the file still applies.
func TestShutdownInAContainer(t *testing.T) {
	t.Parallel()
	const stays = "trap '' TERM; echo up >>up-$ROTA_TASK; while :; do sleep 0.01; done"
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf("[tasks.short]\nat_start = true\ncommand = %q\n[tasks.long]\nat_start = true\nkill_after = \"1h\"\ncommand = %[1]q\n", stays))
	d := startDaemon(t, dir, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "ROTA_INIT=1") })
	awaitText(t, filepath.Join(dir, "up-short"), "up")
	awaitText(t, filepath.Join(dir, "up-long"), "up")
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	var from int
	if l := d.msg(&from, "shutdown_grace is over: stopping the running runs", ""); !strings.Contains(l.raw, `"grace":"4s"`) {
		t.Errorf("the grace is not 4s: %s", l.raw)
	}
	d.msg(&from, "killing the runs without kill_after: a container must stop within seconds", "")
	d.msg(&from, "lost", "short")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.msg(&from, "lost", "long")
}

func TestStartFromTheLastGoodFile(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, tick)
	d.msg(new(int), "ok", "tick")
	d.stop(syscall.SIGTERM)
	put(t, filepath.Join(d.dir, "jobs.toml"), header+"[tasks.tick\n")
	next := startDaemon(t, d.dir, nil)
	var from int
	if l := next.msg(&from, "the file has errors: started from the last good one", ""); !strings.Contains(l.Complaint, "jobs.toml:4:") {
		t.Errorf("the complaint names no place:\n%s", l.Complaint)
	}
	next.msg(&from, "ok", "tick")
	next.stop(syscall.SIGTERM)
}

// systemd gets the required notifications, over a real socket.
func TestNotify(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+tick)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	d := startDaemon(t, dir, func(c *exec.Cmd) {
		c.Env = append(c.Env, "NOTIFY_SOCKET="+filepath.Join(dir, "notify"), "WATCHDOG_USEC=600000")
	})
	hear := func(want string) {
		t.Helper()
		re := regexp.MustCompile(want)
		buf := make([]byte, 4096)
		if err := socket.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		var heard []string
		for {
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("received %q, not %s: %v", heard, want, err)
			}
			if re.Match(buf[:n]) {
				return
			}
			heard = append(heard, string(buf[:n]))
		}
	}
	hear(`^STATUS=2 scheduled tasks, next tick at \d\d:\d\d:\d\d$`)
	hear(`^READY=1$`)
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	hear(`^RELOADING=1\nMONOTONIC_USEC=\d+$`)
	hear(`^READY=1$`)
	put(t, filepath.Join(dir, "jobs.toml"), header+"[tasks.tick\n")
	hear(`^RELOADING=1\n`)
	hear(`^READY=1$`)
	hear(`^STATUS=.*the file has errors`)
	hear(`^WATCHDOG=1$`)
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	hear(`^STOPPING=1$`)
	hear(`^EXTEND_TIMEOUT_USEC=90000000$`)
	d.stop()
}

// If the log goes to the journal, its entries have the task and the run as fields.
func TestJournal(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can put a socket where that of the journal is")
	}
	t.Parallel()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"state\"\n[tasks.backup]\nat_start = true\ncommand = \"echo no room; exit 3\"\n")
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(run, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	d := startDaemon(t, dir, func(c *exec.Cmd) {
		const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal &&
			export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec -a rota-daemon "$@"`
		c.Args = append([]string{"unshare", "--mount", "bash", "-c", script, run, c.Path}, c.Args[1:]...)
		c.Path, c.Err = exec.LookPath("unshare")
	})
	if err := socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatalf("the failure is not in the journal: %v", err)
		}
		entry := string(buf[:n])
		if !strings.Contains(entry, "MESSAGE=failed ") {
			continue
		}
		for _, want := range []string{`(?m)^PRIORITY=3$`, `(?m)^SYSLOG_IDENTIFIER=rota$`, `(?m)^TASK=backup$`, `(?m)^RUN=backup/\S+$`, `(?m)^MESSAGE=failed task=backup run=backup/\S+ .*output="no room"$`} {
			if !regexp.MustCompile(want).MatchString(entry) {
				t.Errorf("not %s:\n%s", want, entry)
			}
		}
		break
	}
	d.stop(syscall.SIGTERM)
	if text := d.text(); text != "" {
		t.Errorf("lines beside the entries:\n%s", text)
	}
}

// asPID1 has a daemon started as process 1 of a PID namespace, with a /proc of its own.
// Its process is that of unshare, which ends as process 1 does.
func asPID1(c *exec.Cmd) {
	args := append([]string{"--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", `exec -a rota-daemon "$@"`, "bash", c.Path}, c.Args[1:]...)
	c.Args = append([]string{"unshare"}, args...)
	c.Path, c.Err = exec.LookPath("unshare")
}

// childrenOf are the pids of the children of a process, zombies too.
func childrenOf(t *testing.T, pid string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", pid).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: none
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// awaitChildren waits until a process has so many children, and returns them.
func awaitChildren(t *testing.T, pid string, n int) []string {
	t.Helper()
	var all []string
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(20 * time.Millisecond) {
		if all = childrenOf(t, pid); len(all) == n {
			return all
		}
	}
	t.Fatalf("process %s has %d children, want %d", pid, len(all), n)
	return nil
}

// onlyChild waits until a process has one child, and returns that.
func onlyChild(t *testing.T, pid string) string {
	t.Helper()
	return awaitChildren(t, pid, 1)[0]
}

// sendTo sends a signal to a process that is not a child of the test.
func sendTo(t *testing.T, pid, signal string) {
	t.Helper()
	if out, err := exec.Command("kill", "-"+signal, pid).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// As PID 1 rota reaps orphans, passes signals on, and stops within the time limit of a
// container, whatever its tasks and the targets of notifications do.
func TestPID1(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a PID namespace")
	}
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // which never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`
[tasks.orphans]
at_start = true
command = "ps -e -o pid= -o args= >ps; for i in $(seq 200); do (sh -c 'echo $$ >>pids; until [ -e go ]; do sleep 0.2; done' &) ; done"
[tasks.stubborn]
at_start = true
command = "trap '' TERM; echo up >up; while :; do sleep 0.1; done"
on_failure = ["ops"]
[notify.ops]
webhook = { url = "http://%s/" }
`, silent.Addr()))
	d := startDaemon(t, dir, asPID1)
	awaitText(t, filepath.Join(dir, "ps"), `(?m)^\s*1 +rota-daemon`)
	awaitText(t, filepath.Join(dir, "up"), "up")
	awaitText(t, filepath.Join(dir, "pids"), `^(\d+\n){200}$`)
	pid1 := onlyChild(t, fmt.Sprint(d.cmd.Process.Pid))
	awaitChildren(t, pid1, 201) // the daemon and 200 orphans
	put(t, filepath.Join(dir, "go"), "")
	onlyChild(t, pid1) // all others have ended and are reaped

	var from int
	sendTo(t, pid1, "HUP")
	d.msg(&from, "reloaded", "")
	sendTo(t, pid1, "USR1")
	d.msg(&from, "state", "")
	sendTo(t, pid1, "TERM")
	// 4 s, then 3 s, then 1 s for notifications: together less than the 10 s.
	if l := d.msg(&from, "shutdown_grace is over: stopping the running runs", ""); !strings.Contains(l.raw, `"grace":"4s"`) {
		t.Error(l.raw)
	}
	if l := d.msg(&from, "killing the runs without kill_after: a container must stop within seconds", ""); !strings.Contains(l.raw, `"after":"3s"`) {
		t.Error(l.raw)
	}
	d.msg(&from, "lost", "stubborn")
	d.msg(&from, "not delivered yet", "")
	if code := d.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// As PID 1 rota ends as the daemon does that it has started.
func TestExitOfPID1(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a PID namespace")
	}
	t.Parallel()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), "[tasks.a\n")
	if code := startDaemon(t, dir, asPID1).stop(); code != 3 {
		t.Errorf("with a file that is wrong: exit code %d, want 3", code)
	}
	put(t, filepath.Join(dir, "jobs.toml"), header+tick)
	d := startDaemon(t, dir, asPID1)
	d.msg(new(int), "started", "")
	sendTo(t, onlyChild(t, onlyChild(t, fmt.Sprint(d.cmd.Process.Pid))), "KILL")
	if code := d.stop(); code != 128+9 {
		t.Errorf("of a daemon that was killed: exit code %d, want %d", code, 128+9)
	}
}

// Once asked to stop, rota starts no runs, not even on request.
func TestNothingStartsWhileStopping(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "[tasks.slow]\nat_start = true\ncommand = \"echo up >up; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done\"\n"+tick)
	awaitText(t, filepath.Join(d.dir, "up"), "up")
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	var from int
	d.await("stopping", &from, func(l logLine) bool { return strings.HasPrefix(l.Msg, "stopping") })
	stopped := from
	put(t, filepath.Join(d.dir, "jobs.toml"), header+"[tasks.new]\ncron = \"* * * * * *\"\nlog = \"x\"\n")
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	_ = d.cmd.Process.Signal(syscall.SIGUSR1)
	d.msg(&from, "state", "") // both signals were received
	put(t, filepath.Join(d.dir, "go"), "")
	d.msg(&from, "stopped", "")
	d.stop()
	for _, l := range d.lines[stopped:] {
		if l.Msg == "running" || l.Msg == "reloaded" {
			t.Errorf("after the request to stop: %s", l.raw)
		}
	}
}

// A reader that does not read the output delays neither tasks nor rota.
func TestOutputThatNobodyReads(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+"output = \"raw\"\n[tasks.chatty]\nat_start = true\ncommand = \"yes\"\ntimeout = \"3s\"\n"+tick)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	d := startDaemon(t, dir, func(c *exec.Cmd) { c.Stdout = write })
	write.Close()
	var from int
	d.msg(&from, "timeout", "chatty")
	d.msg(&from, "ok", "tick")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A forked run that was claimed is born before rota goes.
func TestStopLosesNoBirth(t *testing.T) {
	t.Parallel()
	var jobs strings.Builder
	for i := range 40 {
		fmt.Fprintf(&jobs, "[tasks.t%d]\nat_start = true\nmode = \"forked\"\ncommand = \"echo $ROTA_RUN >>born\"\n", i)
	}
	d := newDaemon(t, jobs.String())
	d.msg(new(int), "running", "")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	claimed := 0
	for _, l := range d.lines {
		if l.Msg == "running" {
			claimed++
			awaitText(t, filepath.Join(d.dir, "born"), "(?m)^"+regexp.QuoteMeta(l.Run)+"$")
		}
	}
	if claimed != 40 {
		t.Errorf("%d runs were claimed, not 40", claimed)
	}
}
