package main_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/internal/control"
)

// A network client needs a token for its calls, TLS, a name of rota, and its own origin.
func TestListenersOfTheDaemon(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
hosts = ["rota.example"]
[web.tokens.wall]
file = "wall.token"
may = "read"
[web.tokens.ci]
file = "ci.token"
may = "request"
tasks = ["ec*"]
[tasks.echo]
command = "echo done"
[tasks.mail]
log = "x"
`, map[string]string{"wall.token": "wall-0123456789abcdef", "ci.token": "ci-0123456789abcdef"})
	bearer := func(token string) [2]string { return [2]string{"Authorization", "Bearer " + token} }
	ops, wall, ci := bearer(opsToken), bearer("wall-0123456789abcdef"), bearer("ci-0123456789abcdef")
	for _, test := range []struct {
		name, method, path string
		heads              [][2]string
		want               int
	}{
		{"no token", "GET", "/v1/status", nil, 401},
		{"wrong token", "GET", "/v1/status", [][2]string{bearer("wrong-0123456789abcdef")}, 401},
		{"right token", "GET", "/v1/status", [][2]string{ops}, 200},
		{"foreign host", "GET", "/v1/status", [][2]string{ops, {"Host", "evil.example"}}, 403},
		{"host of its own", "GET", "/v1/status", [][2]string{ops, {"Host", "rota.example"}}, 200},
		{"foreign origin", "POST", "/v1/hold", [][2]string{ops, {"Origin", "https://evil.example"}}, 403},
		{"page elsewhere", "POST", "/v1/tasks/echo/runs", [][2]string{ops, {"Sec-Fetch-Site", "cross-site"}}, 403},
		{"reader reads", "GET", "/v1/tasks/mail", [][2]string{wall}, 200},
		{"reader runs", "POST", "/v1/tasks/echo/runs", [][2]string{wall}, 403},
		{"requester runs", "POST", "/v1/tasks/echo/runs", [][2]string{ci}, 200},
		{"requester runs another's", "POST", "/v1/tasks/mail/runs", [][2]string{ci}, 404},
		{"requester reloads", "POST", "/v1/reload", [][2]string{ci}, 403},
		{"requester stops", "POST", "/v1/tasks/echo/stop", [][2]string{ci}, 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, h.url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, head := range test.heads {
			if r.Header.Set(head[0], head[1]); head[0] == "Host" {
				r.Host = head[1]
			}
		}
		answer, err := (&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: h.roots}}).RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%s: %d %s, want %d", test.name, answer.StatusCode, text, test.want)
		}
	}
	if answer, err := http.Get(strings.Replace(h.url, "https:", "http:", 1) + "/v1/status"); err == nil {
		defer answer.Body.Close()
		if answer.StatusCode == 200 {
			t.Error("it answers without TLS")
		}
	}
}

// A request over HTTP for a full queue gets an error and the time when to try again, in
// standard form.
func TestFullQueueOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[queues.small]
capacity = 1
[tasks.t]
command = "true"
queue = "small"
overlap = "allow"
`, nil)
	if code, _, stderr := h.rota("queue", "stop", "small"); code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []struct {
		status int
		after  string
		says   string
	}{{200, "", `"state":"queued"`}, {503, "1", `the queue \"small\" is full`}} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/v1/tasks/t/runs", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+opsToken)
		answer, err := (&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: h.roots}}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if after := answer.Header.Get("Retry-After"); answer.StatusCode != want.status || after != want.after || !strings.Contains(string(text), want.says) {
			t.Errorf("%d %s, Retry-After %q, want %d, %q", answer.StatusCode, text, after, want.status, want.after)
		}
	}
}

// asNobody runs a command against the daemon as another user.
func (d *daemon) asNobody(binary string, args ...string) (code int, said string) {
	d.t.Helper()
	c := d.command(args...)
	c.Path, c.Dir = binary, "/"
	c.Env = append(c.Env, "ROTA_CONFIG=")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := c.CombinedOutput()
	return c.ProcessState.ExitCode(), string(out)
}

// Another user may name the file, also by a link, and is answered by the daemon that runs
// it; for another file with the same state directory the error says that it is another
// one.
func TestOtherUserNamesTheFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	dir, binary := public(t)
	jobs := fmt.Sprintf("[rota]\nlog_format = \"json\"\nstate_dir = %q\n[tasks.theirs]\nuser = \"nobody\"\ndir = \"/\"\ncommand = \"id -un\"\n", filepath.Join(dir, "state"))
	put(t, filepath.Join(dir, "jobs.toml"), jobs)
	put(t, filepath.Join(dir, "other.toml"), jobs)
	mustDo(t, os.Chmod(filepath.Join(dir, "jobs.toml"), 0o644), os.Chmod(filepath.Join(dir, "other.toml"), 0o644), os.Symlink("jobs.toml", filepath.Join(dir, "link.toml")))
	d := startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")
	ask := func(file string, code int, says string, args ...string) {
		t.Helper()
		c := d.command(append([]string{"-c", filepath.Join(dir, file)}, args...)...)
		c.Path, c.Dir = binary, "/"
		c.Env = append(c.Env, "ROTA_SOCKET=", "ROTA_CONFIG=")
		nobody(c)
		out, _ := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
			t.Errorf("%s %v: exit code %d, want %d with %q:\n%s", file, args, got, code, says, out)
		}
	}
	ask("jobs.toml", 0, "theirs", "list")
	ask("link.toml", 0, "theirs/", "run", "theirs", "--wait")
	ask("jobs.toml", 0, "nobody", "logs", "theirs")
	ask("other.toml", 5, "runs another file", "ping")
	ask("other.toml", 6, "runs another file, and you may not read the state directory "+filepath.Join(dir, "state"), "list")
	d.stop(syscall.SIGTERM)
	ask("jobs.toml", 6, "you may not read the state directory "+filepath.Join(dir, "state"), "history")
}

// Another user of the machine sees and runs the tasks that run as them, and
// nothing else.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	dir, binary := public(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`socket = %q
[tasks.theirs]
user = "nobody"
dir = "/"
command = "id -un; sleep 1000"
stop_signal = "KILL"
[tasks.ours]
command = "echo root"
`, filepath.Join(dir, "rota.sock")))
	d := startDaemon(t, dir, nil)
	d.at = filepath.Join(dir, "rota.sock")
	d.msg(new(int), "started", "")
	if code, _, said := d.rota("run", "ours", "--id", "a", "--wait"); code != 0 {
		t.Fatalf("root: %d %s", code, said)
	}
	for _, test := range []struct {
		args  string
		code  int
		has   string
		hasNo string
	}{
		{"list", 0, "theirs", "ours"},
		{"list --json", 0, `"theirs"`, "ours"},
		{"history", 0, "", "ours"},
		{"status", 0, "", "jobs.toml"},
		{"show ours", 4, "no task", "echo root"},
		{"show ours/a", 4, "", "echo root"},
		{"logs ours/a", 4, "", "root\n"},
		{"why ours", 4, "no task", "a day"},
		{"run ours", 4, "no task", ""},
		{"hold ours", 4, "no task", ""},
		{"hold --all", 6, "nobody may not", ""},
		{"release --all", 6, "nobody may not", ""},
		{"cancel --all", 6, "nobody may not", ""},
		{"cancel ours/a", 4, "", ""},
		{"stop ours", 4, "no task", ""},
		{"reload", 6, "nobody may not", ""},
		{"drain", 6, "nobody may not", ""},
		{"queue list", 6, "nobody may not", ""},
		{"reschedule theirs never", 6, "nobody may not", ""},
		{"skip theirs", 6, "nobody may not", ""},
		{"forget theirs/b", 6, "nobody may not", ""},
		{"run theirs --id b", 0, "theirs/b", ""},
		{"logs theirs/b", 0, "", "root"},
		{"hold theirs", 0, "theirs", ""},
		{"release theirs", 0, "theirs", ""},
		{"stop theirs", 0, "theirs/b", ""},
		{"show theirs/b", 0, "nobody", "ours"},
	} {
		code, said := d.asNobody(binary, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(said, test.has) || test.hasNo != "" && strings.Contains(said, test.hasNo) {
			t.Errorf("nobody: rota %s: %d %q, want %d, with %q, without %q", test.args, code, said, test.code, test.has, test.hasNo)
		}
	}
	run, err := d.client().Run(t.Context(), "theirs/b")
	if err != nil || run.Outcome != "cancelled" || run.Who != "nobody" {
		t.Errorf("what nobody ran and stopped: %+v, %v", run, err)
	}
}

// A run may act on its own task, and on no other, as long as it is under way.
func TestTokenOfARun(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, `
[tasks.own]
cron = "0 0 1 1 *"
command = "echo $ROTA_TOKEN >token; while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done"
[tasks.other]
cron = "0 0 1 1 *"
log = "x"
`)
	d.msg(new(int), "started", "")
	if code, _, said := d.rota("run", "own", "--id", "a"); code != 0 {
		t.Fatal(said)
	}
	awaitText(t, filepath.Join(d.dir, "token"), `^run\.\S+\n`)
	token, err := os.ReadFile(filepath.Join(d.dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	run := d.ask(control.Target{Socket: d.socket(), Token: strings.TrimSpace(string(token))})
	_, err = run.Run(ctx, "own/a")
	wants(t, "see itself", err, "")
	moved, err := run.Reschedule(ctx, api.Rescheduling{Name: "own", Expr: "interval 3h"})
	if wants(t, "reschedule its task", err, ""); moved.Name != "own" {
		t.Errorf("rescheduled %+v", moved)
	}
	tasks, err := d.client().Tasks(ctx, "own")
	if wants(t, "list", err, ""); len(tasks) != 1 || tasks[0].On == nil || tasks[0].On.By != "run own/a" {
		t.Errorf("rescheduled by a run: %+v", tasks)
	}
	if os.Getuid() != 0 { // root may do all that, with any token
		_, err = run.Reschedule(ctx, api.Rescheduling{Name: "other", Expr: "never"})
		wants(t, "reschedule another", err, api.NotFound)
	}
	forged := strings.TrimSpace(string(token))
	forged = forged[:len(forged)-4] + strings.Map(func(r rune) rune { return 'A' + (r-'A'+1)%26 }, "AAAA")
	h := d.ask(control.Target{Socket: d.socket(), Token: forged})
	_, err = h.Hold(ctx, api.Holding{Tasks: []string{"own"}})
	if os.Getuid() != 0 {
		wants(t, "a forged token", err, api.Forbidden)
	}
	put(t, filepath.Join(d.dir, "go"), "")
	if _, err := d.client().Wait(ctx, "own/a"); err != nil {
		t.Fatal(err)
	}
	held, err := run.Hold(ctx, api.Holding{Tasks: []string{"own"}})
	if err == nil && held[0].Hold.By == "run own/a" {
		t.Error("the token outlived its run")
	}
}

// Values from clients are not used as command, address or path: they reach a task
// unchanged, or are refused.
func TestHostileParameters(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, `
[tasks.echo]
params = { word = "" }
command = 'printf %s "$ROTA_PARAM_WORD" >"$ROTA_RESULT_FILE"'
`)
	d.msg(new(int), "started", "")
	ctx, c := t.Context(), d.client()
	hurt := filepath.Join(d.dir, "hurt")
	for i, word := range []string{
		"$(touch " + hurt + ")", "`touch " + hurt + "`", "; touch " + hurt, "' ; touch " + hurt + " #", "\" ; touch " + hurt + " #",
		"a\nb\r\n", "\x1b]0;x\x07", "../../etc/passwd", "{{.Task}}", "%s%n", "-rf", "\xff\xfe", strings.Repeat("x", 60<<10),
	} {
		run, err := c.Request(ctx, api.Request{Task: "echo", Key: fmt.Sprint("k", i), Params: map[string]string{"word": word}}, nil)
		if err != nil {
			t.Errorf("%.40q: %v", word, err)
			continue
		}
		if run, err = c.Wait(ctx, run.ID); err != nil || run.Outcome != "ok" {
			t.Errorf("%.40q: %s %v", word, run.Outcome, err)
			continue
		}
		result, err := c.Result(ctx, run.ID)
		if err != nil {
			t.Errorf("%.40q: %v", word, err)
			continue
		}
		got, _ := io.ReadAll(result)
		result.Close()
		if want := strings.ToValidUTF8(word, "\ufffd"); string(got) != want && string(got) != strings.ReplaceAll(word, "\xff\xfe", "\ufffd\ufffd") {
			t.Errorf("%.40q came as %.40q", word, got)
		}
	}
	if _, err := os.Stat(hurt); err == nil {
		t.Error("a parameter was run as a command")
	}
	for name, params := range map[string]map[string]string{
		"a zero byte":       {"word": "a\x00b"},
		"1 MiB":             {"word": strings.Repeat("x", 1<<20)},
		"a shell's name":    {"$(touch " + hurt + ")": "x"},
		"a name with =":     {"word=x": "x"},
		"a name of rota's":  {"ROTA_TOKEN": "x"},
		"a line as a name":  {"word\nLD_PRELOAD": "x"},
		"a name in capital": {"WORD": "x"},
	} {
		_, err := c.Request(ctx, api.Request{Task: "echo", Params: params}, nil)
		wants(t, name, err, api.Usage)
	}
}

// terminal opens a pseudo terminal: what is written to slave is read from master.
func terminal(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// pty runs a rota command with a terminal for its output, and returns what that
// would get to see.
func (d *daemon) pty(args ...string) string {
	d.t.Helper()
	master, slave := terminal(d.t)
	defer master.Close()
	defer slave.Close()
	c := d.command(args...)
	c.Env = append(c.Env, "TERM=xterm", "LANG=C.UTF-8", "PAGER=cat")
	c.Stdout, c.Stderr = slave, slave
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	slave.Close()
	seen := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(master) // its end is an error
		seen <- text
	}()
	stuck := time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() })
	defer stuck.Stop()
	_ = c.Wait()
	return string(<-seen)
}

// colours are all that rota itself says to a terminal, beside text.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m|\r\n|\r\x1b\\[K|\x1b\\[K|\x1b\\[[0-9]*[ABCDGHJK]|\x1b\\[\\?25[lh]|\t|\n")

// No text in a file, a request or the output of a task controls the terminal.
func TestTerminalEscapes(t *testing.T) {
	t.Parallel()
	// Of a title, a clipboard, a bell, a colour that stays, C1 letters, and of
	// turning the direction of writing round. The mark is in each.
	evil := "\x1b]0;MARK\x07\x1b]52;c;MARK\x07\x1b[31mMARK\x1b[2J\u009b31mMARK\u202eMARK\rMARK\x08"
	quoted := strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`, "\u009b", `\u009b`, "\u202e", `\u202e`, "\r", `\r`, "\x08", `\b`).Replace(evil)
	d := newDaemon(t, fmt.Sprintf(`
[queues.side]
description = "%[1]s"
[notify.ops]
command = "cat >/dev/null; printf '%%s' \"$0\" >&2; exit 3"
[tasks.evil]
description = "%[1]s"
tags = ["%[1]s"]
params = { word = "%[1]s" }
cron = "0 0 1 1 *"
command = 'printf "%%b\n" "\033]0;MARK\007\033[31mMARK\033[2J\302\23331mMARK\342\200\256MARK\rMARK\010"; cat; exit 3'
on_failure = ["ops"]
[tasks.slow]
command = "printf '%%b' '\\033]0;MARK\\007\\n'; sleep 1000 # %[1]s"
stop_signal = "KILL"
queue = "side"
[tasks.said]
log = "%[1]s"
`, quoted))
	d.msg(new(int), "started", "")
	ctx, c := t.Context(), d.client()
	if _, err := c.Request(ctx, api.Request{Task: "evil", Key: "a", Params: map[string]string{"word": evil}}, strings.NewReader(evil)); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Wait(ctx, "evil/a"); err != nil || r.Outcome != "failed" {
		t.Fatal(r, err)
	}
	for _, q := range []api.Request{{Task: "slow", Key: "a"}, {Task: "said", Key: "a"}, {Task: "evil", Key: "later", In: time.Hour, Params: map[string]string{"word": evil}}, {Task: "evil", Key: "recurring", On: "interval 3h"}} {
		if _, err := c.Request(ctx, q, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Hold(ctx, api.Holding{Tasks: []string{"said"}, Why: evil}); err != nil {
		t.Fatal(err)
	}
	awaitNil(t, "the slow one", func() error { _, err := c.Log(ctx, api.LogQuery{Run: "slow/a"}); return err })
	marks := 0
	for _, args := range [][]string{
		{"list"}, {"ps"}, {"status"}, {"next"}, {"history"}, {"history", "evil"}, {"queue", "list"}, {"why", "evil"}, {"why", "said"}, {"explain", "evil"},
		{"show", "evil"}, {"show", "evil/a"}, {"show", "said"}, {"show", "slow/a"}, {"show", "evil/later"}, {"show", "evil/recurring"},
		{"logs", "evil/a"}, {"logs", "said/a"}, {"logs", "slow/a"}, {"check"}, {"hold", "evil", "--reason", evil}, {"release", "evil"},
		{"run", evil}, {"run", "evil", "--id", evil}, {"run", "evil", "word=" + evil, "--wait", "--id", "b"}, {"run", "evil", evil + "=x"}, {"run", "evil", "--on", evil}, {"run", "evil", "--at", evil},
		{"show", evil}, {"show", "evil/" + evil}, {"logs", evil}, {"result", "evil/" + evil}, {"why", evil}, {"why", "evil", evil}, {"explain", evil}, {"list", evil},
		{"stop", evil}, {"cancel", evil}, {"cancel", "evil/" + evil}, {"hold", evil}, {"release", evil}, {"skip", evil}, {"reschedule", "evil", evil}, {"reschedule", evil, "never"},
		{"forget", evil}, {"queue", "stop", evil}, {"notify", "test", evil}, {"notify", "test", "ops"}, {"exec", evil}, {evil}, {"--" + evil}, {"--socket", "/" + evil, "status"},
		{"--config", "/" + evil, "list"}, {"check", "/" + evil}, {"--url", evil, "list"}, {"--token-file", "/" + evil, "list"}, {"drain", "--for", evil}, {"next", "-n", evil}, {"history", "--since", evil},
	} {
		for _, arg := range args {
			if strings.Contains(arg, "\x00") {
				t.Fatal("no argument holds a zero byte")
			}
		}
		seen := d.pty(args...) + d.pty(append([]string{"--json"}, args...)...)
		marks += strings.Count(seen, "MARK")
		rest := colours.ReplaceAllString(seen, "")
		for _, bad := range []string{"\x1b", "\x07", "\u009b", "\u202e", "\r", "\x08", "\x1b[31mMARK"} {
			if strings.Contains(rest, bad) || strings.Contains(seen, "\x1b[31mMARK") || strings.Contains(seen, "\x1b[2J") {
				t.Errorf("rota %.60q sends %q to the terminal: %q", args, bad, seen)
				break
			}
		}
	}
	if marks < 50 {
		t.Errorf("only %d marks were seen: the test shows little", marks)
	}
	_, _ = c.Stop(ctx, "slow", true)
}

// tokenOf is the token of a run under way, as its process has it.
func tokenOf(t *testing.T, run string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path) // it may be gone, or another's
		if err != nil || !bytes.Contains(text, []byte("ROTA_RUN="+run+"\x00")) {
			continue
		}
		for v := range bytes.SplitSeq(text, []byte{0}) {
			if token, ok := bytes.CutPrefix(v, []byte("ROTA_TOKEN=")); ok {
				return string(token)
			}
		}
	}
	t.Fatalf("no process has the token of %s", run)
	return ""
}

// TestSecrets runs tasks that print all that they know, sends all requests in all ways,
// and then searches all answers, logs and stored files for secrets. Only the copy of the
// last good file contains what the file itself contains: the paths of a webhook and a
// ping. A command that "rota exec" starts is omitted: it uses the terminal itself, of a
// user who can read the secrets.
func TestSecrets(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"file": "SECRET-file-7f3a9c", "env": "SECRET-env-51be02", "cred": "SECRET-cred-d04e77", "token": opsToken,
		"smtp": "SECRET-smtp-93ad10", "webhook": "SECRET-webhook-c6b1", "ping": "SECRET-ping-2e80f4",
	}
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusTeapot) // so that it gets a notification that failed
	}))
	defer there.Close()
	mailer, err := net.Listen("tcp", "127.0.0.1:0") // which no server answers
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(mailer.Addr().String())
	mailer.Close()
	creds := t.TempDir()
	private(t, filepath.Join(creds, "db"), secrets["cred"]+"\n")
	h := newHouse(t, fmt.Sprintf(`
[smtp]
host = "127.0.0.1"
port = %[1]s
tls = "none"
from = "rota@example.org"
user = "rota"
password_file = "smtp.secret"
[notify.hook]
webhook = { url = "%[2]s/%[3]s" }
[notify.post]
mail = { to = "ops@example.org" }
[tasks.tell]
description = "prints all it knows"
secrets = { OF_FILE = "file:file.secret", OF_ENV = "env:SECRET_ENV", OF_CRED = "cred:db" }
command = "env | sort; echo $OF_FILE $OF_ENV $OF_CRED; cat /proc/$$/cmdline; echo up >up; while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done; exit 3"
on_failure = ["hook", "post"]
ping = "%[2]s/%[4]s"
[tasks.forked]
mode = "forked"
secrets = { OF_FILE = "file:file.secret", OF_ENV = "env:SECRET_ENV", OF_CRED = "cred:db" }
command = "env | sort; echo $OF_FILE $OF_ENV $OF_CRED; echo up >up2; while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done; exit 3"
[tasks.alone]
secrets = { OF_FILE = "file:file.secret", OF_ENV = "env:SECRET_ENV", OF_CRED = "cred:db" }
command = "env | grep OF_; echo $OF_FILE >&2; exit 3"
[tasks.gone]
secrets = { OF_FILE = "file:file.secret" }
command = "/nonexistent $OF_FILE $OF_FILE"
[tasks.web]
http = { url = "http://user:%[3]s@127.0.0.1:1/x", headers = { Authorization = "Bearer %[3]s" } }
`, port, there.URL, secrets["webhook"], secrets["ping"]), map[string]string{"smtp.secret": secrets["smtp"] + "\n", "file.secret": secrets["file"] + "\n"},
		"SECRET_ENV="+secrets["env"], "CREDENTIALS_DIRECTORY="+creds)
	ctx, c := t.Context(), h.client()
	var said bytes.Buffer // all output to users
	for _, task := range []string{"tell", "forked", "gone", "web"} {
		code, out, err := h.rota("run", task, "--id", "a")
		fmt.Fprintln(&said, code, out, err)
	}
	awaitText(t, filepath.Join(h.dir, "up"), "up")
	awaitText(t, filepath.Join(h.dir, "up2"), "up")
	// What every user of the machine can see while it runs.
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Fatal(lines, err)
	}
	for _, path := range lines {
		text, _ := os.ReadFile(path) // it may be gone
		if bytes.Contains(text, []byte("SECRET-")) {
			t.Errorf("%s: %q", path, text)
		}
	}
	secrets["run"], secrets["forked run"] = tokenOf(t, "tell/a"), tokenOf(t, "forked/a")
	put(t, filepath.Join(h.dir, "go"), "")
	for _, id := range []string{"tell/a", "forked/a", "gone/a", "web/a"} {
		if r, err := c.Wait(ctx, id); err != nil || r.Outcome != "failed" {
			t.Errorf("%s: %s %v", id, r.Outcome, err)
		}
	}
	awaitNil(t, "an undelivered notification of each kind", func() error {
		s, err := c.Status(ctx)
		if err == nil && len(s.Undelivered) < 2 {
			err = fmt.Errorf("%+v", s.Undelivered)
		}
		return err
	})
	tokenFile := filepath.Join(h.dir, "ops.token")
	for _, global := range [][]string{{}, {"--json"}, {"--url", h.url, "--token-file", tokenFile}} {
		for _, args := range []string{
			"list", "ps", "status", "next", "history", "queue list", "check", "check --host", "show tell", "show tell/a", "show forked/a", "show forked", "show gone/a", "show web", "show web/a", "logs tell/a", "logs forked/a", "logs gone/a", "logs web/a",
			"result tell/a", "why tell", "why web", "explain tell", "notify test hook", "notify test post", "reload --plan", "reload", "hold tell", "release tell", "ping", "version", "schema", "exec gone", "exec web", "run alone --wait", "skip tell", "reschedule tell never", "reschedule tell default", "cancel --all tell",
		} {
			code, out, err := h.rota(append(strings.Fields(args), global...)...)
			fmt.Fprintln(&said, args, code, out, err)
		}
	}
	for _, path := range []string{"/v1/status", "/v1/tasks", "/v1/tasks/tell", "/v1/tasks/web", "/v1/runs", "/v1/runs/tell/a", "/v1/runs/tell/a/log", "/v1/runs/web/a", "/v1/runs/web/a/log", "/v1/queues", "/v1/next", "/v1/why?task=tell"} {
		r, err := http.NewRequestWithContext(ctx, "GET", h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+opsToken)
		answer, err := (&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: h.roots}}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&said, path, answer.Status)
		_, _ = io.Copy(&said, answer.Body)
		answer.Body.Close()
	}
	if !strings.Contains(said.String(), "OF_FILE=***") {
		t.Errorf("what the tasks printed is not there, masked: %.3000s", &said)
	}
	h.stop(syscall.SIGKILL) // so that the database's log is there, too
	look := func(where string, text []byte) {
		for name, secret := range secrets {
			if at := bytes.Index(text, []byte(secret)); secret != "" && at >= 0 {
				t.Errorf("%s shows the secret %q: %q", where, name, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
	look("what was answered", said.Bytes())
	for _, l := range h.lines {
		look("the log", []byte(l.raw))
	}
	err = filepath.WalkDir(filepath.Join(h.dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(path, "last-good") { // it is a copy of the file
			for _, name := range []string{"webhook", "ping"} {
				text = bytes.ReplaceAll(text, []byte(secrets[name]), nil)
			}
		}
		look(path, text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
