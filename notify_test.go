package main_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control/controltest"
)

// mailServer takes mail.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	got      chan letter
}

// letter is a mail as the server got it.
type letter struct {
	encrypted bool
	to        string
	text      string
}

// newMailServer starts one; upgrade, if not nil, is what STARTTLS does.
func newMailServer(t *testing.T, upgrade func(net.Conn) net.Conn) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{t: t, listener: l, got: make(chan letter, 100)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.talk(conn, upgrade)
		}
	}()
	return m
}

// settings is the table of the server in the file.
func (m *mailServer) settings(tls string) string {
	return fmt.Sprintf("[smtp]\nhost = \"127.0.0.1\"\nport = %d\ntls = %q\nfrom = \"rota@example.org\"\n", m.listener.Addr().(*net.TCPAddr).Port, tls)
}

// next is the mail that comes next.
func (m *mailServer) next() letter {
	m.t.Helper()
	select {
	case l := <-m.got:
		return l
	case <-time.After(2 * time.Minute):
		m.t.Fatal("no mail in time")
		return letter{}
	}
}

// left is how many mails have arrived and were not read yet.
func (m *mailServer) left() int { return len(m.got) }

// talk is one connection.
func (m *mailServer) talk(conn net.Conn, upgrade func(net.Conn) net.Conn) {
	defer func() { conn.Close() }()
	lines := bufio.NewReader(conn)
	fmt.Fprintf(conn, "220 test\r\n")
	var l letter
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
		case "EHLO":
			if upgrade != nil && !l.encrypted {
				fmt.Fprintf(conn, "250-test\r\n250 STARTTLS\r\n")
			} else {
				fmt.Fprintf(conn, "250 test\r\n")
			}
		case "STARTTLS":
			fmt.Fprintf(conn, "220 go ahead\r\n")
			conn = upgrade(conn)
			lines = bufio.NewReader(conn)
			l.encrypted = true
		case "RCPT":
			l.to += line
			fmt.Fprintf(conn, "250 ok\r\n")
		case "DATA":
			fmt.Fprintf(conn, "354 go ahead\r\n")
			var text strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			l.text = text.String()
			m.got <- l
			fmt.Fprintf(conn, "250 taken\r\n")
		case "QUIT":
			fmt.Fprintf(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprintf(conn, "250 ok\r\n")
		}
	}
}

const bad = "[tasks.bad]\ncommand = \"echo deep trouble; exit 3\"\non_failure = [\"ops\"]\n"

// A mail says what happened, to a server in clear and to one that encrypts.
func TestMailTargets(t *testing.T) {
	t.Parallel()
	cert, key, _ := controltest.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, upgrade := range map[string]func(net.Conn) net.Conn{
		"none":     nil,
		"starttls": func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}) },
	} {
		t.Run(kind, func(t *testing.T) {
			bad := strings.Replace(bad, "]\n", "]\nat = \"04:00\"\ntimezone = \"Asia/Kathmandu\"\n", 1)
			m := newMailServer(t, upgrade)
			dir := t.TempDir()
			put(t, filepath.Join(dir, "jobs.toml"), header+m.settings(kind)+"[notify.ops]\nmail = { to = [\"ops@example.org\", \"all@example.org\"], attach_output = true }\n"+bad)
			d := startDaemon(t, dir, func(c *exec.Cmd) { c.Env = append(c.Env, "SSL_CERT_FILE="+cert) })
			d.msg(new(int), "started", "")
			code, out, stderr := d.rota("notify", "test", "ops")
			if code != 0 || !regexp.MustCompile(`^sent to ops@example.org, all@example.org in \d+\.\ds\n$`).MatchString(out) {
				t.Errorf("notify test: %d %q %q", code, out, stderr)
			}
			if l := m.next(); !strings.Contains(l.text, ": a test\r\n") || l.encrypted != (upgrade != nil) {
				t.Errorf("the test: %+v", l)
			}
			d.run("bad")
			l := m.next()
			for _, want := range []string{"Subject: rota on ", ": bad failed (exit 3)", "deep trouble", " +0545\r\n", "details: rota show bad/", `filename="bad+`} {
				if !strings.Contains(l.text, want) {
					t.Errorf("no %q in %+v", want, l)
				}
			}
			if !strings.Contains(l.to, "<ops@example.org>") || !strings.Contains(l.to, "<all@example.org>") {
				t.Errorf("to %s", l.to)
			}
			d.stop(syscall.SIGTERM)
		})
	}
}

// Without [smtp] the machine's own sendmail takes the mail.
func TestSendmailTarget(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can put a sendmail in its place")
	}
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "sendmail"), "#!/bin/sh\necho \"$@\" >"+dir+"/args\ncat >"+dir+"/mail\n")
	put(t, filepath.Join(dir, "jobs.toml"), header+"[notify.ops]\nmail = { to = \"root\" }\n"+bad)
	d := startDaemon(t, dir, func(c *exec.Cmd) {
		script := "mount -t tmpfs none /usr/sbin && cp sendmail /usr/sbin && chmod 755 /usr/sbin/sendmail && exec -a rota-daemon \"$@\""
		c.Dir = dir
		c.Args = append([]string{"unshare", "--mount", "bash", "-c", script, "bash", c.Path}, c.Args[1:]...)
		c.Path, c.Err = exec.LookPath("unshare")
	})
	d.msg(new(int), "started", "")
	d.run("bad")
	awaitText(t, filepath.Join(dir, "mail"), `(?s)Subject: rota on .*: bad failed \(exit 3\).*To: <?root.*deep trouble`)
	awaitText(t, filepath.Join(dir, "args"), "^-i -t")
	d.stop(syscall.SIGTERM)
}

// undelivered is the list of undelivered notifications in the status.
func (d *daemon) undelivered() []api.Undelivered {
	d.t.Helper()
	var st api.Status
	_, out, stderr := d.rota("status", "--json")
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		d.t.Fatalf("status: %v %s", err, stderr)
	}
	return st.Undelivered
}

// A mail server that does not answer delays nothing, and an unreachable one is reported
// and tried again.
func TestDeadMailServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // which accepts no connection
	m := &mailServer{t: t, listener: l, got: make(chan letter, 100)}
	jobs := "[notify.ops]\nmail = { to = \"ops@example.org\" }\n[tasks.tick]\ncron = \"* * * * * *\"\ncommand = \"echo x\"\non_success = [\"ops\"]\n"
	d := newDaemon(t, m.settings("none")+jobs)
	var from int
	for range 4 {
		d.msg(&from, "running", "tick")
		d.msg(&from, "ok", "tick")
	}
	if list := d.undelivered(); len(list) > 0 {
		t.Errorf("the runs waited until mails were given up: %+v", list)
	}
	began := time.Now()
	d.stop(syscall.SIGTERM)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the end took %v", took)
	}
	if !strings.Contains(d.text(), `"msg":"not delivered yet","target":"ops"`) {
		t.Error("the log does not name the undelivered notification")
	}
}

// Undelivered notifications are shown, and delivered later.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	e.deaf.Store(true)
	secret := strings.Replace(e.hook("ops"), e.URL, e.URL+"/s3cret-path?token=s3cret", 1)
	d := newDaemon(t, "[smtp]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n[notify.mail]\nmail = { to = \"ops@example.org\" }\n"+secret+
		strings.Replace(bad, `"ops"`, `"ops", "mail"`, 1)+"[tasks.good]\ncommand = \"true\"\non_success = [\"ops\"]\n")
	var from int
	d.msg(&from, "started", "")
	d.run("bad", "good")
	for range 2 {
		d.msg(&from, "cannot notify, will try again", "")
	}
	names := map[string]api.Undelivered{}
	for _, u := range d.undelivered() {
		names[u.Target] = u
	}
	if u := names["ops"]; !strings.Contains(u.Error, "503") || u.Waiting != 2 || u.Since.IsZero() {
		t.Errorf("ops: %+v", u)
	}
	if u := names["mail"]; !strings.Contains(u.Error, "mail by 127.0.0.1:1: ") || u.Waiting != 1 {
		t.Errorf("mail: %+v", u)
	}
	_, text, _ := d.rota("status")
	for _, want := range []string{`(?m)^undelivered +mail: mail by 127\.0\.0\.1:1: .*, since .*, 1 waiting$`, `(?m)^ +ops: .*503.*, 2 waiting$`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("status does not match %s:\n%s", want, text)
		}
	}
	if code, _, stderr := d.rota("notify", "test", "ops"); code != 1 || !strings.Contains(stderr, "503") || strings.Contains(stderr, "s3cret") {
		t.Errorf("notify test ops: %d %q", code, stderr)
	}
	e.deaf.Store(false)
	d.msg(&from, "delivered again", "")
	if all := e.texts("failure bad failed 3"); len(all) != 1 {
		t.Errorf("notifications %q", all) // the other one was combined
	}
	for _, u := range d.undelivered() {
		if u.Target == "ops" {
			t.Errorf("still undelivered: %+v", u)
		}
	}
	code := d.stop(syscall.SIGTERM)
	if strings.Contains(text+d.text(), "s3cret") || code != 0 {
		t.Errorf("exit code %d, or a secret of a URL was shown", code)
	}
}

// Notifications that are more frequent than at_most_every are combined.
func TestAtMostEvery(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	d := newDaemon(t, fmt.Sprintf("[notify.ops]\nat_most_every = \"3s\"\nwebhook = { url = %q, body = \"{{.Task}} {{.More}}\" }\n", e.URL)+
		"[defaults]\non_success = [\"ops\"]\n[tasks.a]\nlog = \"a\"\n[tasks.b]\nlog = \"b\"\n[tasks.c]\nlog = \"c\"\n")
	d.msg(new(int), "started", "")
	d.run("a", "b", "c", "c")
	same(t, "notifications", e.texts(" 2"), []string{"a 0", "b 2"})
	d.stop(syscall.SIGTERM)
}

// If a target is removed or renamed while notifications wait for it, they are dropped,
// and sent to no other target.
func TestTargetGoes(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	e.deaf.Store(true)
	d := newDaemon(t, e.hook("ops")+bad)
	var from int
	d.msg(&from, "started", "")
	d.run("bad")
	d.msg(&from, "cannot notify, will try again", "")
	put(t, filepath.Join(d.dir, "jobs.toml"), header+e.hook("people")+strings.Replace(bad, `"ops"`, `"people"`, 1))
	d.msg(&from, "reloaded", "")
	if list := d.undelivered(); len(list) > 0 {
		t.Errorf("of a target that is gone: %+v", list)
	}
	e.deaf.Store(false)
	d.msg(&from, "target removed, its events are dropped", "")
	d.run("bad")
	if all := e.texts("failure bad failed 3"); len(all) != 1 {
		t.Errorf("notifications %q", all)
	}
	if code, _, stderr := d.rota("notify", "test", "peple"); code != 4 || !strings.Contains(stderr, `did you mean "people"?`) {
		t.Errorf("notify test peple: %d %q", code, stderr)
	}
	d.stop(syscall.SIGTERM)
}

// The output of a task is plain text, whatever it contains: no template, no header of a
// mail, no control sequence of a terminal, no shell.
func TestHostileOutput(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, nil)
	e := newEar(t)
	hostile := "{{.Nosuch}}{{\"\n.\nBcc: eve@example.org\n\033]0;x\007\342\200\256<script>`touch owned`$(touch owned)\\r\"\n"
	dir := t.TempDir()
	put(t, filepath.Join(dir, "text"), hostile)
	put(t, filepath.Join(dir, "jobs.toml"), header+m.settings("none")+fmt.Sprintf(`
[notify.mail]
mail = { to = "ops@example.org", subject = "{{.Tail}} {{.Why}}" }
[notify.plain]
mail = { to = "ops@example.org" }
[notify.web]
webhook = { url = %[1]q }
[notify.own]
webhook = { url = %[1]q, body = '{"event": "own", "tail": {{.Tail | json}}}' }
[notify.command]
command = "cat >told; env >env"
[tasks.bad]
command = "cat text; exit 3"
on_failure = ["mail", "plain", "web", "own", "command"]
`, e.URL))
	d := startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")
	d.run("bad")
	for range 2 {
		l := m.next()
		head, body, _ := strings.Cut(l.text, "\r\n\r\n")
		if strings.Contains(head, "\nBcc:") || strings.Contains(l.to, "eve") || strings.ContainsAny(l.text, "\033\007") {
			t.Errorf("the mail: %q to %s", l.text, l.to)
		}
		if !strings.Contains(body, "{{.Nosuch}}") || !strings.Contains(body, "touch owned") {
			t.Errorf("the text is not as it was: %q", body)
		}
	}
	var said struct{ Event, Text, Tail string }
	for _, told := range e.until("the failure", func(all []heard) bool { return len(all) == 2 }) {
		if err := json.Unmarshal([]byte(told.body), &said); err != nil || !strings.Contains(said.Tail, "{{.Nosuch}}") || strings.ContainsAny(said.Tail, "\033\007\u202e") || strings.Contains(told.body, "<script>") {
			t.Errorf("%+v, %v of %s", said, err, told.body)
		}
		if kind := told.header.Get("Content-Type"); said.Event == "failure" && kind != "application/json" {
			t.Errorf("the type is %s", kind)
		}
	}
	awaitText(t, filepath.Join(dir, "env"), `(?m)^ROTA_EVENT=failure$`)
	awaitText(t, filepath.Join(dir, "told"), `(?s)bad failed \(exit 3\).*\{\{\.Nosuch\}\}`)
	text, _ := os.ReadFile(filepath.Join(dir, "told"))
	if strings.ContainsAny(string(text), "\033\007\u202e") {
		t.Errorf("the command read %q", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
		t.Error("the text was run by a shell")
	}
	d.stop(syscall.SIGTERM)
}

// A monitor outside is pinged at the start and at the end of each run.
func TestPing(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	task := "[tasks.%s]\nping = \"" + e.URL + "/ping/%[1]s?k=v\"\n%s\n"
	d := newDaemon(t, fmt.Sprintf(task, "good", `command = "echo hi; echo there"`)+fmt.Sprintf(task, "bad", `command = "echo no; exit 7"`)+
		fmt.Sprintf(task, "killed", `command = "kill -9 $$"`)+fmt.Sprintf(task, "twice", "command = \"exit $ROTA_ATTEMPT\"\nretry = { max = 1, delay = \"1s\" }")+
		fmt.Sprintf(task, "slow", "command = \"sleep 60\"\ntimeout = \"1s\"")+fmt.Sprintf(task, "apart", "mode = \"forked\"\ncommand = \"echo far\"")+
		"[tasks.lonely]\nlog = \"x\"\nping = \"http://127.0.0.1:1/s3cret\"\n")
	var from int
	d.msg(&from, "started", "")
	_, _, _ = d.rota("run", "lonely", "--wait")
	for _, c := range []struct{ task, end, body string }{
		{"good", "", "hi\nthere"}, {"bad", "/7", "no"}, {"killed", "/fail", ""}, {"twice", "/2", ""}, {"slow", "/fail", ""}, {"apart", "", "far"},
	} {
		e.forget()
		d.run(c.task)
		want := regexp.MustCompile(`^POST /ping/` + c.task + `/start\?k=v&rid=([0-9a-f-]{36})  POST /ping/` + c.task + c.end + `\?k=v&rid=([0-9a-f-]{36}) (?s:(.*))$`)
		var texts []string
		for _, h := range e.until("the end of "+c.task, func(all []heard) bool { return len(all) > 0 && !strings.Contains(all[len(all)-1].what, "/start") }) {
			texts = append(texts, h.what+" "+h.body)
		}
		got := want.FindStringSubmatch(strings.Join(texts, " "))
		if got == nil || got[1] != got[2] || got[3] != c.body {
			t.Errorf("%s: %q; want a start and an end %s with %q", c.task, texts, c.end, c.body)
		}
	}
	d.msg(&from, "could not ping", "lonely")
	list := d.undelivered()
	if len(list) != 1 || list[0].Target != "ping 127.0.0.1:1" || !strings.Contains(list[0].Error, "refused") || list[0].Dropped == 0 {
		t.Errorf("%+v", list)
	}
	if _, text, _ := d.rota("status"); !regexp.MustCompile(`(?m)^undelivered +ping 127\.0\.0\.1:1: .*refused.* given up$`).MatchString(text) || strings.Contains(text+d.text(), "s3cret") {
		t.Errorf("status:\n%s", text)
	}
	put(t, filepath.Join(d.dir, "jobs.toml"), header+"[tasks.lonely]\nlog = \"x\"\n")
	d.msg(&from, "reloaded", "")
	if list := d.undelivered(); len(list) > 0 {
		t.Errorf("of a URL that is in the file no more: %+v", list)
	}
	d.stop(syscall.SIGTERM)
}

// A task that is expected to end well and does not is an alarm, once, until it
// has: whether it fails, never ran or is held, and over restarts.
func TestExpectSuccessWithin(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	within := "expect_success_within = \"2s\"\non_failure = [\"ops\"]\non_missed = [\"ops\"]\n"
	d := newDaemon(t, fmt.Sprintf("[notify.ops]\nwebhook = { url = %q, body = \"{{.Event}} {{.Task}} [{{.Run}}] {{.Why}}\" }\n", e.URL)+
		"[tasks.never]\ncommand = \"true\"\n"+within+"[tasks.held]\ncron = \"* * * * * *\"\nlog = \"x\"\n"+within+
		"[tasks.end]\nlog = \"end\"\non_success = [\"ops\"]\n")
	var from int
	d.msg(&from, "ok", "held")
	if code, _, stderr := d.rota("hold", "held"); code != 0 {
		t.Fatal(stderr)
	}
	e.until("both alarms", func(all []heard) bool { return len(all) == 2 })
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d = startDaemon(t, d.dir, nil)
	from = 0
	d.msg(&from, "started", "")
	d.run("never")
	d.msg(&from, "stale", "never") // again: there was a success since
	d.run("end")
	var stale []string
	all := e.until("the end", func(all []heard) bool { return strings.HasPrefix(all[len(all)-1].body, "success end") })
	for _, h := range all[:len(all)-1] {
		stale = append(stale, h.body)
	}
	if len(stale) != 3 {
		t.Fatalf("notifications %q", stale)
	}
	if !strings.HasPrefix(stale[0], "stale held") {
		stale[0], stale[1] = stale[1], stale[0]
	}
	for i, want := range []string{
		`^stale held \[\] it last succeeded at 20.*; expect_success_within = 2s$`,
		`^stale never \[\] it never succeeded; expect_success_within = 2s$`,
		`^stale never \[\] it last succeeded at 20.*; expect_success_within = 2s$`,
	} {
		if !regexp.MustCompile(want).MatchString(stale[i]) {
			t.Errorf("alarm %q does not match %s", stale[i], want)
		}
	}
	d.stop(syscall.SIGTERM)
}

// A task that fails too often in a row is held, and one notification says so.
func TestHoldAfter(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	d := newDaemon(t, fmt.Sprintf("[notify.ops]\nwebhook = { url = %q, body = \"{{.Event}} {{.Task}} {{.Why}}\" }\n", e.URL)+
		"[tasks.bad]\ncommand = \"test -e mended\"\nhold_after = 2\non_failure = [\"ops\", \"run:fix\"]\n[tasks.fix]\nlog = \"x\"\n[tasks.end]\nlog = \"end\"\non_success = [\"ops\"]\n")
	var from int
	d.msg(&from, "started", "")
	d.run("bad", "bad")
	if code, _, stderr := d.rota("run", "bad"); code != 7 || !strings.Contains(stderr, "held by rota since") || !strings.Contains(stderr, "failed 2 times in a row, the last time as bad/") {
		t.Errorf("run of what is held: %d %q", code, stderr)
	}
	if _, out, _ := d.rota("list"); !regexp.MustCompile(`(?m)held +bad `).MatchString(out) {
		t.Errorf("list:\n%s", out)
	}
	if code, _, stderr := d.rota("run", "bad", "--force", "--wait"); code != 1 {
		t.Errorf("run --force: %d %q", code, stderr)
	}
	put(t, filepath.Join(d.dir, "mended"), "")
	if code, _, stderr := d.rota("release", "bad"); code != 0 {
		t.Errorf("release: %q", stderr)
	}
	d.run("bad", "end")
	var told []string
	for _, text := range e.texts("success end ") {
		told = append(told, regexp.MustCompile(`bad/\w+`).ReplaceAllString(text, "bad/ID"))
	}
	same(t, "notifications", told, []string{
		"failure bad exit 1", "failure bad exit 1", "held bad failed 2 times in a row, the last time as bad/ID", "failure bad exit 1", "success end ",
	})
	_, out, _ := d.rota("history", "fix", "--json")
	if n := strings.Count(out, `"run":"fix/failure-`); n != 3 {
		t.Errorf("%d runs of fix, want 3: %s", n, out)
	}
	d.stop(syscall.SIGTERM)
}

// A file with errors is notified once for each error text, also by a daemon that starts
// with it.
func TestOnBadConfig(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	good := "on_bad_config = [\"ops\"]\n" + fmt.Sprintf("[notify.ops]\nwebhook = { url = %q, body = \"{{.Event}} {{.Why}}\" }\n", e.URL) +
		"[tasks.end]\nlog = \"end\"\non_success = [\"ops\"]\n"
	d := newDaemon(t, good)
	path := filepath.Join(d.dir, "jobs.toml")
	var from int
	d.msg(&from, "started", "")
	refused := func() { t.Helper(); d.msg(&from, "reload refused: the last good file stays in force", "") }
	broken := func(key string) { t.Helper(); put(t, path, header+good+key+" = 1\n"); refused() }
	broken("first")
	for range 2 { // every request is answered
		if code, _, stderr := d.rota("reload"); code != 3 {
			t.Errorf("reload: %d %q", code, stderr)
		}
		refused()
	}
	broken("second")
	put(t, path, header+good)
	d.msg(&from, "reloaded", "")
	broken("second")
	d.stop(syscall.SIGTERM)
	d = startDaemon(t, d.dir, nil)
	d.msg(new(int), "started", "")
	d.run("end")
	var told []string
	for _, h := range e.until("the end", func(all []heard) bool { return strings.HasPrefix(all[len(all)-1].body, "success") }) {
		told = append(told, regexp.MustCompile(`(?s)^(\w+ )(?:\S*:\d+:\d+: (unknown key "\w+"))?.*`).ReplaceAllString(h.body, "$1$2"))
		if strings.HasPrefix(h.body, "bad_config") && !strings.Contains(h.body, "jobs.toml:") {
			t.Errorf("the complaint names no place: %q", h.body)
		}
	}
	same(t, "notifications", told, []string{
		`bad_config unknown key "first"`, `bad_config unknown key "second"`,
		`bad_config unknown key "second"`, `bad_config unknown key "second"`, "success ",
	})
	d.stop(syscall.SIGTERM)
}
