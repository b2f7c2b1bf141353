package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/mail"
	"rota/runner"
)

// The value of each key of a task: the example sets all of them.
func TestValues(t *testing.T) {
	dir, err := filepath.Abs(examples)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(filepath.Join(dir, "valid-all.toml"), Options{TrustFile: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "rota", c.Rota, Rota{
		Timezone: berlin, MaxRunning: 10, ShutdownGrace: time.Minute, Watch: time.Minute, Output: "prefix",
		LogLevel: "debug", LogFormat: "text", StateDir: dir + "/state", Autostart: []string{"*"},
	})
	same(t, "queues", c.Queues, map[string]runner.Queue{
		"main": {Workers: 2, Capacity: 5, Description: "one after another"},
		"slow": {Workers: 1, Capacity: 1000},
		"more": {Workers: 1, Capacity: 1000},
	})
	task := c.Tasks.Get("everything")
	same(t, "command", task.Action, runner.Action(&runner.Command{Text: "echo $A"}))
	same(t, "policy", task.Policy, runner.Policy{
		Mode: runner.Sequential, Queue: "slow", Overlap: runner.OverlapQueue, Timeout: 2 * time.Hour,
		KillAfter: time.Minute, StopSignal: "INT", Leftovers: runner.LeftoversKeep, SuccessExit: []int{0, 3}, Priority: -1,
		Missed: runner.MissedAll, MissedWithin: time.Hour, MaxWait: 10 * time.Minute,
		Retry: runner.Retry{Max: 3, Delay: time.Second, Factor: 1.5, MaxDelay: time.Minute, On: []string{"lost", "75"}},
	})
	same(t, "keep", task.Keep, Keep{Runs: 20, Outputs: 10, Age: 24 * time.Hour, AtLeast: time.Hour})
	same(t, "total", c.Total, int64(1<<20))
	same(t, "process", task.Process, runner.Process{
		User: "root", Group: "root", Dir: dir + "/work", Base: dir, Umask: 0o077,
		Shell: []string{"/bin/bash", "-ec"}, Stdin: "hello",
		Env: map[string]string{"LANG": "C", "TZ": "Europe/Berlin", "A": "1"}, EnvFile: "-" + dir + "/env",
		Nice:    new(-5),
		Limits:  runner.Limits{Files: new(uint64(100)), CPUTime: new(uint64(3600)), FileSize: new(uint64(1 << 30)), Core: new(uint64(0))},
		Secrets: map[string]string{"TOKEN": "file:" + dir + "/token", "KEY": "cred:key", "PW": "env:PASSWORD"},
		DropEnv: []string{"PASSWORD"},
	})
	same(t, "params", task.Params, map[string]string{"name": "world"})
	same(t, "output", task.Output, int64(2<<20))
	same(t, "tags", task.Tags, []string{"one", "two"})
	var triggers []string
	for _, spec := range task.Triggers {
		triggers = append(triggers, spec.Kind().String())
	}
	same(t, "triggers", triggers, []string{"interval", "weekday", "monthday", "cron", "once", "at_start"})

	same(t, "log", c.Tasks.Get("log").Action, runner.Action(&runner.Log{Message: "hi {{.Task}}", Level: "warn"}))
	same(t, "http", c.Tasks.Get("http").Action, runner.Action(&runner.HTTP{
		URL: "https://example.org/", Method: "POST", Headers: map[string]string{"Accept": "*/*"}, Body: "x",
		Expect: []string{"200", "204-299"}, ExpectBody: "ok", Save: dir + "/out/page",
	}))
	same(t, "write", c.Tasks.Get("write").Action, runner.Action(&runner.Write{
		Path: dir + "/page.html", TemplateFile: dir + "/page.tmpl", Mode: 0o600, IfChanged: true,
	}))
	same(t, "append", c.Tasks.Get("append").Action, runner.Action(&runner.Write{Path: dir + "/log", Text: "x", Mode: 0o644, Append: true}))
	same(t, "clean", c.Tasks.Get("clean").Action, runner.Action(&runner.Clean{
		Path: dir + "/tmp", Match: []string{"*.log"}, OlderThan: 720 * time.Hour, Recursive: true, Keep: 3, Dry: true,
	}))
	same(t, "triggers in tables", len(c.Tasks.Get("tables").Triggers), 2)

	// [defaults] hold for an included task and for a built-in one, but for what
	// has no effect there.
	in := c.Tasks.Get("included")
	same(t, "included", []any{in.Timeout, in.User, in.Base, in.Env, in.Tags, in.Output},
		[]any{time.Hour, "nobody", dir + "/conf.d", map[string]string{"LANG": "C", "TZ": "UTC"}, []string{"all"}, int64(64 << 10)})
	builtin := c.Tasks.Get("log")
	same(t, "built-in", []any{builtin.Timeout, builtin.User, builtin.Env}, []any{time.Hour, "", map[string]string(nil)})
	forked := c.Tasks.Get("clean")
	same(t, "forked built-in", []any{forked.User, forked.Umask}, []any{"nobody", uint32(0o022)})

	var paths []string
	for _, s := range c.Sources {
		paths = append(paths, s.Path)
	}
	same(t, "sources", paths, []string{dir + "/valid-all.toml", dir + "/conf.d/more.toml"})
	same(t, "globs", c.Globs, []string{dir + "/conf.d/*.toml"})
}

// The values of notify, hook and ping keys.
func TestNotifyValues(t *testing.T) {
	dir, err := filepath.Abs(examples)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(filepath.Join(dir, "valid-hooks.toml"), Options{TrustFile: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "autostart", c.Rota.Autostart, []string{"main", "*@mail"})
	same(t, "on_bad_config", c.Rota.OnBadConfig, []string{"ops"})
	same(t, "on_trouble", c.Rota.OnTrouble, []string{"ops"})
	same(t, "socket", []string{c.Rota.Socket, c.Rota.SocketGroup}, []string{"/run/rota/rota.sock", "adm"})
	same(t, "web", c.Web, Web{
		Listen: "0.0.0.0:8377", Hosts: []string{"rota.example.org", "10.0.0.7"},
		TLSCert: dir + "/rota.crt", TLSKey: dir + "/rota.key", Metrics: true,
		Actions: true, Base: "/ops/rota", URL: "https://rota.example.org/ops/rota", Others: map[string]string{"db1": "https://db1.example.org:8377"},
		Tokens: map[string]Token{
			"page": {File: dir + "/secrets/page", May: "read", Tasks: []string{"*"}},
			"ci":   {File: "/etc/rota/secrets/ci", May: "request", Tasks: []string{"build-*", "test"}},
		},
	})
	server := mail.Server{Host: "mail.example.org", Port: 2525, TLS: "none", From: "Rota <rota@example.org>", User: "rota", PasswordFile: dir + "/secrets/smtp"}
	same(t, "smtp", c.SMTP, server)
	process := newTaskBuilder().Process
	process.Base = dir
	same(t, "notify", c.Notify, map[string]Notify{
		"ops": {
			Name: "ops", AtMostEvery: time.Hour, Process: process,
			Action: &runner.Mail{To: []string{"ops@example.org"}, Subject: "{{.Task}} {{.Outcome}}", Body: "{{.Tail}}", AttachOutput: true, Server: server},
		},
		"chat": {Name: "chat", Process: process, Action: &runner.HTTP{
			URL: "https://example.org/hook", Method: "POST", Headers: map[string]string{"X-Key": "1"}, Body: "{{.Took}}", Expect: []string{"200-299"},
		}},
		"wall": {Name: "wall", Process: process, Action: &runner.Command{Argv: []string{"wall", "-n"}}},
	})
	task := c.Tasks.Get("build-all")
	same(t, "hooks", task.Hooks, Hooks{
		OnSuccess: []string{"chat"}, OnFailure: []string{"chat", "run:undo"}, OnMissed: []string{"wall"},
		OnRecover: []string{"ops"}, OnOutput: []string{"run:tell"},
	})
	same(t, "the rest", []any{task.Ping, task.ExpectSuccessWithin, task.HoldAfter, task.InputMax, task.ResultMax, task.Keep.Bytes},
		[]any{"https://hc-ping.com/0a1b", 26 * time.Hour, 3, int64(0), int64(10 << 20), int64(1 << 30)})
	same(t, "hooks by default", c.Tasks.Get("undo").Hooks, Hooks{OnFailure: []string{"ops", "run:tell"}})
	same(t, "no hooks", c.Tasks.Get("tell").Hooks, Hooks{})
	same(t, "bytes by default", c.Tasks.Get("undo").Keep.Bytes, int64(10<<20))
	same(t, "a mail", c.Tasks.Get("tell").Action, runner.Action(&runner.Mail{To: []string{"root@example.org"}, Subject: "{{.Params.what}}", Server: server}))
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// The defaults of a task.
func TestDefaults(t *testing.T) {
	c := parse(t, `
[tasks.command]
command = "true"
[tasks.lane]
command = "true"
mode = "sequential"
[tasks.builtin]
log = "x"
[tasks.patient]
log = "x"
timeout = "0s"
[tasks.off]
enabled = false
command = "true"
interval = "1h"
`)
	same(t, "rota", c.Rota, Rota{Timezone: time.Local, ShutdownGrace: -1, Watch: 10 * time.Second, LogLevel: "info", LogFormat: "auto", Autostart: []string{"*"}})
	same(t, "queues", c.Queues, map[string]runner.Queue{"main": {Workers: 1, Capacity: 1000}})
	same(t, "task", c.Tasks.Get("command").Task, runner.Task{
		Name: "command", Action: &runner.Command{Text: "true"},
		Policy: runner.Policy{Mode: runner.Threaded, Overlap: runner.OverlapSkip, KillAfter: 10 * time.Second, StopSignal: "TERM", Leftovers: runner.LeftoversKeep, SuccessExit: []int{0}, Retry: newTaskBuilder().Retry},
		Process: runner.Process{
			Base: "/etc/rota", Umask: 0o022, Shell: []string{"/bin/sh", "-c"},
		},
		Data: runner.Data{Zone: "Local", Output: 1 << 20, InputMax: 1 << 20, ResultMax: 1 << 20},
	})
	same(t, "queue of a sequential task", c.Tasks.Get("lane").Queue, "main")
	same(t, "timeout of a built-in", c.Tasks.Get("builtin").Timeout, time.Minute)
	same(t, "no timeout of a built-in", c.Tasks.Get("patient").Timeout, time.Duration(0))
	same(t, "triggers of a task that is off", len(c.Tasks.Get("off").Triggers), 0)
}

func TestExample(t *testing.T) {
	c, err := Load("../jobs.example.toml", Options{TrustFile: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Error(c.Warnings)
	}
	kinds, modes, actions := map[string]bool{}, map[runner.Mode]bool{}, map[string]bool{}
	for _, task := range c.Tasks.All() {
		modes[task.Mode] = true
		actions[fmt.Sprintf("%T", task.Action)] = true
		for _, spec := range task.Triggers {
			kinds[spec.Kind().String()] = true
		}
	}
	same(t, "kinds", kinds, map[string]bool{"interval": true, "weekday": true, "monthday": true, "cron": true})
	same(t, "modes", modes, map[runner.Mode]bool{runner.Sequential: true, runner.Threaded: true, runner.Forked: true})
	same(t, "actions", actions, map[string]bool{"*runner.Command": true, "*runner.Log": true})
}

// No text makes Parse panic or hang, and every fault of a text has a place in
// it.
func FuzzParse(f *testing.F) {
	for _, text := range hardTOML {
		f.Add(text)
	}
	files, err := filepath.Glob(examples + "/*.toml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(positioned)
}

// positioned checks what Parse says of a text.
func positioned(t *testing.T, text string) {
	none := Options{
		Now:  now,
		Read: func(path string) ([]byte, error) { return nil, os.ErrNotExist },
		Glob: func(pattern string) ([]string, error) { return nil, nil },
	}
	c, err := Parse("jobs.toml", text, none)
	if err == nil {
		for _, task := range c.Tasks.All() {
			if task.Action == nil {
				t.Errorf("task %+v", task)
			}
		}
		again, err := Parse("jobs.toml", text, none)
		if err != nil || !Diff(c, again).Empty() {
			t.Errorf("read again it differs: %v, %v", Diff(c, again), err)
		}
		return
	}
	e, ok := err.(*Errors)
	if !ok || len(e.Faults) == 0 {
		t.Fatalf("%T %v", err, err)
	}
	if data, _, _ := decode(strings.TrimPrefix(text, byteOrderMark)); data != nil && len(data) == 0 {
		if len(e.Faults) != 1 || e.Faults[0].Line != 0 {
			t.Fatalf("%+v of %q", e.Faults, text)
		}
		return
	}
	inPlace(t, e.Faults, text)
}

// inPlace checks that each fault has a place in the text, in order.
func inPlace(t *testing.T, faults []Fault, text string) {
	lines := strings.Split(strings.TrimPrefix(text, byteOrderMark), "\n")
	last := Fault{}
	for _, fault := range faults {
		if fault.Line < 1 || fault.Line > len(lines) || fault.Text != strings.TrimSuffix(lines[fault.Line-1], "\r") {
			t.Fatalf("%+v has no place in %q", fault, text)
		}
		if width := len([]rune(fault.Text)); fault.Col < 1 || fault.Col > width+2 || fault.Width < 1 || fault.Msg == "" {
			t.Fatalf("%+v has no column in %q", fault, text)
		}
		if fault.Line < last.Line || fault.Line == last.Line && fault.Col < last.Col {
			t.Fatalf("%+v stands before %+v in %q", fault, last, text)
		}
		last = fault
		if strings.Count(fault.Render(), "\n") != 4 {
			t.Fatalf("%q", fault.Render())
		}
	}
}

// A text of any size is read or refused: quadratic time would exceed the time limit of
// all tests.
func TestLarge(t *testing.T) {
	const size = 10 << 20
	deep := strings.Repeat("[", 1000)
	for _, c := range []struct{ name, text string }{
		{"blank lines", "[tasks]" + strings.Repeat("\n", size/5)},
		{"NUL", strings.Repeat("\x00", size)},
		{"brackets", "a = " + strings.Repeat("[", size)},
		{"deep", "a = " + deep + strings.Repeat("]", 1000)},
		{"dots", strings.Repeat("a.", size/2) + "a = 1"},
		{"one text", "a = \"" + strings.Repeat("x", size/4) + "\""},
		{"unknown keys", lines(3000, "key%d = 1\n")},
		{"tasks", lines(2000, "[tasks.t%d]\ncommand = \"true\"\ntimeuot = \"1h\"\n")},
		{"unknown targets", lines(3000, "[notify.n%d]\ncommand = \"x\"\n") + lines(3000, "[tasks.t%d]\ncommand = \"true\"\non_failure = [\"nobody\"]\nqueue = \"none\"\n")},
		{"a long way of hooks", way(10_000)},
		{"cycles of hooks", "[defaults]\non_failure = [\"run:t1\", \"run:t2\", \"run:t3\"]\n" + lines(5000, "[tasks.t%d]\ncommand = \"true\"\n")},
		{"hooks that name many", "[defaults]\non_failure = [" + strings.Repeat("\"run:a\", ", 100_000) + "]\n" + lines(5000, "[tasks.t%d]\ncommand = \"true\"\n")},
		{"patterns of queues", "[rota]\nautostart = [" + lines(20000, "\"n%d\", ") + "]\n" + lines(5000, "[queues.q%d]\n") + "[tasks]\n"},
		{"too large", strings.Repeat("#", maxSize+1)},
	} {
		_, err := Parse("jobs.toml", c.text, Options{Now: now})
		if (err == nil) != (c.name == "blank lines" || c.name == "a long way of hooks") {
			t.Errorf("%s: %v", c.name, err)
		}
		if e, ok := err.(*Errors); ok && len(e.Faults[0].Render()) > 2000 {
			t.Errorf("%s: a complaint of %d bytes", c.name, len(e.Faults[0].Render()))
		}
	}
}

// way is tasks each of which starts the next.
func way(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[tasks.w%d]\ncommand = \"true\"\non_success = \"run:w%d\"\n", i, i+1)
	}
	return b.String() + fmt.Sprintf("[tasks.w%d]\ncommand = \"true\"\n", n)
}

func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
