package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// nothingLeft checks that runs have left nothing but their outputs and results.
func (b *bench) nothingLeft(temp string) {
	b.t.Helper()
	for _, pattern := range []string{b.dir + "/live/*", temp + "/rota-*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			b.t.Errorf("left: %q", left)
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
			{"a pipe", `mkfifo "$ROTA_RESULT_FILE"`, OK, "", "it is no regular file"},
			{"a pipe that somebody writes to", `mkfifo "$ROTA_RESULT_FILE"; (echo x >"$ROTA_RESULT_FILE") & :`, OK, "", "it is no regular file"},
			{"a folder", `mkdir -p "$ROTA_RESULT_FILE/in/side"; echo x >"$ROTA_RESULT_FILE/in/side/x"`, OK, "", "it is no regular file"},
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
