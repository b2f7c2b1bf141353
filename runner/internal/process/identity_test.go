package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// blank is a program whose environment shows nothing, and which writes its id.
const blank = `exec env -i sh -c 'echo $$ >"$0"; while :; do sleep 0.05; done' `

func blankLaunch(t *testing.T) (l Launch, pid string) {
	dir := t.TempDir()
	l = Launch{
		Attempt:     Attempt{dir, "t/k", 2},
		Argv:        []string{"/bin/sh", "-c", blank + dir + "/pid"},
		Settings:    Settings{Base: dir, Umask: 0o022},
		Files:       true,
		Termination: Termination{syscall.SIGTERM, 10 * time.Second},
	}
	l.Listed = true
	return l, dir + "/pid"
}

// awaitRecord waits for the record, which is written while the process runs already.
func awaitRecord(t *testing.T, l Launch) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(time.Millisecond) {
		if _, err := l.Attempt.identity(); err == nil {
			return
		}
	}
	t.Fatal("no record of the process in time")
}

func awaitNumber(t *testing.T, path string) int {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(text), "\n") {
			n, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no number in %s in time", path)
	return 0
}

// A process whose environment does not show its run is found by its record, while
// it runs and no longer.
func TestRecordOfARun(t *testing.T) {
	l, path := blankLaunch(t)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Run(t.Context(), &strings.Builder{})
		ended <- err
	}()
	pid := awaitNumber(t, path)
	awaitRecord(t, l)
	if found := l.Attempt.Alive(os.Geteuid()); len(found) == 0 || found[0].PID != pid && found[len(found)-1].PID != pid {
		t.Errorf("found %v, want %d", found, pid)
	}
	RemoveStale(l.Attempt.StateDir)
	if _, err := l.Attempt.identity(); err != nil {
		t.Error("the record of what lives was swept away")
	}
	if found, alive := l.Attempt.Clear(os.Geteuid(), l.Termination); len(found) == 0 || len(alive) > 0 {
		t.Errorf("cleared %v, alive %v", found, alive)
	}
	var exit *Exit
	if err := <-ended; !errors.As(err, &exit) || exit.Signal != "TERM" {
		t.Errorf("ended with %v", err)
	}
	if left, _ := filepath.Glob(l.Attempt.StateDir + "/live/*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if id, err := l.Attempt.identity(); err == nil {
		t.Errorf("left: %+v", id)
	}
}

// orphans is a session whose leader has gone, as it was recorded, and a member of it.
func orphans(t *testing.T) (a Attempt, id identity, member int) {
	t.Helper()
	dir := t.TempDir()
	a = Attempt{dir, "t/k", 1}
	write(t, dir+"/script", blank+dir+"/pid\n", 0o600)
	cmd := exec.Command("/bin/sh", "-c", "sh "+dir+"/script & read x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	member = awaitNumber(t, dir+"/pid")
	t.Cleanup(func() { _ = syscall.Kill(member, syscall.SIGKILL) })
	if id, err = identify(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	in.Close()
	_ = cmd.Wait()
	return a, id, member
}

// The processes that a leader left in its session are found, but none of another session
// with the same number.
func TestSessionWithoutItsLeader(t *testing.T) {
	a, id, member := orphans(t)
	other := exec.Command("sleep", "600") // leads a session of its own
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := other.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = other.Process.Kill(), other.Wait() }()
	for _, c := range []struct {
		what  string
		found bool
		id    identity
	}{
		{"as recorded", true, id},
		{"started at about that time", true, identity{id.PID, id.Started - 2, id.Started + 2, id.Boot, id.Cgroup}},
		{"of another boot", false, identity{id.PID, id.Started, 0, "another", id.Cgroup}},
		{"in another control group", false, identity{id.PID, id.Started, 0, id.Boot, digest("0::/user.slice\n")}},
		{"without a control group", false, identity{id.PID, id.Started, 0, id.Boot, "-"}},
		{"begun later than its members", false, identity{id.PID, id.Started + 1e9, id.Started + 2e9, id.Boot, id.Cgroup}},
		{"a number that another process has", false, identity{other.Process.Pid, 1, 2, id.Boot, id.Cgroup}},
		{"nonsense", false, identity{0, 0, 0, "x", "x"}},
	} {
		table, err := tableOf(a.StateDir)
		if err == nil {
			err = table.put(a.name(), c.id)
		}
		if err != nil {
			t.Fatal(err)
		}
		found := a.Alive(os.Geteuid())
		if is := slices.ContainsFunc(found, func(m Member) bool { return m.PID == member }); is != c.found || !c.found && len(found) > 0 {
			t.Errorf("%s: found %v", c.what, found)
		}
	}
	// As a rota has left it that had no table.
	a.forgetProcess()
	err = errors.Join(os.MkdirAll(filepath.Dir(a.oldRecord()), 0o700), os.Symlink(fmt.Sprintf(identityFormat, id.PID, id.Started, id.Boot, id.Cgroup), a.oldRecord()))
	if err != nil {
		t.Fatal(err)
	}
	if found, alive := a.Clear(os.Geteuid(), Termination{syscall.SIGTERM, 10 * time.Second}); len(found) == 0 || len(alive) > 0 {
		t.Errorf("cleared %v, alive %v", found, alive)
	}
	if s, err := readStat(member); err == nil && s.state != 'Z' {
		t.Errorf("process %d is still alive", member)
	}
	if _, err := os.Lstat(a.oldRecord()); err == nil {
		t.Error("the record is still there")
	}
}

// The cost of recording a process at its start.
func BenchmarkRecord(b *testing.B) {
	l := Launch{Attempt: Attempt{b.TempDir(), "t/k", 1}}
	l.Listed = true
	p := &proc{pid: os.Getpid()}
	for b.Loop() {
		l.record(p)
		l.forget()
	}
}

// The name of a directory says which attempt it is of.
func TestAttemptOfADirectory(t *testing.T) {
	for _, want := range []Attempt{{"/s", "t/k", 1}, {"/s", "a.b@c-d_e/20261122T023000Z~2", 12}, {"/s", "t/k.3", 4}, {"/s", "t/x.20261122T023000Z", 1}} {
		if got, ok := want.Dir().Attempt(); !ok || got != want {
			t.Errorf("%s: %v, %v", want.Dir(), got, ok)
		}
	}
	for _, name := range []string{"", "t", "t+k", "t+k.", "t+k.0", "t+k.x", "t.1", "+k.1", "t+.1"} {
		if got, ok := Dir("/s/runs/" + name).Attempt(); ok {
			t.Errorf("%q: %v", name, got)
		}
	}
}
