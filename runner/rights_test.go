package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rota/internal/hungtest"
	"rota/runner/internal/process"
)

// roleVariable makes the test binary play a program that tests start.
const roleVariable = "ROTA_TEST_ROLE"

var roles = map[string]func() int{
	"lease":   leaseRole,
	"type":    typeRole,
	"keyring": keyringRole,
	"exec":    execRole,
	"unread":  unreadRole,
}

// arena is a directory in which everybody can work, with a copy of this program,
// and a Runner that keeps its state elsewhere.
type arena struct {
	*bench
	open string // the directory, of the user nobody
}

func newArena(t *testing.T) *arena {
	if os.Getuid() != 0 {
		t.Skip("only root can switch users")
	}
	open, err := os.MkdirTemp("/tmp", "rota-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{newBench(t), open}
	write(t, a.path("program"), string(self), 0o755)
	if err := errors.Join(os.Chown(open, 65534, 65534), os.Chown(a.path("program"), 65534, 65534), os.Chmod(open, 0o755)); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *arena) path(name string) string { return filepath.Join(a.open, name) }

// task returns a task that runs as the user nobody.
func (a *arena) task(mode Mode, text string) *Task {
	task := a.command(mode, text)
	task.User, task.Dir, task.ResultMax = "nobody", a.open, 1000
	return task
}

// role returns a task that plays a role as the user nobody.
func (a *arena) role(mode Mode, role string) *Task {
	task := a.task(mode, "")
	task.Action = &Command{Argv: []string{a.path("program")}}
	task.Env = map[string]string{roleVariable: role}
	return task
}

// other runs a task of rota's own user, which must not be affected.
func (a *arena) other(key string) {
	a.t.Helper()
	a.launch(a.command(Threaded, "true"), key)
	if r := a.end(); r.Outcome != OK {
		a.t.Fatalf("another task: %+v", r)
	}
}

// own makes a file of root that no other user can read.
func (a *arena) own() string {
	path := filepath.Join(a.dir, "shadow")
	write(a.t, path, "SECRET=of-root\n", 0o600)
	return path
}

func eachForkMode(t *testing.T, f func(t *testing.T, mode Mode)) {
	for _, mode := range []Mode{Threaded, Forked} {
		t.Run(string(mode), func(t *testing.T) { f(t, mode) })
	}
}

// The files of a task are opened with the rights of its user: a link leads to
// nothing that the user could not read.
func TestLinksOfAUserLeadNowhere(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		shadow := a.own()
		link := a.path("link")
		if err := os.Symlink(shadow, link); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*Task){
			"env_file":      func(t *Task) { t.EnvFile = link },
			"secret":        func(t *Task) { t.Secrets = map[string]string{"K": "file:" + link} },
			"template_file": func(t *Task) { t.Action = &Write{Path: a.path("out"), TemplateFile: link} },
			"body_file":     func(t *Task) { t.Action = &HTTP{URL: "http://127.0.0.1:1/", Method: "POST", BodyFile: link} },
			"write":         func(t *Task) { t.Action = &Write{Path: filepath.Join(a.dir, "new"), Text: "x"} },
			"append":        func(t *Task) { t.Action = &Write{Path: link, Text: "x", Append: true} },
			"clean":         func(t *Task) { t.Action = &Clean{Path: a.dir, OlderThan: 1} },
			"dir":           func(t *Task) { t.Dir = a.dir },
			"program":       func(t *Task) { t.Action = &Command{Argv: []string{link}} },
		} {
			task := a.task(mode, `env`)
			change(task)
			run := a.launch(task, strings.ReplaceAll(name, "_", "-"))
			if r := a.end(); r.Outcome != Failed || strings.Contains(r.Error+r.Why, "of-root") {
				t.Errorf("%s: %+v", name, r)
			}
			if log := a.logOrNone(run); strings.Contains(log, "of-root") {
				t.Errorf("%s: %s", name, log)
			}
		}
		if text, err := os.ReadFile(shadow); err != nil || string(text) != "SECRET=of-root\n" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

// An env_file of a user has no effect on rota's own processes, not even on the one that
// becomes the program.
func TestEnvironmentOfAUserIsForTheProgramAlone(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		fifo, library, seen := a.path("fifo"), a.path("evil.so"), a.path("seen")
		source := filepath.Join(a.dir, "evil.c")
		write(t, source, `#include <stdio.h>
			#include <unistd.h>
			__attribute__((constructor)) static void f(void) { FILE *s = fopen("`+seen+`", "a"); if (s) { fprintf(s, "%d\n", getuid()); fclose(s); } }`, 0o600)
		if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := unix.Mkfifo(fifo, 0o666); err != nil {
			t.Fatal(err)
		}
		write(t, a.path("vars"), "LD_PRELOAD="+library+"\nTZ="+fifo+"\nZONEINFO="+fifo+"\nGODEBUG=inittrace=1\n", 0o644)
		task := a.task(mode, "true")
		task.EnvFile, task.Umask = a.path("vars"), 0o077
		a.launch(task, "k")
		if r := a.end(); r.Outcome != OK {
			t.Errorf("%+v", r)
		}
		uids, _ := os.ReadFile(seen)
		for _, uid := range strings.Fields(string(uids)) {
			if uid != "65534" {
				t.Errorf("code of nobody ran as user %s", uid)
			}
		}
		if len(uids) == 0 {
			t.Error("the library was not loaded at all: the test shows nothing")
		}
	})
}

// A lease on a program delays its own start alone.
func TestLeaseDelaysNobodyElse(t *testing.T) {
	for _, user := range []string{"nobody", ""} {
		t.Run("as "+user, func(t *testing.T) {
			a := newArena(t)
			program := a.path("leased")
			write(t, program, "#!/bin/sh\n", 0o755)
			if err := os.Chown(program, 65534, 65534); err != nil {
				t.Fatal(err)
			}
			holder := exec.Command(a.path("program"))
			holder.Dir = "/"
			holder.Env = []string{roleVariable + "=lease", "LEASED=" + program}
			holder.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			said, err := holder.StdoutPipe()
			if err == nil {
				err = holder.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = holder.Process.Kill(); _ = holder.Wait() }()
			if line, _ := io.ReadAll(io.LimitReader(said, 5)); string(line) != "held\n" {
				t.Fatalf("the lease: %q", line)
			}
			task := a.task(Threaded, "")
			task.User, task.Timeout = user, 2*time.Second
			task.Action = &Command{Argv: []string{program}}
			leased := a.launch(task, "leased")
			for i := range 20 {
				a.other(strconv.Itoa(i))
			}
			if r := a.end(); r.Outcome != TimedOut {
				t.Errorf("%s: %+v", leased.ID, r)
			}
		})
	}
}

// leaseRole holds a write lease on a file and ignores the signal that asks to give it up.
func leaseRole() int {
	f, err := os.OpenFile(os.Getenv("LEASED"), os.O_RDWR, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	select {}
}

// Every task has a session of its own, without a terminal, and one that runs as a
// user has a session keyring of its own.
func TestSessionOfATask(t *testing.T) {
	for _, mode := range []Mode{Threaded, Sequential, Forked} {
		a := newArena(t)
		run := a.launch(a.task(mode, `read -r pid comm state ppid pgrp session tty rest </proc/self/stat; echo $((pid == session)) $tty`), "k")
		if r := a.end(); r.Outcome != OK || a.log(run) != "1 0\n" {
			t.Errorf("%s: %+v, %q", mode, r, a.log(run))
		}
		rings := map[string]bool{}
		for i := range 2 {
			run := a.launch(a.role(mode, "keyring"), fmt.Sprint("ring", i))
			if r := a.end(); r.Outcome != OK {
				t.Fatalf("%s: %+v", mode, r)
			}
			rings[a.log(run)] = true
		}
		own, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
		if err == nil && rings[fmt.Sprintln(own)] || len(rings) != 2 {
			t.Errorf("%s: %v, and %d of rota", mode, rings, own)
		}
	}
}

func keyringRole() int {
	id, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(id)
	return 0
}

// A FIFO or a device in the place of a file is refused, whichever user the task runs as.
func TestWhatIsNoFileIsRefused(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		fifo := filepath.Join(a.dir, "fifo")
		theirs := a.path("fifo")
		if err := errors.Join(unix.Mkfifo(fifo, 0o600), unix.Mkfifo(theirs, 0o600), os.Chown(theirs, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			user, path string
		}{{"", fifo}, {"nobody", theirs}, {"", "/dev/zero"}, {"nobody", "/dev/zero"}} {
			for j, change := range []func(*Task){
				func(t *Task) { t.EnvFile = c.path },
				func(t *Task) { t.Secrets = map[string]string{"K": "file:" + c.path} },
				func(t *Task) { t.Action = &Command{Argv: []string{c.path}} },
				func(t *Task) { t.Dir = c.path },
			} {
				task := a.task(mode, "true")
				task.User = c.user
				change(task)
				a.launch(task, fmt.Sprintf("k%d-%d", i, j))
				if r := a.end(); r.Outcome != Failed || !strings.HasPrefix(r.Why, "could not start: ") {
					t.Errorf("%q, %s, %d: %+v", c.user, c.path, j, r)
				}
			}
		}
	})
}

// Root's tasks read no env_file and no secret that others can change, or can
// exchange on the way.
func TestFilesOfRootsTasks(t *testing.T) {
	a := newArena(t)
	theirs, open := a.path("theirs"), filepath.Join(a.dir, "open")
	write(t, theirs, "A=1\n", 0o600)
	write(t, open, "A=1\n", 0o600)
	if err := errors.Join(os.Chown(theirs, 65534, 65534), os.Chmod(open, 0o660), os.Chown(open, 0, 65534)); err != nil {
		t.Fatal(err)
	}
	inTheirs := a.path("mine")
	write(t, inTheirs, "A=1\n", 0o600) // of root, in a directory of the user nobody
	for i, path := range []string{theirs, open, inTheirs} {
		for j, change := range []func(*Task){
			func(t *Task) { t.EnvFile = path },
			func(t *Task) { t.Secrets = map[string]string{"K": "file:" + path} },
		} {
			task := a.command(Threaded, "true")
			change(task)
			a.launch(task, fmt.Sprintf("k%d-%d", i, j))
			if r := a.end(); r.Outcome != Failed || !strings.Contains(r.Error, filepath.Dir(path)) {
				t.Errorf("%s, %d: %+v", path, j, r)
			}
			a.o.Trust = true
			a.launch(task, fmt.Sprintf("t%d-%d", i, j))
			if r := a.end(); r.Outcome != OK {
				t.Errorf("%s, %d, trusted: %+v", path, j, r)
			}
			a.o.Trust = false
		}
	}
}

// A mount that does not answer costs the runs that need it, each at its time-out,
// and nothing else.
func TestHungMount(t *testing.T) {
	a := newArena(t)
	mount := a.path("mount")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	hungtest.Mount(t, mount)
	file := filepath.Join(mount, "file")
	if err := os.Symlink(file, a.path("away")); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, user := range []string{"", "nobody"} {
		for _, mode := range []Mode{Threaded, Forked} {
			for _, change := range []func(*Task){
				func(t *Task) { t.Action = &Command{Argv: []string{file}} },
				func(t *Task) {
					t.Action, t.Dir = &Command{Argv: []string{"away"}}, "/"
					t.Env = map[string]string{"PATH": a.open + ":/usr/bin"}
				},
				func(t *Task) { t.Dir = mount },
				func(t *Task) { t.EnvFile = file },
				func(t *Task) { t.Secrets = map[string]string{"K": "file:" + file} },
				func(t *Task) { t.Action = &Write{Path: file, Text: "x"} },
			} {
				task := a.task(mode, "true")
				task.User, task.Timeout = user, time.Second
				change(task)
				n++
				a.launch(task, fmt.Sprint("hung", n))
			}
		}
	}
	for range n {
		if r := a.end(); r.Outcome != TimedOut {
			t.Errorf("%+v", r)
		}
	}
	a.other("other")
	for _, user := range []string{"", "nobody"} {
		task := a.task(Threaded, "true")
		task.User = user
		task.Action = &Command{Argv: []string{file}}
		run := a.launch(task, "stopped"+user)
		a.Kill(run.ID)
		a.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
		if r := a.end(); r.Outcome != Cancelled {
			t.Errorf("%+v", r)
		}
	}
	task := a.task(Threaded, "true")
	task.Action, task.Dir = &Command{Argv: []string{"away"}}, "/"
	task.Env = map[string]string{"PATH": a.open}
	if found := HostProblems(*task, false); len(found) != 1 || !strings.Contains(found[0].Msg, "did not answer") {
		t.Errorf("%+v", found)
	}
	task = a.task(Threaded, "true")
	task.Dir, task.EnvFile = mount, file
	if found := HostProblems(*task, false); len(found) != 1 || !strings.Contains(found[0].Msg, "did not answer") {
		t.Errorf("%+v", found)
	}
}

// A process that was left behind and makes directories where the result was does
// not keep its run from ending.
func TestLeftoverBesideTheResult(t *testing.T) {
	for _, user := range []string{"nobody", ""} {
		eachForkMode(t, func(t *testing.T, mode Mode) {
			a := newArena(t)
			task := a.task(mode, `echo $$ >"$ROTA_RESULT_FILE"
				(i=0; while [ -e `+a.path("program")+` ]; do i=$((i+1)); mkdir -p "$ROTA_RESULT_FILE.d/$i/a/b" 2>/dev/null || exit; done) >/dev/null 2>&1 &
				until [ -e "$ROTA_RESULT_FILE.d/50" ]; do sleep 0.01; done`)
			task.User, task.Timeout = user, 20*time.Second
			run := a.launch(task, "k")
			r := a.end()
			if r.Outcome != OK || !strings.Contains(r.Why, "left behind") {
				t.Errorf("%+v", r)
			}
			os.Remove(a.path("program"))
			process.Attempt{StateDir: a.dir, Run: run.ID, Number: 1}.Clear(process.UserID(user), process.Termination{Signal: unix.SIGKILL, Grace: time.Second})
			process.AwaitWipes()
		})
	}
}

// Files that a task moved beside its result are removed as far as its user could do that:
// no file of another user, in a directory of that user.
func TestMovedBesideTheResult(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		shared, err := os.MkdirTemp("/run", "rota-test-") // on the file system of the result
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(shared)
		file := filepath.Join(shared, "project", "of-others", "file")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.Chmod(shared, 0o777), os.Chmod(filepath.Join(shared, "project"), 0o777)); err != nil {
			t.Fatal(err)
		}
		write(t, file, "dear to others\n", 0o644)
		task := a.task(mode, `echo "$ROTA_RESULT_FILE" && mv `+filepath.Join(shared, "project")+` "${ROTA_RESULT_FILE%/*}/moved"`)
		run := a.launch(task, "k")
		if r := a.end(); r.Outcome != OK {
			t.Fatalf("%+v", r)
		}
		process.AwaitWipes()
		_, result, _ := strings.Cut(strings.TrimSpace(a.log(run)), "/")
		beside := filepath.Dir("/" + result)
		defer os.RemoveAll(filepath.Dir(beside))
		if _, err := os.Stat(filepath.Join(beside, "moved", "of-others", "file")); err != nil {
			t.Errorf("a file of others is gone: %v", err)
		}
	})
}

// A process that only says in its environment that it is of a run, whose id anybody
// may guess, does not keep the run from ending.
func TestFeignedMember(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		task := a.command(mode, "setsid sleep 60 & echo ready; sleep 60")
		task.Timeout, task.KillAfter = time.Second, 20*time.Second
		run := Run{ID: "t/known", Task: "t", Cause: CauseSchedule, State: Running, Started: time.Now(), Scheduled: time.Unix(1e9, 0), Attempts: 1}
		feigned := exec.Command("/bin/sh", "-c", `trap "" TERM; while :; do sleep 0.2; done`)
		feigned.Env = []string{"PATH=/usr/bin:/bin", "ROTA_RUN=" + run.ID, "ROTA_STATE_DIR=" + a.dir, "ROTA_TOKEN=guessed"}
		feigned.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := feigned.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = feigned.Process.Kill(); _ = feigned.Wait() }()
		a.Start(t.Context(), Launch{Run: run, Task: task, Token: "of-this-attempt"})
		if r := a.end(); r.Outcome != TimedOut || strings.Contains(r.Why, "alive") {
			t.Errorf("%+v", r)
		}
		if !alive(feigned.Process.Pid) {
			t.Error("it was killed as one of the run")
		}
		a.nothingLives(run)
	})
}

// A process that a task started without the variables of the run belongs to its run: also
// in a session of its own as long as it descends from the run, and after that by the
// other variables.
func TestMembersWithoutVariables(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		for name, text := range map[string]string{
			"child": `setsid env -i /bin/sh -c 'echo $$ >%[1]s; while [ -e %[1]s ]; do sleep 0.05; done' &
				wait`,
			"grandchild": `setsid env -i /bin/sh -c '/usr/bin/setsid /bin/sh -c "echo \$\$ >%[1]s; while [ -e %[1]s ]; do sleep 0.05; done" & wait' &
				wait`,
			"of a session of its own": `setsid env -i /bin/sh -c '(/bin/sh -c "echo \$\$ >%[1]s; while [ -e %[1]s ]; do sleep 0.05; done" &) ; sleep 60' &
				wait`,
			"without a token": `unset ROTA_TOKEN ROTA_RESULT_FILE ROTA_STOP_FILE
				(setsid /bin/sh -c 'echo $$ >%[1]s; while [ -e %[1]s ]; do sleep 0.05; done' &)
				sleep 60`,
		} {
			t.Run(name, func(t *testing.T) {
				a := newArena(t)
				pid := a.path("pid")
				task := a.task(mode, fmt.Sprintf(text, pid))
				task.KillAfter = 20 * time.Second
				run := Run{ID: "t/known", Task: "t", User: "nobody", Cause: CauseSchedule, State: Running, Started: time.Now(), Scheduled: time.Unix(1e9, 0), Attempts: 1}
				a.Start(t.Context(), Launch{Run: run, Task: task, Token: "of-this-attempt"})
				awaitFile(t, pid)
				line, err := os.ReadFile(pid)
				if err != nil {
					t.Fatal(err)
				}
				member, err := strconv.Atoi(strings.TrimSpace(string(line)))
				if err != nil {
					t.Fatal(err)
				}
				a.Stop(NewEnd(run.ID, Cancelled, Reason{}))
				if r := a.end(); r.Outcome != Cancelled {
					t.Errorf("%+v", r)
				}
				if alive(member) {
					t.Errorf("process %d is still alive", member)
					_ = syscall.Kill(member, syscall.SIGKILL)
				}
			})
		}
	})
}

// A process whose first thread has ended, and which ignores TERM, is ended all the
// same.
func TestStopWithoutTheFirstThread(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		task := a.role(mode, noFirstThread)
		task.Env["STARTED"], task.KillAfter = a.path("started"), impatience
		run := a.launch(task, "k")
		awaitFile(t, a.path("started"))
		a.Stop(NewEnd(run.ID, Cancelled, Reason{}))
		if r := a.end(); r.Outcome != Cancelled || strings.Contains(r.Why, "alive") {
			t.Errorf("%+v", r)
		}
	})
}

// noFirstThread is a role that has to begin here, on the first thread.
const noFirstThread = "no first thread"

func init() {
	if os.Getenv(roleVariable) != noFirstThread {
		return
	}
	signal.Ignore(syscall.SIGTERM)
	go func() {
		for until := time.Now().Add(5 * time.Minute); time.Now().Before(until); {
			stat, _ := os.ReadFile("/proc/self/stat")
			if strings.Contains(string(stat), ") Z ") {
				_ = os.WriteFile(os.Getenv("STARTED"), []byte("x"), 0o600)
			}
			<-time.After(10 * time.Millisecond)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}()
	_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

// rota empties no directory that somebody put in the place of one that has gone.
func TestExchangeThatHasGone(t *testing.T) {
	a := newArena(t)
	task := a.task(Threaded, `dir=$(dirname $(dirname "$ROTA_RESULT_FILE")); echo $dir; until [ -e go ]; do sleep 0.01; done`)
	run := a.launch(task, "k")
	var dir string
	for until := time.Now().Add(2 * time.Minute); dir == "" && time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		dir = strings.TrimSpace(a.logOrNone(run))
	}
	if !strings.HasPrefix(dir, "/run/rota/") {
		t.Fatalf("the exchange is at %q", dir)
	}
	victim := filepath.Join(a.dir, "victim")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(victim, "own"), 0o755), os.Symlink(victim, dir)); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	precious := filepath.Join(victim, "own", "precious")
	write(t, precious, "x", 0o600)
	write(t, filepath.Join(victim, "stop"), "x", 0o600)
	write(t, a.path("go"), "x", 0o644)
	if r := a.end(); r.Outcome != OK {
		t.Errorf("%+v", r)
	}
	process.AwaitWipes()
	for _, path := range []string{precious, filepath.Join(victim, "stop")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// pty makes a terminal.
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	master, slave = os.NewFile(uintptr(fd), "master"), os.NewFile(peer, "slave")
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}

// A task of another user that root runs in a terminal gets none of it: it cannot
// type into it, and has nothing else that rota had open.
func TestExecInATerminal(t *testing.T) {
	a := newArena(t)
	master, slave := pty(t)
	extra, err := os.Open(a.own())
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=exec", "STATE="+a.dir, "PROGRAM="+a.path("program"), "ROLE=type")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.ExtraFiles = []*os.File{extra}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		typed := false
		for !strings.Contains(shown.String(), "done") {
			n, err := master.Read(buf)
			shown.Write(buf[:n])
			if strings.Contains(shown.String(), "your name? ") && !typed {
				typed = true
				_, _ = master.Write([]byte("ann\r"))
			}
			if err != nil {
				return
			}
		}
	}()
	err = cmd.Wait()
	_ = master.SetReadDeadline(time.Now().Add(5 * time.Second))
	<-read
	said := shown.String()
	if err != nil || !strings.Contains(said, "hello ann") || !strings.Contains(said, "uid 65534") {
		t.Errorf("%v, %q", err, said)
	}
	// Input for the task is not left in the queue of the outer terminal.
	waiting, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ)
	if err != nil || waiting != 0 {
		t.Errorf("%d bytes were typed into rota's terminal, %v", waiting, err)
	}
	if strings.Contains(said, "open: 3") {
		t.Errorf("a descriptor was passed on: %q", said)
	}
}

// Input that a task does not read prevents exec neither from ending nor from restoring
// the terminal; also if only its output is a terminal.
func TestExecOfATaskThatDoesNotRead(t *testing.T) {
	a := newArena(t)
	for _, typing := range []bool{true, false} {
		master, slave := pty(t)
		before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleVariable+"=exec", "STATE="+a.dir, "PROGRAM="+a.path("program"), "ROLE=unread")
		cmd.Stdout, cmd.Stderr = slave, slave
		if typing {
			cmd.Stdin = slave
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var shown bytes.Buffer
		read := make(chan struct{})
		go func() {
			defer close(read)
			buf := make([]byte, 4096)
			for typed := false; ; {
				n, err := master.Read(buf)
				shown.Write(buf[:n])
				if err != nil {
					return
				}
				if typing && !typed && strings.Contains(shown.String(), "started") {
					typed = true
					go func() { _, _ = master.Write(bytes.Repeat([]byte("text\n"), 40000)) }()
				}
			}
		}()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err = <-ended:
		case <-time.After(2 * time.Minute):
			_ = cmd.Process.Kill()
			err = errors.New("exec does not end")
		}
		after, err2 := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		_ = master.SetDeadline(time.Now().Add(100 * time.Millisecond))
		<-read
		if err != nil || err2 != nil || *after != *before {
			t.Errorf("typing %t: %v, %v, the terminal is %+v, was %+v", typing, err, err2, after, before)
		}
		if !strings.Contains(shown.String(), "started\r\n") || strings.Contains(shown.String(), "\r\r") {
			t.Errorf("typing %t: %q", typing, shown.String())
		}
	}
}

// unreadRole reads nothing.
func unreadRole() int {
	fmt.Println("started")
	time.Sleep(time.Second) // time itself is the subject
	return 0
}

// execRole is root that runs a task of the user nobody in its terminal.
func execRole() int {
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	task := &Task{
		Name: "t", Action: &Command{Argv: []string{os.Getenv("PROGRAM")}},
		Policy:  Policy{Mode: Threaded, KillAfter: time.Second, StopSignal: "TERM", SuccessExit: []int{0}},
		Process: Process{User: "nobody", Dir: "/", Umask: 0o022, Env: map[string]string{roleVariable: os.Getenv("ROLE")}},
	}
	r := Exec(context.Background(), task, os.Getenv("STATE"), false, io.Discard)
	fmt.Printf("done %s %s\n", r.Outcome, r.Why)
	return 0
}

// typeRole tries to type into every terminal that it can reach but its own.
func typeRole() int {
	fmt.Print("your name? ")
	var name string
	_, _ = fmt.Scanln(&name)
	fmt.Printf("hello %s, uid %d\n", name, os.Getuid())
	text := []byte("touch /tmp/owned\n")
	for fd := range 3 {
		for i := range text {
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSTI, uintptr(unsafe.Pointer(&text[i])))
		}
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasSuffix(to, "shadow") {
			fmt.Println("open: 3", to)
		}
	}
	return 0
}

// A script is a file of the task's user that no other user can read or change, and it is
// removed after the run.
func TestScriptOfAUser(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		for user, owner := range map[string]string{"": strconv.Itoa(os.Geteuid()), "nobody": "65534"} {
			task := a.task(mode, "#!/bin/sh -e\necho \"$# $0\"\nstat -c '%a %u' \"$0\"\ncat\n")
			task.User, task.Stdin = user, "input"
			run := a.launch(task, "script"+user)
			if r := a.end(); r.Outcome != OK {
				t.Fatalf("%q: %+v", user, r)
			}
			words := strings.Fields(a.log(run))
			if len(words) != 5 || words[0] != "0" || words[2] != "700" || words[3] != owner || words[4] != "input" {
				t.Fatalf("%q: %q", user, words)
			}
			if _, err := os.Lstat(words[1]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: %s is still there: %v", user, words[1], err)
			}
		}
	})
}

// A notification can be a script, too: it is of no run.
func TestScriptThatTells(t *testing.T) {
	newBench(t)
	var out strings.Builder
	in := Input{Process: Process{Shell: []string{"/bin/sh", "-c"}, Dir: "/", Umask: 0o022}, Stdin: "input"}
	if err := Notify(t.Context(), &Command{Text: "#!/bin/sh\necho \"$0\"; cat"}, in, &out); err != nil {
		t.Fatal(err)
	}
	path, rest, _ := strings.Cut(out.String(), "\n")
	if _, err := os.Lstat(path); rest != "input" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q, %v", out.String(), err)
	}
}
