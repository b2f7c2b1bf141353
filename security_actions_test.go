package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// hidden are characters that a terminal acts upon or does not show, and shown is
// what has to stay as it is.
const (
	hidden = "\x1b[35m\u009b31m\x07\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\u200b\ufeff\U000e0041"
	shown  = "שלום مرحبا 👩\u200d👩\u200d👧 Größe"
)

// steers are the characters of hidden, but those that rota colours with itself.
var steers = regexp.MustCompile("[\x07\u009b\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u2028\u2029\u200b\ufeff\U000e0041]|\x1b\\[35m|\x1b[^\\[]")

// A daemon that was started from a terminal logs what tasks, users and files say
// without anything that steers it; and the commands show it so.
func TestLogOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "text")
	put(t, file, "MARK "+hidden+`\x1b[35m`+shown+"\n")
	jobs := fmt.Sprintf(`[rota]
state_dir = "state"
[tasks.said]
write = { path = "unused", template_file = %[1]q }
hold_after = 1
[tasks.wrote]
command = "cat %[1]s; exit 3"
params = { word = "" }
[tasks.log]
params = { word = "" }
log = "{{.Params.word}}"
`, file)
	put(t, filepath.Join(dir, "jobs.toml"), jobs)
	master, slave := terminal(t)
	d := &daemon{t: t, dir: dir}
	cmd := d.command("daemon", "--config", filepath.Join(dir, "jobs.toml"))
	cmd.Env = append(cmd.Env, "TERM=xterm", "LANG=C.UTF-8")
	cmd.Stdout, cmd.Stderr = slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	seen := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(master) // its end is an error
		seen <- string(text)
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	c, ctx := d.client(), t.Context()
	awaitNil(t, "the daemon", func() error { _, err := c.Status(ctx); return err })
	evil := "MARK " + hidden + shown
	for _, task := range []string{"wrote", "log"} {
		if _, err := c.Request(ctx, api.Request{Task: task, Key: "a", Params: map[string]string{"word": evil}}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(ctx, task+"/a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Hold(ctx, api.Holding{Tasks: []string{"said"}, Why: evil}); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "jobs.toml"), jobs+"[tasks.\""+strings.NewReplacer("\x1b", "", "\x07", "").Replace(evil)+"\"]\n")
	_, _ = c.Reload(ctx, false)
	for _, args := range [][]string{{"list"}, {"show", "said"}, {"show", "wrote/a"}, {"why", "said"}, {"logs", "wrote/a"}, {"logs", "log/a"}, {"status"}, {"check"}, {"history"}} {
		for _, text := range []string{d.pty(args...), d.pty(append(args, "--json")...)} {
			if bad := steers.FindString(text); bad != "" {
				t.Errorf("rota %q sends %q to the terminal: %q", args, bad, text)
			}
		}
	}
	if text := d.pty("logs", "wrote/a"); !strings.Contains(text, shown) {
		t.Errorf("what is harmless is shown otherwise: %q", text)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	log := <-seen
	if bad := steers.FindString(log); bad != "" {
		t.Errorf("the log sends %q to the terminal: %q", bad, log)
	}
	if strings.Count(log, "MARK") < 4 || strings.Count(log, shown) < 2 {
		t.Errorf("the log says too little: %q", log)
	}
}

// The query of a URL, the headers of a request and the input of a task are shown nowhere.
func TestSecretsOfRequests(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500) // a server that echoes the request
		fmt.Fprintf(w, "%s %s %v", r.URL, r.Header, r.Header.Get("X-Key"))
	}))
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	jobs := fmt.Sprintf(`
[tasks.told]
http = { url = %q, headers = { X-Key = "header-secret-1" }, body = "body-secret-1" }
[tasks.gone]
http = { url = %q }
[tasks.reads]
command = "cat >/dev/null"
stdin = "stdin-secret-1"
`, strings.Replace(server.URL, "//", "//login-secret-1:password-secret-1@", 1)+"/path?token=query-secret-1#fragment-secret-1",
		strings.Replace(gone.URL, "//", "//login-secret-1:password-secret-1@", 1)+"/path?token=query-secret-1")
	d := newDaemon(t, jobs)
	from := 0
	d.msg(&from, "started", "")
	var all strings.Builder
	say := func(args ...string) {
		_, stdout, stderr := d.rota(args...)
		all.WriteString(stdout + stderr)
	}
	for _, task := range []string{"told", "gone", "reads"} {
		say("run", task, "--wait", "--id", "a")
		for _, args := range [][]string{{"show", task}, {"show", task + "/a"}, {"logs", task + "/a"}, {"why", task}, {"explain", task}} {
			say(args...)
			say(append(args, "--json")...)
		}
	}
	put(t, filepath.Join(d.dir, "jobs.toml"), header+strings.ReplaceAll(jobs, "secret-1", "secret-2"))
	say("reload", "--plan")
	say("reload")
	put(t, filepath.Join(d.dir, "jobs.toml"), header+strings.Replace(jobs, "http://", "http://secret-1:secret-2/", 1))
	d.rota("reload") // every caller sees the faulty line
	d.msg(&from, "reload refused: the last good file stays in force", "")
	for _, args := range [][]string{{"list"}, {"history"}, {"status"}} {
		if args[0] != "status" { // callers who may reload see the line
			say(args...)
			say(append(args, "--json")...)
		}
	}
	if d.stop(syscall.SIGTERM) != 0 {
		t.Error("the daemon did not end well")
	}
	all.WriteString(d.text())
	err := filepath.WalkDir(filepath.Join(d.dir, "state"), func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.Contains(path, "last-good") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := all.String()
	for what := range strings.SplitSeq("header body login password query fragment stdin", " ") {
		if i := strings.Index(text, what+"-secret-"); i >= 0 {
			t.Errorf("the %s shows: %q", what, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	if !strings.Contains(text, "/path") || !strings.Contains(text, "14 bytes") {
		t.Error("the path or the length of stdin shows nowhere: the test shows little")
	}
}

// shared makes a directory that everybody can look into, with one of another user
// and one of root's that has a file which only root may read.
func shared(t *testing.T) (home, outside string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	top, err := os.MkdirTemp("/tmp", "rota")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	home, outside = filepath.Join(top, "home"), filepath.Join(top, "outside")
	for _, dir := range []string{home, outside} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	secret, old := filepath.Join(outside, "file"), time.Unix(1e9, 0)
	put(t, secret, "precious")
	for _, err := range []error{os.Chmod(secret, 0o600), os.Chmod(top, 0o755), os.Chtimes(secret, old, old), os.Chown(home, 65534, 65534)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return home, outside
}

// A built-in action of a user does what the user can do: follow links of their
// own, and read no file that is root's alone.
func TestActionsOfAUser(t *testing.T) {
	home, outside := shared(t)
	t.Parallel()
	for name, target := range map[string]string{"dir": "real", "secret": "../outside/file", "away": "../outside"} {
		if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(filepath.Join(home, name), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(home, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(home, "real", "template"), "theirs")
	for _, name := range []string{"real", "real/template"} {
		if err := os.Chown(filepath.Join(home, name), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	jobs, want := "", map[string]string{}
	for name, task := range map[string][2]string{
		"write":  {`write = { path = "HOME/dir/file", template_file = "HOME/dir/template" }`, "ok"},
		"clean":  {`clean = { path = "HOME/dir", older_than = "1h" }`, "ok"},
		"read":   {`write = { path = "HOME/dir/copy", template_file = "HOME/secret" }`, "failed"},
		"send":   {`http = { url = "http://127.0.0.1:1/", body_file = "HOME/secret" }`, "failed"},
		"change": {`write = { path = "HOME/secret", text = "x" }`, "failed"},
		"append": {`write = { path = "HOME/secret", text = "x", append = true }`, "failed"},
		"remove": {`clean = { path = "HOME/away", older_than = "1h" }`, "failed"},
	} {
		for _, mode := range []string{"threaded", "forked"} {
			jobs += fmt.Sprintf("[tasks.%[1]s-%[2]s]\nuser = \"nobody\"\ndir = \"/\"\nmode = %[2]q\n%[3]s\n", name, mode, strings.ReplaceAll(task[0], "HOME", home))
			want[name+"-"+mode] = task[1]
		}
	}
	d := newDaemon(t, jobs)
	d.msg(new(int), "started", "")
	c, ctx := d.client(), t.Context()
	for task, outcome := range want {
		if _, err := c.Request(ctx, api.Request{Task: task, Key: "a"}, nil); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Wait(ctx, task+"/a"); err != nil || string(r.Outcome) != outcome {
			t.Errorf("%s: %s, %s, %v; want %s", task, r.Outcome, r.Why, err, outcome)
		}
	}
	intact(t, outside)
}

// intact fails if anything outside has changed.
func intact(t *testing.T, outside string) {
	t.Helper()
	if text, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(text) != "precious" {
		t.Errorf("outside there is %q, %v", text, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
}

// A daemon of root works in a directory of another user, who keeps replacing it by a link
// to a directory of root.
func TestActionsAgainstExchange(t *testing.T) {
	home, outside := shared(t)
	t.Parallel()
	c := exec.Command("/bin/sh", "-c", `mkdir dir && echo theirs >dir/file && while :; do mv dir away && ln -s ../outside dir; rm dir; mv away dir; done`)
	c.Dir = home
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })

	d := newDaemon(t, strings.ReplaceAll(`
[tasks.write]
write = { path = "HOME/dir/file", text = "x" }
[tasks.append]
write = { path = "HOME/dir/file", text = "x", append = true }
[tasks.read]
write = { path = "copy", template_file = "HOME/dir/file" }
[tasks.clean]
clean = { path = "HOME/dir", older_than = "1h", recursive = true }
`, "HOME", home))
	d.msg(new(int), "started", "")
	cl, ctx := d.client(), t.Context()
	seen := map[runner.Outcome]int{} // a directory, and a link
	for i := 0; i < 20 || i < 500 && (seen[runner.OK] == 0 || seen[runner.Failed] == 0); i++ {
		for _, task := range []string{"write", "append", "read", "clean"} {
			key := fmt.Sprint("k", i)
			if _, err := cl.Request(ctx, api.Request{Task: task, Key: key}, nil); err != nil {
				t.Fatal(err)
			}
			r, err := cl.Wait(ctx, task+"/"+key)
			if err != nil {
				t.Fatal(err)
			}
			seen[r.Outcome]++
		}
		if text, err := os.ReadFile(filepath.Join(d.dir, "copy")); err == nil && strings.Contains(string(text), "precious") {
			t.Fatal("a file that only root may read was read")
		}
	}
	intact(t, outside)
	if seen[runner.OK] == 0 || seen[runner.Failed] == 0 {
		t.Errorf("what became of the runs is %v: the test shows little", seen)
	}
}
