package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHostProblems(t *testing.T) {
	root := os.Getuid() == 0
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			break // not ours, and then open to all
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	file := func(name, text string, mode os.FileMode) string {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at(name), mode); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	for name, mode := range map[string]os.FileMode{"open": 0o755, "shut": 0o700, "bin": 0o755} {
		if err := os.Mkdir(at(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	file("bin/tool", "#!/bin/sh\n", 0o755)
	file("bin/text", "text", 0o644)
	file("key", "k", 0o600)
	file("key-of-all", "k", 0o644)
	file("vars", "A=1\n", 0o600)
	file("vars-bad", "A\n", 0o600)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv("OF_ROTA", "x")

	type change = func(*Task)
	user := func(name string) change { return func(t *Task) { t.User = name } }
	in := func(dir string) change { return func(t *Task) { t.Dir = dir } }
	secret := func(from string) change {
		return func(t *Task) { t.Secrets = map[string]string{"KEY": from} }
	}
	argv := func(words ...string) Action { return &Command{Argv: words} }
	text := func(s string) Action { return &Command{Text: s} }
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := ":" + filepath.Dir(exe) // which rota adds to PATH
	for _, c := range []struct {
		name   string
		root   bool // only root can try it
		action Action
		change change
		want   string // KEY: MESSAGE, with a question mark before it if in doubt; more on further lines
	}{
		{"nothing is wrong", false, argv("true"), nil, ""},
		{"a program by its path", false, argv(at("bin/tool")), nil, ""},
		{"a program beside the directory", false, argv("./bin/tool"), in(dir), ""},
		{"no program", false, argv("no-such"), func(t *Task) { t.Env = map[string]string{"PATH": "/bin"} }, `command: no program "no-such" in PATH=/bin`},
		{"a program in the task's PATH", false, argv("tool"), func(t *Task) { t.Env = map[string]string{"PATH": at("bin")} }, ""},
		{"no program at a path", false, argv(at("no-such")), nil, "command: DIR/no-such does not exist"},
		{"a directory is no program", false, argv(at("bin")), nil, "command: DIR/bin is a directory"},
		{"not executable", true, argv(at("bin/text")), nil, "command: rota may not run DIR/bin/text"},
		{"a text of the shell", false, text("echo a | no-such"), nil, ""},
		{"a text that begins with no program", false, text("# why\nA=1 no-such-program -x; true"), func(t *Task) { t.Env = map[string]string{"PATH": "/bin"} },
			`? command: no program "no-such-program" in PATH=/bin`},
		{"no shell", false, text("no-such"), func(t *Task) { t.Shell = []string{at("no-shell"), "-c"} }, "shell: DIR/no-shell does not exist"},
		{"a shell of another kind", false, text("print(1)"), func(t *Task) { t.Shell = []string{"/bin/cat"} }, ""},
		{"no directory", false, argv("true"), in(at("no-such")), "dir: DIR/no-such does not exist"},
		{"a directory that is a file", false, argv("true"), in(at("key")), "dir: DIR/key is not a directory"},
		{"a directory that the user cannot enter", true, argv("true"), func(t *Task) { t.User, t.Dir = "nobody", at("shut") }, "dir: nobody may not enter DIR/shut"},
		{"a directory that the user can enter", true, argv("true"), func(t *Task) { t.User, t.Dir = "nobody", at("open") }, ""},
		{"no user", false, argv("true"), user("no-such-user"), `user: no user "no-such-user" on this machine`},
		{"no group", false, argv("true"), func(t *Task) { t.Group = "no-such-group" }, `group: no group "no-such-group" on this machine`},
		{"a user without a home", true, argv("true"), user("nobody"), "user: their home: /nonexistent does not exist"},
		{"variables", false, argv("true"), func(t *Task) { t.EnvFile = at("vars") }, ""},
		{"no variables", false, argv("true"), func(t *Task) { t.EnvFile = at("no-such") }, "env_file: open DIR/no-such: no such file or directory"},
		{"no variables, and none needed", false, argv("true"), func(t *Task) { t.EnvFile = "-" + at("no-such") }, ""},
		{"variables that are none", false, argv("true"), func(t *Task) { t.EnvFile = at("vars-bad") }, "env_file: DIR/vars-bad:1: want NAME=value"},
		{"a secret", false, argv("true"), secret("file:" + at("key")), ""},
		{"no secret", false, argv("true"), secret("file:" + at("no-such")), "secrets.KEY: open DIR/no-such: no such file or directory"},
		{"a secret that all know", false, argv("true"), secret("file:" + at("key-of-all")), "secrets.KEY: everyone may read or write DIR/key-of-all; type: chmod o= DIR/key-of-all"},
		{"a credential", false, argv("true"), secret("cred:key"), "? secrets.KEY: $CREDENTIALS_DIRECTORY is not set here"},
		{"a variable of rota", false, argv("true"), secret("env:OF_ROTA"), ""},
		{"a variable that rota lacks", false, argv("true"), secret("env:NOT_OF_ROTA"), "? secrets.KEY: NOT_OF_ROTA is not in the environment here"},
		{"a file to write", false, &Write{Path: at("open/x"), Text: "x"}, nil, ""},
		{"no directory to write to", false, &Write{Path: at("no-such/x"), Text: "x"}, nil, "write.path: DIR/no-such does not exist"},
		{"no directory for the user to write to", true, &Write{Path: at("open/x"), Text: "x"}, func(t *Task) { t.User, t.Mode, t.Dir = "nobody", Forked, "/" }, "write.path: nobody may not write to DIR/open"},
		{"a built-in has the rights of its user", true, &Write{Path: at("open/x"), Text: "x"}, user("nobody"), "write.path: nobody may not write to DIR/open"},
		{"no template", false, &Write{Path: at("open/x"), TemplateFile: at("no-such")}, nil, "write.template_file: DIR/no-such does not exist"},
		{"no body", false, &HTTP{URL: "http://localhost", BodyFile: at("no-such")}, nil, "http.body_file: DIR/no-such does not exist"},
		{"nowhere to save", false, &HTTP{URL: "http://localhost", Save: at("no-such/x")}, nil, "http.save: DIR/no-such does not exist"},
		{"a directory to clean", false, &Clean{Path: at("open")}, nil, ""},
		{"no directory to clean", false, &Clean{Path: at("no-such")}, nil, "clean.path: DIR/no-such does not exist"},
		{"a log", false, &Log{Message: "x"}, nil, ""},
	} {
		if c.root && !root {
			continue
		}
		task := Task{Name: "t", Action: c.action, Policy: Policy{Mode: Threaded}, Process: Process{Base: dir, Shell: []string{"/bin/sh", "-c"}}}
		if c.change != nil {
			c.change(&task)
		}
		var lines []string
		for _, o := range HostProblems(task, false) {
			line := o.Key + ": " + o.Msg
			if o.Doubt {
				line = "? " + line
			}
			lines = append(lines, strings.ReplaceAll(strings.TrimSuffix(line, own), dir, "DIR"))
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFirstWord(t *testing.T) {
	for _, c := range []struct{ shell, text, want string }{
		{"/bin/sh", "pg_dump -Fc db > /backup/db", "pg_dump"},
		{"/bin/sh", "./backup.sh", "./backup.sh"},
		{"/bin/sh", "LANG=C TZ=UTC sort x", "sort"},
		{"/bin/sh", "rsync; true", "rsync"},
		{"/bin/sh", "make&&true", "make"},
		{"/usr/bin/bash", "\n# first\n  tar x\n", "tar"},
		{"/bin/sh", "cd /srv && ./x", ""},
		{"/bin/sh", "if true; then x; fi", ""},
		{"/bin/sh", "$PROGRAM x", ""},
		{"/bin/sh", `"a b" x`, ""},
		{"/bin/sh", "~/bin/x", ""},
		{"/bin/sh", "f() { x; }; f", ""},
		{"/bin/sh", "(x)", ""},
		{"/bin/sh", "{ x; }", ""},
		{"/bin/sh", "! x", ""},
		{"/bin/sh", ">/dev/null x", ""},
		{"/bin/sh", "2>/dev/null x", ""},
		{"/bin/sh", "PATH=/opt/bin x", ""},
		{"/bin/sh", "A=1\nx", ""},
		{"/bin/sh", "", ""},
		{"/usr/bin/python3", "x", ""},
	} {
		if got := firstWord([]string{c.shell, "-c"}, c.text); got != c.want {
			t.Errorf("%s -c %q: %q, want %q", c.shell, c.text, got, c.want)
		}
	}
}
