package runner

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/runlog"
)

// users are those a test runs tasks as: rota's own, and as root another one.
func users(t *testing.T) []string {
	if os.Getuid() != 0 {
		t.Log("only root can switch users: not tried as another one")
		return []string{""}
	}
	return []string{"", "games"}
}

// eachUser runs a test in every mode, as rota's own user and as another one.
// The temporary files are those of the test, where any user can go.
func eachUser(t *testing.T, f func(t *testing.T, b *bench, task func(text string) *Task)) {
	for _, user := range users(t) {
		temp, err := os.MkdirTemp("/tmp", "rota-test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(temp) })
		if err := os.Chmod(temp, 0o1777); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", temp)
		for _, mode := range []Mode{Threaded, Sequential, Forked} {
			t.Run(string(mode)+" "+user, func(t *testing.T) {
				b := newBench(t)
				f(t, b, func(text string) *Task {
					task := b.command(mode, text)
					task.ResultMax = 1000
					if task.User = user; user != "" {
						task.Dir = "/"
					}
					return task
				})
				b.nothingLeft(temp)
			})
		}
	}
}

// nothingLeft checks that runs have left nothing but their outputs and results, once what
// is removed in the background has gone.
func (b *bench) nothingLeft(temp string) {
	b.t.Helper()
	for _, pattern := range []string{b.dir + "/live/*", temp + "/rota-*"} {
		var left []string
		for until := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
			if left, _ = filepath.Glob(pattern); len(left) == 0 {
				break
			}
			if time.Now().After(until) {
				b.t.Fatalf("%d left, such as %s", len(left), left[0])
			}
		}
	}
}

// request starts a task as asked for.
func (b *bench) request(task *Task, l Launch) Run {
	l.Run.Task, l.Run.Cause, l.Run.State, l.Task = task.Name, CauseManual, Running, task
	if l.Run.ID == "" {
		l.Run.ID = task.Name + "/k"
	}
	l.Run.Attempts = max(1, l.Run.Attempts)
	b.Start(b.t.Context(), l)
	return l.Run
}

// result is what was kept of a run; "" if nothing was.
func (b *bench) result(run Run) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "logs", "t", strings.TrimPrefix(run.ID, "t/")+".result"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return string(text)
}

func TestResult(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		for _, c := range []struct {
			what, text string
			outcome    Outcome
			result     string
			why        string // "": nothing of results; else the error says it, too
		}{
			{"none", `true`, OK, "", ""},
			{"some", `printf 'one\0two' >"$ROTA_RESULT_FILE"`, OK, "one\x00two", ""},
			{"of a run that fails", `echo half >"$ROTA_RESULT_FILE"; echo oops; exit 3`, Failed, "half\n", ""},
			{"empty", `: >"$ROTA_RESULT_FILE"`, OK, "", ""},
			{"by rename", `echo new >"$ROTA_RESULT_FILE.part" && mv "$ROTA_RESULT_FILE.part" "$ROTA_RESULT_FILE"`, OK, "new\n", ""},
			{"as large as may be", `head -c 1000 /dev/zero >"$ROTA_RESULT_FILE"`, OK, strings.Repeat("\x00", 1000), ""},
			{"too large", `head -c 1001 /dev/zero >"$ROTA_RESULT_FILE"`, OK, "", "it has 1001 bytes or more, result_max is 1000"},
			{"huge, with holes", `truncate -s 1T "$ROTA_RESULT_FILE"`, OK, "", "result_max is 1000"},
			{"a symbolic link", `ln -s /etc/shadow "$ROTA_RESULT_FILE"`, OK, "", "it is a symbolic link"},
			{"a link to nothing", `ln -s /nowhere "$ROTA_RESULT_FILE"`, OK, "", "it is a symbolic link"},
			{"a hard link", `echo x >"$ROTA_RESULT_FILE"; ln "$ROTA_RESULT_FILE" "$ROTA_RESULT_FILE.too"`, OK, "", "it has another name"},
			{"a pipe", `mkfifo "$ROTA_RESULT_FILE"`, OK, "", "it is not a regular file"},
			{"a pipe that somebody writes to", `mkfifo "$ROTA_RESULT_FILE"; exec 9<>"$ROTA_RESULT_FILE"; echo x >&9; sleep 5 &`, OK, "", "it is not a regular file"},
			{"a directory", `mkdir -p "$ROTA_RESULT_FILE/in/side"; echo x >"$ROTA_RESULT_FILE/in/side/x"`, OK, "", "it is not a regular file"},
			{"unreadable", `echo x >"$ROTA_RESULT_FILE"; chmod 0 "$ROTA_RESULT_FILE"`, OK, "x\n", ""},
		} {
			if c.what == "unreadable" && os.Getuid() != 0 {
				continue
			}
			run := b.request(task(c.text), Launch{Run: Run{ID: "t/" + strings.ReplaceAll(c.what, " ", "-")}})
			r := b.end()
			if r.Outcome != c.outcome {
				t.Errorf("%s: %+v", c.what, r)
			}
			if got := b.result(run); got != c.result || r.Result != int64(len(c.result)) {
				t.Errorf("%s: kept %d bytes: %.50q, want %.50q", c.what, r.Result, got, c.result)
			}
			if (c.why == "") == strings.Contains(r.Why+r.Error, "no result") || !strings.Contains(r.Why, c.why) || !strings.Contains(r.Error, c.why) {
				t.Errorf("%s: why %q, error %q, want %q", c.what, r.Why, r.Error, c.why)
			}
		}
	})
}

// The result is that of the last attempt, and one that could not be kept is none.
func TestResultOfTheLastAttempt(t *testing.T) {
	b := newBench(t)
	task := b.command(Threaded, `[ $ROTA_ATTEMPT = 2 ] || echo $ROTA_ATTEMPT >"$ROTA_RESULT_FILE"`)
	task.ResultMax = 10
	for attempt, want := range map[int]string{1: "1\n", 2: "", 3: "3\n"} {
		run := b.request(task, Launch{Run: Run{Attempts: attempt}})
		if r := b.end(); r.Result != int64(len(want)) || b.result(run) != want {
			t.Errorf("attempt %d: %+v, kept %q", attempt, r, b.result(run))
		}
		_ = os.WriteFile(runlog.Store{StateDir: b.dir}.Result(run.ID), []byte("of an attempt before"), 0o600)
	}
}

// Without result_max a task has no variable for a result file.
func TestNoResult(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		none := task(`echo "${ROTA_RESULT_FILE-none}"`)
		none.ResultMax = 0
		run := b.request(none, Launch{})
		if r := b.end(); r.Outcome != OK || r.Result != 0 || b.result(run) != "" || b.log(run) != "none\n" {
			t.Errorf("%+v, %q", r, b.log(run))
		}
	})
}

// The files that a user leaves in a directory of its own are removed, and no others.
func TestDirectoryOfAUserIsEmptied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can switch users")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, "x", 0o666)
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		if task("").User == "" {
			return // it is in the directory of all
		}
		b.request(task(`cd "${ROTA_RESULT_FILE%/*}"; ln -s / root; ln -s `+filepath.Dir(outside)+` up; mkfifo pipe
			seq 1200 | xargs touch; mkdir -p d/$(seq -s/ 40); mkdir closed; touch closed/x; chmod 0 closed; exit 3`), Launch{})
		if r := b.end(); r.Outcome != Failed || r.Why != "exit 3" {
			t.Errorf("%+v", r)
		}
	})
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// A command that checks for it learns that it should stop, without a signal.
func TestStopIsAsked(t *testing.T) {
	const text = `echo "$ROTA_STOP_FILE" >/dev/null; [ -e "$ROTA_STOP_FILE" ] && exit 9; echo up
		trap 'echo signal' TERM INT; until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; echo stopping; exit 4`
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		for _, c := range []struct {
			what    string
			timeout time.Duration
			end     End
			outcome Outcome
		}{
			{"stopped", 0, End{Outcome: Cancelled, Why: "enough"}, Cancelled},
			{"timed out", 300 * time.Millisecond, End{}, TimedOut},
		} {
			task := task(text)
			task.StopSignal, task.KillAfter, task.Timeout = "none", 20*time.Second, c.timeout
			run := b.request(task, Launch{Run: Run{ID: "t/" + strings.ReplaceAll(c.what, " ", "")}})
			if c.end.Outcome != "" {
				b.awaitLog(run, "up")
				c.end.ID = run.ID
				b.Stop(c.end)
			}
			if r := b.end(); r.Outcome != c.outcome {
				t.Errorf("%s: %+v", c.what, r)
			}
			if got := b.log(run); got != "up\nstopping\n" {
				t.Errorf("%s: output %q", c.what, got)
			}
		}
	})
}

// One that does not ask is killed after its grace.
func TestStopThatNobodyAsksFor(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, `echo up; while :; do sleep 0.01; done`)
		task.StopSignal, task.KillAfter = "none", impatience
		run := b.launch(task, "k")
		b.awaitLog(run, "up")
		b.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
		if r := b.end(); r.Outcome != Cancelled {
			t.Errorf("%+v", r)
		}
	})
}

// Kill ends the grace, however soon it comes after the stop; of another run it
// changes nothing.
func TestKillEndsTheGrace(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
		task.KillAfter = time.Hour
		for i, wait := range []bool{false, true} {
			run := b.launch(task, string(rune('a'+i)))
			b.awaitLog(run, "up")
			b.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
			if wait && mode == Forked {
				awaitFile(t, b.file(run, "stop"))
			}
			b.Kill("t/other")
			b.Kill(run.ID)
			if r := b.end(); r.Outcome != Cancelled || r.Why != "enough" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// A daemon that has taken over repeats a stop that was requested before: the grace period
// continues until it is forced.
func TestStopAgainByASuccessor(t *testing.T) {
	b := newBench(t)
	ctx, forget := context.WithCancel(t.Context())
	task := b.command(Forked, `trap 'echo heard' TERM; echo up; while [ ! -e go ]; do sleep 0.01; done; echo clean`)
	task.KillAfter = time.Hour
	run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
	b.Start(ctx, Launch{Run: run, Task: task})
	b.awaitLog(run, "up")
	b.Stop(NewEnd(run.ID, Replaced, TextReason("first")))
	b.awaitLog(run, "heard")
	forget()
	next := b.successor()
	found, err := next.Find()
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	next.Resume(t.Context(), found[0])
	stop := b.file(run, "stop")
	_ = os.Remove(stop)
	next.Stop(NewEnd(run.ID, Replaced, TextReason("second")))
	awaitFile(t, stop)
	write(t, filepath.Join(b.dir, "go"), "x", 0o600)
	if r := next.end(); r.Outcome != Replaced || r.Why != "first" {
		t.Errorf("%+v", r)
	}
	next.awaitLog(run, "clean")
}

// The files of a killed shim are removed when its run is given up.
func TestFilesOfAKilledShim(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		forked := task(`echo half >"$ROTA_RESULT_FILE"; echo up; until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; echo asked >&2`)
		if forked.Mode != Forked {
			return
		}
		forked.StopSignal, forked.KillAfter = "none", 20*time.Second
		run := b.request(forked, Launch{})
		b.awaitLog(run, "up")
		b.awaitBegun(run)
		b.killShim(run)
		if r := b.end(); r.Outcome != Lost || !strings.Contains(r.Why, "stopped remaining processes") || strings.Contains(r.Why, "after KILL") || r.Result != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// A daemon that takes over removes unused files, and keeps those of the run that it
// adopts.
func TestResultOfAnAdoptedRun(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		forked := task(`echo half >"$ROTA_RESULT_FILE"; echo up; until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; echo whole >>"$ROTA_RESULT_FILE"; exit 3`)
		if forked.Mode != Forked {
			return
		}
		forked.StopSignal, forked.KillAfter = "none", 20*time.Second
		ctx, forget := context.WithCancel(t.Context())
		run := Run{ID: "t/k", Task: "t", State: Running, Attempts: 1}
		b.Start(ctx, Launch{Run: run, Task: forked})
		b.awaitLog(run, "up")
		b.awaitBegun(run)
		forget()
		stale := filepath.Join(b.dir, "live", "t+gone,1.result")
		write(t, stale, "x", 0o600)
		next := b.successor()
		found, err := next.Find()
		if err != nil || len(found) != 1 {
			t.Fatalf("found %+v, %v", found, err)
		}
		if _, err := os.Stat(stale); err == nil {
			t.Errorf("%s is still there", stale)
		}
		next.Resume(t.Context(), found[0])
		next.Stop(NewEnd(run.ID, Cancelled, TextReason("enough")))
		if r := next.end(); r.Outcome != Cancelled || r.Result != 11 || next.result(run) != "half\nwhole\n" {
			t.Errorf("%+v, kept %q", r, next.result(run))
		}
	})
}

// awaitLog waits until a line of the output of a run is kept.
func (b *bench) awaitLog(run Run, want string) {
	b.t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		if text, _ := os.ReadFile(runlog.Store{StateDir: b.dir}.Log(run.ID, run.Attempts)); strings.Contains(unstamp(string(text)), want+"\n") {
			return
		}
	}
	b.t.Fatalf("no line %q in the output of %s", want, run.ID)
}
