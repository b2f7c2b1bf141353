package runner

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/runlog"
)

// The values of a request reach the command unchanged, in every mode.
func TestRequestReachesTheCommand(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		text := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
		directory := filepath.Join(b.dir, "closed")
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(directory, "k.input")
		write(t, file, text, 0o600)
		const hostile = "two\nlines; $(touch gone) `touch gone` ${HOME} '\" \\ \t\x1b[31m é"
		for _, c := range []struct {
			what, text string
			run        Run
			want       string
		}{
			{"a parameter", `printf %s "$ROTA_PARAM_WHO"`, Run{Params: map[string]string{"who": "you"}}, "you"},
			{"a default", `printf %s "$ROTA_PARAM_WHO"`, Run{Params: map[string]string{"other": "x"}}, "world"},
			{"an empty one", `printf %s "${ROTA_PARAM_WHO-unset}"`, Run{Params: map[string]string{"who": ""}}, ""},
			{"shell text", `printf %s "$ROTA_PARAM_WHO" | od -An -tx1 | tr -d ' \n'; [ ! -e gone ]`, Run{Params: map[string]string{"who": hostile}}, hexOf(hostile)},
			{"no input", `cat`, Run{}, "as ever"},
			{"input", `cat`, Run{Input: "asked"}, "asked"},
			{"input that is no text", `od -An -tx1 | tr -d ' \n'`, Run{Input: "a\xff\x00\nb"}, "61ff000a62"},
			{"input, opened again", `cat /dev/stdin`, Run{Input: "asked"}, "asked"},
			{"a file of input", `wc -c`, Run{InputFile: file}, "1048576"},
			{"a file of input, opened again", `wc -c </dev/stdin`, Run{InputFile: file}, "1048576"},
			{"a file of input cannot be written to", `[ $(id -u) = 0 ] || { echo x >>/dev/stdin; } 2>/dev/null || wc -c`, Run{InputFile: file}, ""},
		} {
			task := task(c.text)
			task.Stdin, task.Params = "as ever", map[string]string{"who": "world"}
			c.run.ID = "t/" + strings.Map(func(r rune) rune {
				if r == ' ' || r == ',' {
					return '-'
				}
				return r
			}, c.what)
			run := b.request(task, Launch{Run: c.run})
			if r := b.end(); r.Outcome != OK {
				t.Errorf("%s: %+v", c.what, r)
				continue
			}
			want := c.want
			if strings.Contains(c.what, "written") && task.User != "" {
				want = "1048576"
			}
			if got := b.logOrNone(run); got != want {
				t.Errorf("%s: got %.100q, want %.100q", c.what, got, want)
			}
			if task.Params["who"] != "world" {
				t.Fatal("the task was changed")
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("the input was changed: %d bytes, %v", len(got), err)
		}
	})
}

func hexOf(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// logOrNone is the output of a run without its last line end; "" if it has none.
func (b *bench) logOrNone(run Run) string {
	text, err := os.ReadFile(runlog.Store{StateDir: b.dir}.Log(run.ID, run.Attempts))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return strings.TrimSuffix(unstamp(string(text)), "\n")
}

// A value that cannot reach the command is an immediate failure that says why.
func TestRequestThatCannotReachTheCommand(t *testing.T) {
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		large := strings.Repeat("x", 1<<20)
		for i, c := range []struct {
			what   string
			run    Run
			change func(*Task)
			why    string
		}{
			{"1 MiB in one parameter", Run{Params: map[string]string{"who": large}}, nil, "could not start: ROTA_PARAM_WHO with 1048591 bytes, of "},
			{"1 MiB in one parameter, limits", Run{Params: map[string]string{"who": large}}, func(t *Task) { t.Umask = 0o077 }, "could not start: ROTA_PARAM_WHO with 1048591 bytes, of "},
			{"1 MiB of shell text", Run{}, func(t *Task) { t.Action = &Command{Text: "true " + large} }, "could not start: an argument with 1048581 bytes, of "},
			{"1 MiB of shell text, limits", Run{}, func(t *Task) { t.Action, t.Umask = &Command{Text: "true " + large}, 0o077 }, "could not start: an argument with 1048581 bytes, of "},
			{"NUL", Run{Params: map[string]string{"who": "a\x00b"}}, nil, "could not start: parameter who: a variable cannot hold a NUL byte; give it as input"},
			{"no such input", Run{InputFile: filepath.Join(b.dir, "gone")}, nil, "could not start: stdin: open " + b.dir + "/gone: no such file or directory"},
			{"input that is none", Run{InputFile: b.dir}, nil, "could not start: stdin: " + b.dir + " is not a regular file"},
		} {
			task := task("echo ran")
			if c.change != nil {
				c.change(task)
			}
			c.run.ID = fmt.Sprint("t/", i)
			run := b.request(task, Launch{Run: c.run})
			r := b.end()
			if r.Outcome != Failed || r.Exit != nil || !strings.HasPrefix(r.Why, c.why) {
				t.Errorf("%s: %.300q %.300q", c.what, r.Outcome, r.Why)
			}
			if len(r.Error) > 1000 || b.logOrNone(run) != "" {
				t.Errorf("%s: error of %d bytes, output %.100q", c.what, len(r.Error), b.logOrNone(run))
			}
		}
	})
}

// Built-ins have the parameters, and no stdin.
func TestRequestReachesABuiltIn(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bench, mode Mode) {
		task := b.command(mode, "")
		path := filepath.Join(b.dir, "out")
		task.Action = &Write{Path: path, Text: "{{.Params.who}} {{.Params.other}}"}
		task.Params = map[string]string{"who": "world", "other": "x"}
		b.request(task, Launch{Run: Run{Params: map[string]string{"who": "a\n{{.Task}}"}, InputFile: "/no/such/input", Input: "x"}})
		if r := b.end(); r.Outcome != OK {
			t.Errorf("%+v", r)
		}
		if got, err := os.ReadFile(path); string(got) != "a\n{{.Task}} x" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A token is a secret: it is in the environment of the command, and in nothing
// that is kept.
func TestVariablesAndToken(t *testing.T) {
	const token = "sesame-open-4711"
	eachUser(t, func(t *testing.T, b *bench, task func(string) *Task) {
		asks := task(`[ "$ROTA_TOKEN" = sesame-open-"$((4710+1))" ] || exit 9; echo "$ROTA_TOKEN $ROTA_SOCKET $ROTA_PARENT_OUTCOME $ROTA_TASK"
			until [ -e "$ROTA_STOP_FILE" ]; do sleep 0.01; done; echo "$ROTA_TOKEN" >&2`)
		asks.StopSignal, asks.KillAfter = "none", 20*time.Second
		run := b.request(asks, Launch{
			Vars:  map[string]string{"ROTA_SOCKET": "/run/rota.sock", "ROTA_PARENT_OUTCOME": "failed", "ROTA_TASK": "forged"},
			Token: token,
		})
		b.awaitLog(run, "*** /run/rota.sock failed t")
		_ = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
			if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), token) {
				t.Errorf("%s holds the token", path)
			}
			return nil
		})
		dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range dirs {
			if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), token) {
				t.Errorf("%s holds the token: %q", path, text)
			}
		}
		b.Stop(NewEnd(run.ID, Failed, TextReason("to see its error")))
		if r := b.end(); r.Error != "*** /run/rota.sock failed t\n***" {
			t.Errorf("%+v", r)
		}
	})
}

// A built-in fails in the same words wherever it runs.
func TestBuiltInsFailAlike(t *testing.T) {
	for _, c := range []struct {
		what   string
		action Action
		why    string
	}{
		{"an error", &Write{Path: "/no/such/directory/x", Text: "x"}, "no such file or directory"},
		{"a template", &Log{Message: "{{.Params.gone}}"}, "message: template:"},
	} {
		var first Result
		for _, mode := range []Mode{Threaded, Sequential, Forked} {
			b := newBench(t)
			task := b.command(mode, "")
			task.Action = c.action
			run := b.launch(task, "k")
			r := b.end()
			if r.Outcome != Failed || !strings.Contains(r.Why, c.why) || r.Exit != nil {
				t.Errorf("%s, %s: %+v", c.what, mode, r)
			}
			if (r.Usage == Usage{}) != (mode != Forked) { // only that one has a process of its own
				t.Errorf("%s, %s: used %+v", c.what, mode, r.Usage)
			}
			r.Usage = first.Usage
			if r.Finished = first.Finished; mode == Threaded {
				first = r
			} else if !reflect.DeepEqual(r, first) {
				t.Errorf("%s, %s: %+v, threaded %+v", c.what, mode, r, first)
			}
			if got := b.logOrNone(run); got != "" {
				t.Errorf("%s, %s: output %q", c.what, mode, got)
			}
		}
	}
}

// Exec gives a command the same files, and keeps nothing.
func TestExecHasAnExchange(t *testing.T) {
	temp, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	task := &Task{
		Name: "t", Action: &Command{Text: `echo x >"$ROTA_RESULT_FILE" && [ ! -e "$ROTA_STOP_FILE" ] && [ -d "${ROTA_STOP_FILE%/*}" ]`}, Data: Data{ResultMax: 10},
		Policy:  Policy{Mode: Threaded, SuccessExit: []int{0}},
		Process: Process{Shell: []string{"/bin/sh", "-c"}, Base: dir, Umask: 0o022},
	}
	if r := Exec(t.Context(), task, filepath.Join(dir, "none"), false, io.Discard); r.Outcome != OK || r.Result != 0 {
		t.Errorf("%+v", r)
	}
	for _, pattern := range []string{temp + "/*", dir + "/*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}
