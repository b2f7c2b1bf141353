package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// commandLine is a command line that a text suggests to its readers.
type commandLine struct{ from, text string }

var (
	span        = regexp.MustCompile("`(rota [^`]*)`")
	example     = regexp.MustCompile(`(?m)^  (rota [a-z-].*)$`)   // of help and manual
	block       = regexp.MustCompile(`(?m)^    (rota [a-z-].*)$`) // of a page
	placeholder = regexp.MustCompile(`(^|[ |])[A-Z]+(\||…| |$)`)
)

// needsMore are commands that do nothing alone.
var needsMore = []string{"cancel", "exec", "hold", "import", "proceed", "release", "reschedule", "result", "run", "skip", "stop"}

// linesOf returns the command lines that a text holds: in spans of code, and on
// indented lines of their own.
func linesOf(from, text string, own *regexp.Regexp) (all []commandLine) {
	for _, m := range slices.Concat(span.FindAllStringSubmatch(text, -1), own.FindAllStringSubmatch(text, -1)) {
		line, _, _ := strings.Cut(m[1], "  #")
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		if placeholder.MatchString(line) || len(words) == 2 && slices.Contains(needsMore, words[1]) {
			continue // it names a command
		}
		if len(words) > 1 {
			all = append(all, commandLine{from, line})
		}
	}
	return all
}

// commandLines returns all command lines that rota suggests to its users, each once.
func commandLines(t *testing.T) (all []commandLine) {
	all = linesOf("README.md", read(t, "README.md"), block)
	for name, page := range pages(t) {
		all = append(all, linesOf(name, page, block)...)
	}
	for _, file := range []string{"docs/security.md", "docs/recipes.toml", "jobs.example.toml"} {
		all = append(all, linesOf(file, read(t, file), block)...)
	}
	_, general := ask(t, "", "help")
	general, _, _ = strings.Cut(general, "\nFlags")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+)  +[a-z].*$`).FindAllStringSubmatch(general, -1) {
		code, page := ask(t, "", "help", m[1])
		if code != 0 {
			t.Errorf("help %s: %s", m[1], page)
		}
		all = append(all, linesOf("help "+m[1], page, example)...)
	}
	_, man := ask(t, "", "man")
	all = append(all, linesOf("man", strings.NewReplacer(`\(aq`, "'", `\(ti`, "~", `\-`, "-", `\e`, `\`, `\&`, "").Replace(man), example)...)
	slices.SortStableFunc(all, func(a, b commandLine) int { return strings.Compare(a.text, b.text) })
	return slices.CompactFunc(all, func(a, b commandLine) bool { return a.text == b.text })
}

// tasksOfDocs are the tasks that the command lines name, beside those of the example.
const tasksOfDocs = `
[rota]
state_dir = "state"
[tasks]
backup = { at = "02:30", tags = ["db"], command = "echo done" }
convert = { params = { size = "1" }, input_max = "1MiB", mode = "sequential", queue = "site1@convert", command = "echo x >$ROTA_RESULT_FILE" }
digest = { log = "x" }
index = { interval = "1h", mode = "sequential", queue = "site2@convert", command = "echo x" }
page = { params = { file = "x" }, command = "echo x" }
poll = { interval = "1h", command = "echo x" }
process = { command = "cat >$ROTA_RESULT_FILE" }
publish = { at = "02:30", command = "echo x" }
report = { params = { to = "x" }, at = "02:30", command = "echo x" }
scale = { params = { size = "1" }, mode = "sequential", command = "cat >$ROTA_RESULT_FILE" }
sync = { interval = "1h", command = "echo x" }
[notify.ops]
command = "true"
[queues]
"site1@convert" = {}
"site2@convert" = {}
`

// webOfReader lets the reader of README in as from another machine.
const webOfReader = `
[web]
listen = "%s:8377"
tls_cert = "server.crt"
tls_key = "server.key"
[web.tokens]
reader = { file = "token", may = "read" }
`

// endsWith are the exit codes of lines that are right and do not end with 0 here, with a
// daemon and without one.
var endsWith = map[string][2]int{
	"rota edit /etc/rota/conf.d/db.toml": {3, 3}, // no such file
	"rota forget convert":                {2, 2}, // it prompts, and nobody answers
	"rota import crontab -o jobs.toml":   {7, 7}, // there is one
	"rota init":                          {7, 7}, // there is one
	"rota init --config ./jobs.toml":     {7, 7},
	"rota stop index":                    {7, 5}, // it does not run
	"rota stop sync":                     {7, 5},
}

// offline are the commands that need no daemon.
var offline = []string{"check", "completion", "daemon", "edit", "exec", "explain", "help", "history", "import", "init", "list", "logs", "man", "next", "proceed", "ps", "result", "schema", "show", "status", "version", "why"}

// Every command line in README, help, manual and pages works with a daemon. Without one
// it works as well, or reports that no daemon answers.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	all := commandLines(t)
	if len(all) < 130 {
		t.Errorf("only %d command lines", len(all))
	}
	for _, reader := range []*newcomer{newReader(t, "jobs.example.toml"), newReader(t, "jobs.toml")} {
		var lines []commandLine
		for _, line := range all {
			if (line.from == "README.md") == (reader.file == "jobs.example.toml") {
				lines = append(lines, line)
			}
		}
		stop := reader.daemon()
		for _, line := range lines {
			reader.prepare(line.text)
			code, said := reader.enter(line.text)
			if want := reader.codes(line.text, true); !slices.Contains(want, code) {
				t.Errorf("%s: %s: exit code %d with a daemon, want %v:\n%s", line.from, line.text, code, want, said)
			}
			if _, id, ok := strings.Cut(line.text, "--id "); ok && strings.Contains(line.text, " --on ") {
				reader.enter("rota cancel " + strings.Fields(line.text)[2] + "/" + id)
			}
			if words := strings.Fields(line.text); len(words) < 2 || !slices.Contains(offline, words[1]) { // it may change something
				reader.enter("rota drain --end; rota release --all; rota queue start '*'; rota cancel --all")
			}
		}
		stop()
		refused := map[string]bool{} // the commands that need a daemon: each says so once
		for _, line := range lines {
			if words := strings.Fields(line.text); len(words) > 1 && !slices.Contains(offline, words[1]) {
				if refused[words[1]] {
					continue
				}
				refused[words[1]] = true
			}
			code, said := reader.enter(line.text)
			if want := reader.codes(line.text, false); !slices.Contains(want, code) {
				t.Errorf("%s: %s: exit code %d without a daemon, want %v:\n%s", line.from, line.text, code, want, said)
			}
		}
	}
}

var (
	runNamed = regexp.MustCompile(`\b([a-z]+)/([a-z0-9.]+)\b`)
	slotRun  = regexp.MustCompile(`/\d{8}T`) // it ran on another day
	endless  = regexp.MustCompile(` (-w|-f)( |$)`)
)

// prepare makes true what a line takes to be so: that there is the run that it names, or
// that the task is held.
func (h *newcomer) prepare(line string) {
	verb, rest, _ := strings.Cut(strings.TrimPrefix(line, "rota "), " ")
	task, _, _ := strings.Cut(rest, " ")
	switch {
	case verb == "run":
		if _, id, ok := strings.Cut(line, "--id "); ok {
			id, _, _ = strings.Cut(id, " ")
			h.enter("rota cancel " + task + "/" + id + "; rota forget " + task + "/" + id)
		}
	case verb == "release" && !strings.Contains(line, "/") && !strings.Contains(line, "-"):
		h.enter("rota hold " + task)
	case line == "rota drain --end":
		h.enter("rota drain --for 1h")
	case line == "rota logs":
		h.enter("rota run sync --wait")
	case verb == "logs" || verb == "result":
		if !strings.Contains(line, "/") {
			h.enter("rota run " + task + " --wait --input photo.jpg")
		}
	}
	for _, m := range runNamed.FindAllStringSubmatch(line, -1) {
		as := "--wait"
		switch {
		case slotRun.MatchString(m[0]) || verb == "edit" || verb == "init":
			continue
		case verb == "reschedule":
			as = "--on 'interval 2h'"
		case verb == "cancel" || verb == "release":
			as = "--held"
		}
		h.enter("rota cancel " + m[0] + "; rota forget " + m[0] + "; rota run " + m[1] + " --id " + m[2] + " --input photo.jpg " + as)
	}
}

// codes are the exit codes that a line may have.
func (h *newcomer) codes(line string, daemon bool) []int {
	verb, _, _ := strings.Cut(strings.TrimPrefix(line, "rota "), " ")
	if ends, ok := endsWith[line]; ok {
		if daemon {
			return ends[:1]
		}
		return ends[1:]
	}
	switch {
	case verb == "check" && strings.HasSuffix(line, " --host"):
		return []int{0, 3} // the output depends on the machine
	case endless.MatchString(line):
		return []int{0, 4, 5, 130, -1} // it was interrupted
	case strings.Contains(line, "--crontab"):
		return []int{0} // it has a state directory of its own, and is interrupted
	case strings.HasPrefix(line, "rota import systemd"):
		return []int{0, 1} // which timers there are depends on the machine
	case verb == "daemon" && daemon:
		return []int{7} // there is one
	case !daemon && verb == "run" && strings.Contains(line, "--wait"):
		return []int{125}
	case !daemon && (!slices.Contains(offline, verb) || verb == "status"):
		return []int{5, 0, 4} // 0: of the last program of several; 4: that ran on another day
	case verb == "run" && strings.Contains(line, "|"):
		return []int{0}
	case slotRun.MatchString(line), !daemon && runNamed.MatchString(line):
		return []int{0, 4}
	}
	return []int{0}
}

// newcomer types command lines in a directory and a home of their own.
type newcomer struct {
	t    *testing.T
	dir  string
	file string // that ROTA_CONFIG names
	host string // the address of what is "host" in a line
	env  []string
}

// builtRota is the program as README says to build it: without the race detector, for it
// is started a thousand times.
func builtRota(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "rota")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func newReader(t *testing.T, file string) *newcomer {
	dir := t.TempDir()
	self := builtRota(t)
	write := func(name, text string, mode os.FileMode) {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/rota", fmt.Sprintf("#!/bin/bash\nexec -a rota %s \"$@\"\n", self), 0o755)
	for name, does := range map[string]string{"crontab": "echo '@daily job'", "jq": "cat >/dev/null", "man": "cat >/dev/null", "systemctl": "true", "work-a-little": "rota-stop"} {
		write("bin/"+name, "#!/bin/sh\n"+does+"\n", 0o755)
	}
	address, cert, key, err := ownCertificate()
	if err != nil {
		t.Fatal(err)
	}
	write("server.crt", string(cert), 0o600)
	write("server.key", string(key), 0o600)
	write("token", "a-token-of-32-letters-or-more-0123456789\n", 0o600)
	write("jobs.example.toml", read(t, "jobs.example.toml")+"[rota]\nstate_dir = \"example\"\n"+
		fmt.Sprintf(webOfReader, address), 0o644)
	write("jobs.toml", tasksOfDocs, 0o644)
	write("crontab.txt", "@daily job\n", 0o644)
	write("home/.zsh/functions/x", "", 0o644)
	write("home/.config/fish/completions/x", "", 0o644)
	for _, input := range []string{"photo.jpg", "request.xml"} {
		write(input, "x", 0o644)
	}
	h := &newcomer{t: t, dir: dir, file: file, host: address}
	for name, value := range map[string]string{
		"PATH": filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME": filepath.Join(dir, "home"),
		"XDG_CONFIG_HOME": filepath.Join(dir, "home/.config"), "XDG_STATE_HOME": filepath.Join(dir, "home/state"), "XDG_RUNTIME_DIR": filepath.Join(dir, "home/run"),
		"ROTA_CONFIG": file, "ROTA_TASK": map[bool]string{true: "hello", false: "sync"}[file == "jobs.example.toml"], "EDITOR": "true", "TZ": "UTC", "TERM": "xterm", "GORACE": "atexit_sleep_ms=0",
		"SSL_CERT_FILE": filepath.Join(dir, "server.crt"),
	} {
		h.env = append(h.env, name+"="+value)
	}
	return h
}

// start starts what a line says, with its output in a file.
func (h *newcomer) start(line string) (cmd *exec.Cmd, out string) {
	out = filepath.Join(h.t.TempDir(), "out")
	f, err := os.Create(out)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	cmd = exec.Command("bash", "-c", strings.ReplaceAll(line, "https://host:", "https://"+h.host+":"))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.dir, h.env, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	return cmd, out
}

// daemon starts a daemon, and returns what ends it.
func (h *newcomer) daemon() (stop func()) {
	cmd, out := h.start("exec rota daemon")
	h.await(out, "started")
	return func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("the daemon: %v\n%s", err, read(h.t, out))
		}
	}
}

// await waits until a file has a text.
func (h *newcomer) await(file, text string) {
	for late := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		if b, _ := os.ReadFile(file); bytes.Contains(b, []byte(text)) {
			return
		}
		if time.Now().After(late) {
			h.t.Fatalf("%q did not come:\n%s", text, read(h.t, file))
		}
	}
}

// enter runs a line, and returns its exit code and output. A command that runs until it
// is interrupted is interrupted after its first output.
func (h *newcomer) enter(line string) (code int, said string) {
	cmd, out := h.start(line)
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for asked := false; ; {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), read(h.t, out)
		case <-ctx.Done():
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
			h.t.Errorf("%s: did not end", line)
			return -1, read(h.t, out)
		case <-look.C:
			daemon := strings.HasPrefix(line, "rota daemon")
			text := read(h.t, out)
			if asked { // a second one would not be the same
				continue
			}
			if daemon && strings.Contains(text, "started") || endless.MatchString(line) && strings.Contains(text, "\n") {
				asked = true
				syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
			}
		}
	}
}

// The examples with curl do what they say.
func TestCurlExamples(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl")
	}
	t.Parallel()
	h := newReader(t, "jobs.toml")
	stop := h.daemon()
	defer stop()
	lines := regexp.MustCompile(`(?m)^    (curl .*)$`).FindAllStringSubmatch(read(t, "README.md")+read(t, "docs/api.md"), -1)
	if len(lines) < 6 {
		t.Errorf("only %d examples", len(lines))
	}
	for _, m := range lines {
		line := strings.Replace(m[1], "/run/rota/rota.sock", "state/rota.sock", 1)
		if code, said := h.enter(strings.Replace(line, "curl ", "curl -sS --fail-with-body ", 1)); code != 0 {
			t.Errorf("%s: exit code %d\n%s", m[1], code, said)
		}
	}
}

// The output of show for a task of the example fits on a terminal, with all its runs.
func TestShowFitsATerminal(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, read(t, "jobs.example.toml"))
	d.msg(new(int), "started", "")
	for range 5 {
		d.run("hello", "disk", "invoices")
	}
	for _, task := range []string{"hello", "disk", "invoices", "long"} {
		code, page, stderr := d.rota("show", task)
		if n := strings.Count(page, "\n"); code != 0 || n > 24 {
			t.Errorf("show %s: %d, %d lines, more than 24: %s\n%s", task, code, n, stderr, page)
		}
		if task != "long" && strings.Count(page, "  "+task+"/") != 5 {
			t.Errorf("show %s: not five runs:\n%s", task, page)
		}
	}
	d.stop(syscall.SIGTERM)
}
