package runner

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/runlog"
)

// unstamp takes the time off each line of a log.
func unstamp(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, " ")
		b.WriteString(rest)
	}
	return b.String()
}

// eachMode runs a test in every mode: what a command means does not depend on it.
func eachMode(t *testing.T, f func(t *testing.T, b *bench, mode Mode)) {
	for _, mode := range []Mode{Threaded, Sequential, Forked} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			f(t, newBench(t), mode)
		})
	}
}

func TestOutcomes(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		for _, c := range []struct {
			text    string
			change  func(*Task)
			outcome Outcome
			why     string
			exit    int // -1: none
			signal  string
			err     string
		}{
			{"echo hi", nil, OK, "", 0, "", ""},
			{"echo oops >&2; exit 3", nil, Failed, "exit 3", 3, "", "oops"},
			{"exit 3", func(t *Task) { t.SuccessExit = []int{0, 3} }, OK, "", 3, "", ""},
			{"exit 0", func(t *Task) { t.SuccessExit = []int{3} }, Failed, "exit 0", 0, "", ""},
			{"kill -SEGV $$", nil, Failed, "killed by SEGV", -1, "SEGV", ""},
			{"no-such-program", nil, Failed, "exit 127", 127, "", "not found"},
			{"", func(t *Task) { t.Action = &Command{Argv: []string{"no-such-program"}} }, Failed, `could not start: no program "no-such-program" in PATH=`, -1, "", "no program"},
			{"", func(t *Task) { t.Action = &Command{Argv: []string{"/etc/passwd"}} }, Failed, "could not start: /etc/passwd: permission denied", -1, "", "denied"},
			{"true", func(t *Task) { t.Dir = "/no/such/dir" }, Failed, "could not start: dir: /no/such/dir: no such file or directory", -1, "", "no such"},
			{"true", func(t *Task) { t.User = "nobody-here" }, Failed, `could not start: no user "nobody-here" on this machine`, -1, "", "nobody-here"},
			{"true", func(t *Task) { t.Secrets = map[string]string{"KEY": "file:/no/such/key"} }, Failed, "could not start: secret KEY: open /no/such/key", -1, "", "/no/such/key"},
			{"sleep 60", func(t *Task) { t.Timeout = 50 * time.Millisecond }, TimedOut, "after 50ms", -1, "", ""},
			{"sleep 61", func(t *Task) { t.Timeout, t.TimeoutOK = 50*time.Millisecond, true }, OK, "stopped at its time-out of 50ms", -1, "", ""},
			{"exit 5", func(t *Task) { t.Timeout, t.TimeoutOK = time.Hour, true }, Failed, "exit 5", 5, "", ""},
		} {
			task := b.command(mode, c.text)
			if c.change != nil {
				c.change(task)
			}
			b.launch(task, fmt.Sprintf("%x", c.text+c.why))
			r := b.end()
			if r.Outcome != c.outcome || !strings.HasPrefix(r.Why, c.why) || r.Signal != c.signal || !strings.Contains(r.Error, c.err) {
				t.Errorf("%q: got %+v; want %+v", c.text, r, c)
			}
			if (c.exit < 0) != (r.Exit == nil) || r.Exit != nil && *r.Exit != c.exit {
				t.Errorf("%q: exit %v, want %d", c.text, r.Exit, c.exit)
			}
		}
	})
}

// stubborn starts processes that do not want to die: in the foreground, in the
// background, and one that left the session; each writes its id to a file.
const stubborn = `
trap '' TERM
(trap '' TERM; echo $$ >>pids; sh -c 'echo $$ >>pids; trap "" TERM; while :; do sleep 1; done') &
setsid sh -c 'echo $$ >>pids; trap "" TERM; while :; do sleep 1; done' &
echo $$ >>pids
while :; do sleep 1; done`

func TestTimeOutLeavesNothing(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		var run Run
		var pids []string
		for timeout := 700 * time.Millisecond; len(pids) < 4; timeout *= 2 { // until all of them have started before its end
			pidFile := filepath.Join(b.dir, "pids")
			_ = os.Remove(pidFile)
			task := b.command(mode, stubborn)
			task.Timeout, task.KillAfter = timeout, impatience
			run = b.launch(task, "k"+timeout.String())
			r := b.end()
			if r.Outcome != TimedOut || r.Why != "after "+timeout.String() {
				t.Fatalf("got %+v, want timeout", r)
			}
			text, _ := os.ReadFile(pidFile)
			pids = strings.Fields(string(text))
		}
		for _, pid := range pids {
			n, _ := strconv.Atoi(pid)
			if alive(n) {
				t.Errorf("process %d is still alive", n)
			}
		}
		b.nothingLives(run)
	})
}

// A shim that somebody has stopped, as a debugger does, is no way to escape a stop.
func TestStoppedShim(t *testing.T) {
	for name, kill := range map[string]bool{"stop": false, "stop --kill": true} {
		b := newBench(t)
		task := b.command(Forked, "trap '' TERM; echo up >up; while :; do sleep 0.01; done")
		task.KillAfter = impatience
		run := b.launch(task, "k")
		awaitFile(t, filepath.Join(b.dir, "up"))
		b.signalShim(run, syscall.SIGSTOP)
		b.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
		if kill {
			b.Kill(run.ID)
		}
		if r := b.end(); r.Outcome != Cancelled {
			t.Errorf("%s: %+v", name, r)
		}
		b.nothingLives(run)
	}
}

func TestStopSignalIsHeard(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, `trap 'echo bye; exit 0' INT; echo up >up; while :; do sleep 0.01; done`)
		task.StopSignal, task.KillAfter = "INT", 10*time.Second
		run := b.launch(task, "k")
		awaitFile(t, filepath.Join(b.dir, "up"))
		if !b.Stop(NewEnd(run.ID, Cancelled, TextReason("enough"))) {
			t.Fatal("there is no such run")
		}
		if r := b.end(); r.Outcome != Cancelled || r.Why != "enough" {
			t.Errorf("got %+v, want cancelled (enough)", r)
		}
		if got := b.log(run); got != "bye\n" {
			t.Errorf("output %q, want bye", got)
		}
	})
}

// A shutdown first asks runs to stop, by a file. A run that then ends by itself has its
// own outcome, also during its kill_after if no signal was sent; one that does not is
// lost.
func TestAskAll(t *testing.T) {
	const asked = `echo up >up.$1; until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; `
	for _, test := range []struct {
		name, text, signal string
		stop               bool // it comes to the end of shutdown_grace
		want               Outcome
		why                string
	}{
		{"ends well", asked + "echo bye", "TERM", false, OK, ""},
		{"ends badly", asked + "exit 3", "TERM", false, Failed, "exit 3"},
		{"without a signal, late", asked + "until [ -e go ]; do sleep 0.01; done", "none", true, OK, ""},
		{"without a signal, late and badly", asked + "until [ -e go ]; do sleep 0.01; done; exit 3", "none", true, Failed, "exit 3"},
		{"interrupted", "trap 'exit 0' TERM; " + asked + "while :; do sleep 0.01; done", "TERM", true, Lost, "rota stopped"},
	} {
		b := newBench(t)
		task := b.command(Threaded, strings.ReplaceAll(test.text, "$1", "here"))
		task.StopSignal, task.KillAfter = test.signal, 20*time.Second
		b.launch(task, "here")
		awaitFile(t, filepath.Join(b.dir, "up.here"))
		b.AskAll()
		b.AskAll()
		if test.stop {
			b.StopAll(Lost, Reason{Code: ReasonRotaStopped})
			write(t, filepath.Join(b.dir, "go"), "", 0o600)
		}
		if r := b.end(); r.Outcome != test.want || r.Why != test.why {
			t.Errorf("%s: %s (%s), want %s (%s)", test.name, r.Outcome, r.Why, test.want, test.why)
		}
	}
}

// Also without a signal, a run that a user stops has the outcome of that request. A
// forked run is not asked to stop: it continues without rota.
func TestAskAllAndOthers(t *testing.T) {
	const asked = `echo up >up; until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done`
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, asked)
		task.StopSignal, task.KillAfter = "none", 20*time.Second
		run := b.launch(task, "k")
		awaitFile(t, filepath.Join(b.dir, "up"))
		if mode == Forked {
			b.AskAll()
		}
		b.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
		if r := b.end(); r.Outcome != Cancelled {
			t.Errorf("%+v", r)
		}
	})
}

func TestRunEndsWithItsProcess(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		run := b.launch(b.command(mode, "sleep 600 & echo $! >pid; echo hi"), "k")
		r := b.end()
		text, _ := os.ReadFile(filepath.Join(b.dir, "pid"))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
		if !alive(pid) {
			t.Error("the run waited for its background process, or ended it")
		}
		// Perhaps it has not come to be sleep yet.
		if r.Outcome != OK || r.Why != fmt.Sprintf("left behind: sleep (%d)", pid) && r.Why != fmt.Sprintf("left behind: sh (%d)", pid) {
			t.Errorf("got %+v, want ok, and the process left behind named", r)
		}
		if got := b.log(run); got != "hi\n" {
			t.Errorf("output %q, want hi", got)
		}
		if !alive(pid) {
			t.Errorf("what a run leaves at its normal end must stay alive")
		}
	})
}

// A background process may continue to write as long as the shim lives.
func TestBackgroundWriterSurvives(t *testing.T) {
	b := newBench(t)
	b.launch(b.command(Threaded, `(while [ ! -e go ]; do sleep 0.01; done; echo late && echo alive >done) & echo hi`), "k")
	if r := b.end(); r.Outcome != OK {
		t.Fatalf("got %+v", r)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, filepath.Join(b.dir, "done"))
}

func TestEveryLineOfStderrIsKept(t *testing.T) {
	for _, user := range []string{"", "nobody"} {
		if user != "" && os.Getuid() != 0 {
			t.Skip("only root can switch users")
		}
		eachMode(t, func(t *testing.T, b *bench, mode Mode) {
			task := b.command(mode, `for i in $(seq 500); do echo $i >/dev/stderr; echo $i >&2; echo $i >/proc/self/fd/1; done`)
			task.User, task.Dir = user, "/"
			run := b.launch(task, "k")
			if r := b.end(); r.Outcome != OK {
				t.Fatalf("as %q: %+v", user, r)
			}
			if lines := strings.Count(b.log(run), "\n"); lines != 1500 {
				t.Errorf("as %q: %d lines, want 1500", user, lines)
			}
		})
	}
}

func TestSurroundings(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/secret")
	t.Setenv("ROTA_OUTER", "1")
	t.Setenv("INHERITED", "yes")
	t.Setenv("API_KEY_SOURCE", "sesame")
	for _, mode := range []Mode{Threaded, Sequential, Forked} {
		b := newBench(t)
		ten, nice := uint64(10), 5
		write(t, filepath.Join(b.dir, "vars"), "# comment\nexport A=file\nB='from file'\n\nC=file\n", 0o600)
		write(t, filepath.Join(b.dir, "key"), "open sesame\n", 0o600)
		write(t, filepath.Join(b.dir, "windows"), "\ufeffA=one\r\nB=two\r\n", 0o600)
		write(t, filepath.Join(b.dir, "windows-key"), "\ufeffsesame\r\n", 0o600)
		for i, c := range []struct {
			name, text, want string
			change           func(*Task)
		}{
			{"environment", `echo "$INHERITED,$NOTIFY_SOCKET,$ROTA_OUTER"`, "yes,,", nil},
			{"what the run is", `echo $ROTA_TASK $ROTA_RUN $ROTA_SCHEDULED $ROTA_ATTEMPT $ROTA_CAUSE "$ROTA_LAST_SUCCESS"`, "t t/K1 2001-09-09T01:46:40Z 1 schedule", nil},
			{"rota itself", `[ -x "$ROTA_EXE" ] && [ "$PATH" = "/bin:${ROTA_EXE%/*}" ] && echo found`, "found", func(t *Task) { t.Env = map[string]string{"PATH": "/bin"} }},
			{"rota itself, twice", `[ "$PATH" = "$PLACE" ] && echo found`, "found", func(t *Task) {
				exe, _ := os.Executable()
				place := filepath.Dir(exe) + ":/bin"
				t.Env = map[string]string{"PATH": place, "PLACE": place}
			}},
			{"no PATH", `echo "[$PATH]"`, "[]", func(t *Task) { t.Env = map[string]string{"PATH": ""} }},
			{"env_file < env < secrets < params", `echo $A $B $C $D $ROTA_PARAM_WHO`, "file from file env *** world", func(t *Task) {
				t.EnvFile, t.Env = filepath.Join(b.dir, "vars"), map[string]string{"C": "env", "D": "env"}
				t.Secrets, t.Params = map[string]string{"D": "file:" + filepath.Join(b.dir, "key")}, map[string]string{"who": "world"}
			}},
			{"a secret from the environment is not inherited", `echo "$K,$API_KEY_SOURCE"`, "***,", func(t *Task) {
				t.Secrets, t.DropEnv = map[string]string{"K": "env:API_KEY_SOURCE"}, []string{"API_KEY_SOURCE"}
			}},
			{"references in env, and nowhere else", `echo "$PATH" | grep -q ".:/opt/x/bin:${ROTA_EXE%/*}$" && echo "$A $B $C $D $E $F $ROTA_PARAM_WHO"`, "yes! ${A} $A file's  ${A ${A}", func(t *Task) {
				t.EnvFile = filepath.Join(b.dir, "vars")
				t.Env = map[string]string{
					"PATH": "${PATH}:/opt/x/bin", "A": "${INHERITED}!", "B": "$${A}", "C": "$A", "D": "${C}'s", "E": "${NO_SUCH}${API_KEY_SOURCE}", "F": "${A",
				}
				t.DropEnv, t.Params = []string{"API_KEY_SOURCE"}, map[string]string{"who": "${A}"}
			}},
			{"files of an editor of Windows", `printf %s "$A-$B-$(test "$K" = sesame && echo open)-" | od -An -c | tr -d ' \n'`, "one-two-open-", func(t *Task) {
				t.EnvFile = filepath.Join(b.dir, "windows")
				t.Secrets = map[string]string{"K": "file:" + filepath.Join(b.dir, "windows-key")}
			}},
			{"env_file may be absent", `echo ok`, "ok", func(t *Task) { t.EnvFile = "-/no/such/file" }},
			{"dir", `pwd`, "/usr", func(t *Task) { t.Dir = "/usr" }},
			{"directory of the file", `pwd`, b.dir, nil},
			{"stdin is empty", `cat; echo end`, "end", nil},
			{"stdin", `cat`, "some text", func(t *Task) { t.Stdin = "some text\n" }},
			{"shell", `test -n "$BASH_VERSION" && echo bash`, "bash", func(t *Task) { t.Shell = []string{"bash", "-c"} }},
			{"argv goes through no shell", "", "$HOME *", func(t *Task) { t.Action = &Command{Argv: []string{"echo", "$HOME", "*"}} }},
			{"umask", `umask`, "0077", func(t *Task) { t.Umask = 0o077 }},
			{"nice", `nice`, "5", func(t *Task) { t.Nice = &nice }},
			{"limits", `ulimit -n; ulimit -t; ulimit -c`, "10\n10\n0", func(t *Task) { t.Limits = Limits{Files: &ten, CPUTime: &ten, Core: new(uint64)} }},
			{"oom", `cat /proc/self/oom_score_adj`, "0", nil},
		} {
			task := b.command(mode, c.text)
			if c.change != nil {
				c.change(task)
			}
			run := b.launch(task, fmt.Sprintf("K%d", i))
			if r := b.end(); r.Outcome != OK {
				t.Errorf("%s, %s: %+v", mode, c.name, r)
			}
			if got := strings.TrimSpace(b.log(run)); got != c.want {
				t.Errorf("%s, %s: got %q, want %q", mode, c.name, got, c.want)
			}
		}
	}
}

func TestAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can switch users")
	}
	for _, umask := range []uint32{0o022, 0o027} { // with and without the setup process
		for _, mode := range []Mode{Threaded, Forked} {
			b := newBench(t)
			task := b.command(mode, `id -un; id -gn; id -Gn; echo $HOME $USER $LOGNAME "$INHERITED"; pwd`)
			task.User, task.Umask = "games", umask
			run := b.launch(task, "k")
			if r := b.end(); r.Outcome != OK {
				t.Fatalf("%+v", r)
			}
			want := "games\ngames\ngames\n/usr/games games games \n/usr/games\n"
			if got := b.log(run); got != want {
				t.Errorf("%s: got %q, want %q", mode, got, want)
			}
			task = b.command(mode, `id -un; id -gn; echo $0`)
			task.Group, task.Umask = "games", umask
			run = b.launch(task, "group")
			b.end()
			if got, want := b.log(run), "root\ngames\n/bin/sh\n"; got != want {
				t.Errorf("%s: group alone: got %q, want %q", mode, got, want)
			}
		}
	}
}

// A secret file that everyone may read is no secret.
func TestOpenSecretIsRefused(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "key")
	write(t, path, "x", 0o644)
	task := b.command(Threaded, "echo $KEY")
	task.Secrets = map[string]string{"KEY": "file:" + path}
	b.launch(task, "k")
	if r := b.end(); r.Outcome != Failed || !strings.Contains(r.Why, "chmod o= "+path) {
		t.Errorf("got %+v, want a failure that names the chmod", r)
	}
}

func TestRunsLeaveNoDescriptors(t *testing.T) {
	b := newBench(t)
	count := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	b.launch(b.command(Threaded, "true"), "warm")
	b.end()
	before := count()
	for i := range 100 {
		mode := Threaded
		if i%10 == 0 {
			mode = Forked
		}
		b.launch(b.command(mode, "echo hi"), strconv.Itoa(i))
	}
	for range 100 {
		b.end()
	}
	// The goroutines that follow forked runs end a little later.
	for until := time.Now().Add(2 * time.Minute); count() > before+5; <-time.After(5 * time.Millisecond) {
		if time.Now().After(until) {
			out, _ := exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", os.Getpid())).Output()
			t.Fatalf("%d descriptors, %d before:\n%s", count(), before, out)
		}
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); {
		if info, err := os.Lstat(path); err == nil && info.Size() > 0 {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("%s did not appear in time", path)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// Exec gives a built-in action the user that it has when it is forked.
func TestExecAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can switch users")
	}
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "out")
	task := &Task{Name: "t", Action: &Write{Path: path, Text: "x"}, Policy: Policy{Mode: Forked}, Process: Process{User: "nobody", Dir: "/", Base: dir, Umask: 0o022}}
	if r := Exec(t.Context(), task, dir, false, io.Discard); r.Outcome != OK {
		t.Fatalf("got %+v", r)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("the file belongs to root: the task ran as root")
	}
}

// The tail of the output in the error of a failed run shows no secret.
func TestErrorTextIsMasked(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		write(t, filepath.Join(b.dir, "key"), "sesame", 0o600)
		task := b.command(mode, `printf 'x=%s' "$KEY"; exit 3`)
		task.Secrets = map[string]string{"KEY": "file:" + filepath.Join(b.dir, "key")}
		b.launch(task, "k")
		if r := b.end(); r.Error != "x=***" {
			t.Errorf("error text %q", r.Error)
		}
	})
}

// A second slot does not shorten the grace of a run that is being replaced.
func TestStopTwiceKeepsTheGrace(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, `trap 'echo cleaning; while [ ! -e go ]; do sleep 0.01; done; echo clean; exit 0' TERM; echo up >up; while :; do sleep 0.01; done`)
		task.KillAfter = 20 * time.Second
		run := b.launch(task, "k")
		awaitFile(t, filepath.Join(b.dir, "up"))
		b.Stop(NewEnd(run.ID, Replaced, TextReason("replaced by t/2")))
		awaitLog := func(want string) {
			for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
				if text, _ := os.ReadFile(runlog.Store{StateDir: b.dir}.Log(run.ID, 1)); strings.Contains(string(text), want) {
					return
				}
			}
			t.Fatalf("no %q in the log", want)
		}
		awaitLog("cleaning")
		b.Stop(NewEnd(run.ID, Replaced, TextReason("replaced by t/3")))
		write(t, filepath.Join(b.dir, "go"), "x", 0o600)
		if r := b.end(); r.Outcome != Replaced || r.Why != "replaced by t/2" {
			t.Errorf("got %+v", r)
		}
		awaitLog("clean\n")
	})
}

// All lines of a forked run reach the echo, as long as it is read.
func TestForkedEchoIsWhole(t *testing.T) {
	b := newBench(t)
	b.launch(b.command(Forked, "seq 1 100000"), "k")
	if r := b.end(); r.Outcome != OK {
		t.Fatalf("got %+v", r)
	}
	for until := time.Now().Add(2 * time.Minute); ; <-time.After(5 * time.Millisecond) {
		b.mu.Lock()
		n, last := len(b.lines), ""
		if n > 0 {
			last = b.lines[n-1]
		}
		b.mu.Unlock()
		if n == 100000 && last == "100000" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d lines of 100000 came, the last %q", n, last)
		}
	}
}

func TestUserWithoutHome(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can switch users")
	}
	for _, umask := range []uint32{0o022, 0o027} { // with and without the setup process
		eachMode(t, func(t *testing.T, b *bench, mode Mode) {
			task := b.command(mode, "true")
			task.User, task.Umask = "nobody", umask
			b.launch(task, "k")
			const want = "could not start: the home of nobody: /nonexistent: no such file or directory; set dir"
			if r := b.end(); r.Why != want {
				t.Errorf("got %q, want %q", r.Why, want)
			}
		})
	}
}

// TestUserWithoutRoot runs itself as the user nobody if it is root, who may do
// everything.
func TestUserWithoutRoot(t *testing.T) {
	if os.Getuid() == 0 {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, "true")
		task.User, task.Dir = "root", "/"
		b.launch(task, "k")
		want := fmt.Sprintf("could not start: only root can run tasks as root; rota has user id %d", os.Getuid())
		if r := b.end(); r.Why != want {
			t.Errorf("got %q, want %q", r.Why, want)
		}
	})
}
