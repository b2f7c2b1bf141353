package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/internal/hungtest"
	"rota/runner"
)

// as asks the daemon over the web with a token.
func (h *house) as(token string) *control.Client {
	return h.ask(control.Target{URL: h.url, Token: token, RootCAs: h.roots})
}

// reloads asks for a reload, which is to warn of something that holds each of some
// words, or of nothing.
func (d *daemon) reloads(words ...string) {
	d.t.Helper()
	r, err := d.client().Reload(d.t.Context(), false)
	if err != nil {
		d.t.Errorf("reload: %v", err)
	}
	if text := strings.Join(r.Warnings, "\n"); (text == "") != (len(words) == 0) {
		d.t.Errorf("the warnings of the reload: %q", text)
	} else {
		for _, word := range words {
			if !strings.Contains(text, word) {
				d.t.Errorf("the warnings of the reload: %q, without %q", text, word)
			}
		}
	}
}

// A reload reads tokens again, also if the file is unchanged: a removed token is no
// longer accepted, and its connections end; a token that cannot be verified is invalid.
func TestTokensAreReadAgain(t *testing.T) {
	t.Parallel()
	const first, second = "first-0123456789abcdef", "second-0123456789abcdef"
	h := newHouse(t, `
[web.tokens.ci]
file = "ci.token"
may = "control"
[tasks.sleep]
command = "sleep 1000"
stop_signal = "KILL"
`, map[string]string{"ci.token": first})
	ctx, path := t.Context(), filepath.Join(h.dir, "ci.token")
	in := func(what, token string, want api.Code) {
		t.Helper()
		_, err := h.as(token).Status(ctx)
		wants(t, what, err, want)
	}
	in("the token", first, "")
	if _, err := h.client().Request(ctx, api.Request{Task: "sleep", Key: "a"}, nil); err != nil {
		t.Fatal(err)
	}
	stream, err := h.as(first).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stays, stay := context.WithCancel(ctx)
	defer stay()
	other, err := h.as(opsToken).Watch(stays)
	if err != nil {
		t.Fatal(err)
	}
	log, err := h.as(first).Log(ctx, api.LogQuery{Run: "sleep/a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { _, err := h.as(first).Wait(ctx, "sleep/a"); waits <- err }()

	private(t, path, second)
	h.reloads()
	in("the token before", first, api.Forbidden)
	in("the token now", second, "")
	for range stream { // it ends
	}
	if _, err := io.ReadAll(log); err == nil {
		t.Error("a followed log ends without an error, although the run continues")
	}
	if err := <-waits; api.CodeOf(err) != api.Forbidden {
		t.Errorf("a wait: %v", err)
	}
	select {
	case m, more := <-other:
		if !more {
			t.Errorf("the stream of another token ended: %+v", m)
		}
	default:
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	h.reloads("chmod o= "+path, `"ci"`)
	in("a token that everybody can read", second, api.Forbidden)
	in("another", opsToken, "")
	code, _, said := h.rota("reload")
	if code != 0 || !strings.Contains(said, "chmod o= ") {
		t.Errorf("rota reload: %d %q", code, said)
	}
	if status, err := h.client().Status(ctx); err != nil || !strings.Contains(strings.Join(status.Trouble, " "), "chmod") {
		t.Errorf("the trouble: %q, %v", status.Trouble, err)
	}
	private(t, path, second)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	h.reloads()
	in("the token that nobody else can read again", second, "")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(h.dir, "jobs.toml"), "broken")
	if _, err := h.client().Reload(ctx, false); api.CodeOf(err) != api.File || !strings.Contains(fmt.Sprint(faultsOf(err)), "ci.token") {
		t.Errorf("a reload of a file that is wrong: %v", err)
	}
	in("a token without a file, where jobs.toml is wrong", second, api.Forbidden)
	in("another", opsToken, "")
}

func faultsOf(err error) []api.Fault {
	var e *api.Error
	errors.As(err, &e)
	if e == nil {
		return nil
	}
	return e.Faults
}

// The network listener follows the file and the certificate: it closes, moves and opens
// at a reload, and without a valid certificate it accepts no connection.
func TestWebFollowsTheFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "[tasks.a]\nlog = \"x\"\n", nil)
	ctx, jobs := t.Context(), filepath.Join(h.dir, "jobs.toml")
	whole, err := os.ReadFile(jobs)
	if err != nil {
		t.Fatal(err)
	}
	closed := func(what, url string) {
		t.Helper()
		if c, err := net.Dial("tcp", strings.TrimPrefix(url, "https://")); err == nil {
			c.Close()
			t.Errorf("%s: somebody listens", what)
		}
	}
	open := func(what, url string) {
		t.Helper()
		_, err := h.ask(control.Target{URL: url, Token: opsToken, RootCAs: h.roots}).Status(ctx)
		wants(t, what, err, "")
	}
	stream, err := h.as(opsToken).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	open("at first", h.url)
	put(t, jobs, header+"[tasks.a]\nlog = \"x\"\n")
	h.reloads()
	closed("without [web]", h.url)
	for range stream { // it ends
	}
	put(t, jobs, string(whole))
	h.reloads()
	open("with [web] again", h.url)

	moved := "https://" + freeAddress(t)
	put(t, jobs, strings.ReplaceAll(string(whole), strings.TrimPrefix(h.url, "https://"), strings.TrimPrefix(moved, "https://")))
	h.reloads()
	open("where it moved", moved)
	closed("where it was", h.url)

	wide := "0.0.0.0:" + moved[strings.LastIndex(moved, ":")+1:]
	put(t, jobs, strings.ReplaceAll(string(whole), strings.TrimPrefix(h.url, "https://"), wide))
	h.reloads()
	open("where another listener was in the way", moved)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	put(t, jobs, strings.ReplaceAll(string(whole), strings.TrimPrefix(h.url, "https://"), taken.Addr().String()))
	h.reloads(taken.Addr().String())
	closed("where it was, when it cannot move", moved)
	put(t, jobs, string(whole))
	h.reloads()
	open("back", h.url)

	// A reload that comes over the web is answered, also when it closes the web.
	put(t, jobs, header+"[tasks.a]\nlog = \"x\"\n")
	if _, err := h.as(opsToken).Reload(ctx, false); err != nil {
		t.Errorf("a reload that closes the way it came: %v", err)
	}
	closed("after that", h.url)
	put(t, jobs, string(whole))
	h.reloads()

	cert, key := keyFiles(t, string(whole))
	newCert, newKey, newRoots := controltest.Certificate(t)
	copyFile(t, newCert, cert)
	h.reloads("belong together")
	closed("where certificate and key are not of each other", h.url)
	copyFile(t, newKey, key)
	h.reloads()
	_, err = h.as(opsToken).Status(ctx)
	wants(t, "with the old certificate", err, api.NoDaemon)
	h.roots = newRoots
	open("with the renewed certificate", h.url)

	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	h.reloads("chmod o= " + key)
	closed("where everybody can read the key", h.url)
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	h.reloads()
	open("where nobody else can read the key", h.url)
}

// keyFiles returns the certificate and key that a file names.
func keyFiles(t *testing.T, jobs string) (cert, key string) {
	t.Helper()
	for line := range strings.Lines(jobs) {
		_, _ = fmt.Sscanf(line, "tls_cert = %q", &cert)
		_, _ = fmt.Sscanf(line, "tls_key = %q", &key)
	}
	if cert == "" || key == "" {
		t.Fatal(jobs)
	}
	return cert, key
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	put(t, to, string(text))
}

// rota does not start with a key or a token that others can read or put another in
// the place of, and says what to type.
func TestAccessFilesOfOthers(t *testing.T) {
	t.Parallel()
	cert, key, _ := controltest.Certificate(t)
	jobs := header + fmt.Sprintf("[web]\nlisten = %q\ntls_cert = %q\ntls_key = \"way/tls.key\"\n[web.tokens]\nops = { file = \"way/ops.token\" }\n[tasks.a]\nlog = \"x\"\n", freeAddress(t), cert)
	for _, test := range []struct {
		name   string
		change func(way string) error
		says   string
		root   bool
	}{
		{"a key that others can read", func(way string) error { return os.Chmod(filepath.Join(way, "tls.key"), 0o644) }, "chmod o= ", false},
		{"a token that others can read", func(way string) error { return os.Chmod(filepath.Join(way, "ops.token"), 0o604) }, "chmod o= ", false},
		{"a token of another", func(way string) error { return os.Chown(filepath.Join(way, "ops.token"), 65534, 65534) }, "chown root ", true},
		{"a directory of another", func(way string) error { return os.Chown(way, 65534, 65534) }, "chown root ", true},
		{"a directory that a group can change", func(way string) error {
			return errors.Join(os.Chown(way, 0, 65534), os.Chmod(way, 0o775))
		}, "chmod g-w ", true},
		{"a link of another", func(way string) error {
			return errors.Join(os.Rename(way, way+".d"), os.Symlink(way+".d", way), os.Lchown(way, 65534, 65534))
		}, "chown -h root ", true},
		{"a FIFO", func(way string) error {
			path := filepath.Join(way, "ops.token")
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}, "not a regular file", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.root && os.Getuid() != 0 {
				t.Skip("only root trusts nobody else")
			}
			dir := t.TempDir()
			way := filepath.Join(dir, "way")
			if err := os.Mkdir(way, 0o755); err != nil {
				t.Fatal(err)
			}
			private(t, filepath.Join(way, "ops.token"), opsToken)
			private(t, filepath.Join(way, "tls.key"), "")
			copyFile(t, key, filepath.Join(way, "tls.key"))
			if err := test.change(way); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, "jobs.toml"), jobs)
			d := startDaemon(t, dir, nil)
			if code := d.stop(); code == 0 {
				t.Error("it started")
			}
			if text := d.text(); !strings.Contains(text, test.says) {
				t.Errorf("it did not say %q:\n%s", test.says, text)
			}
		})
	}
}

// Over TCP every client needs a token, also on this machine and if the file names no
// token.
func TestLoopbackNeedsAToken(t *testing.T) {
	t.Parallel()
	dir, listen := t.TempDir(), freeAddress(t)
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf("[web]\nlisten = %q\n[tasks.a]\nlog = \"x\"\n", listen))
	d := startDaemon(t, dir, nil)
	d.msg(new(int), "started", "")
	_, err := d.ask(control.Target{URL: "http://" + listen}).Status(t.Context())
	wants(t, "no token", err, api.Forbidden)
	if code, said, _ := d.rota("check"); code != 0 || !strings.Contains(said, "[web.tokens]") {
		t.Errorf("check: %d %q", code, said)
	}
}

// A token on a server that does not answer gives no access, and delays neither a reload
// nor the end of rota.
func TestTokenOnADeadServer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	t.Parallel()
	const token = "far-0123456789abcdef"
	h := newHouse(t, "[web.tokens.far]\nfile = \"far.token\"\n[tasks.a]\nlog = \"x\"\n", map[string]string{"far.token": token})
	_, err := h.as(token).Status(t.Context())
	wants(t, "the token", err, "")
	dir, path := filepath.Join(h.dir, "far"), filepath.Join(h.dir, "far.token")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server := hungtest.Mount(t, dir)
	if err := errors.Join(os.Remove(path), os.Symlink(filepath.Join(dir, "token"), path)); err != nil {
		t.Fatal(err)
	}
	h.reloads("far")
	_, err = h.as(token).Status(t.Context())
	wants(t, "the token, when nobody can read it", err, api.Forbidden)
	_, err = h.as(opsToken).Status(t.Context())
	wants(t, "another", err, "")
	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := server.Asked(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := h.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("rota ended with %d", code)
	}
}

// The token of a run dies with it: it opens nothing to a later run of the same id,
// nor to a later attempt. That of a forked run outlives the daemon.
func TestTokenOfOneRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `
[tasks.once]
command = "while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done; exit 1"
retry = { max = 1, delay = "1h" }
[tasks.apart]
mode = "forked"
command = "while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done"
`, nil)
	ctx, c := t.Context(), h.client()
	alive := func(what, token string, want api.Code) {
		t.Helper()
		_, err := h.as(token).Status(ctx)
		wants(t, what, err, want)
	}
	start := func(id string) string {
		t.Helper()
		task, key := runner.SplitID(id)
		if _, err := c.Request(ctx, api.Request{Task: task, Key: key}, nil); err != nil {
			t.Fatal(err)
		}
		var token string
		awaitNil(t, "the process of "+id, func() (err error) {
			token, err = findToken(id)
			return err
		})
		return token
	}
	first := start("once/a")
	alive("the token of a run", first, "")
	if _, err := c.Stop(ctx, "once/a", true); err != nil {
		t.Fatal(err)
	}
	alive("after its end", first, api.Forbidden)
	if n, err := c.Forget(ctx, api.Forgetting{IDs: []string{"once/a"}}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	second := start("once/a")
	alive("of another run of that id", second, "")
	alive("while another run has that id", first, api.Forbidden)
	stream, err := h.as(second).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(h.dir, "go"), "")
	for range stream { // it ends with the attempt
	}
	alive("between two attempts", second, api.Forbidden)
	if err := os.Remove(filepath.Join(h.dir, "go")); err != nil {
		t.Fatal(err)
	}

	forked := start("apart/a")
	alive("of a forked run", forked, "")
	h.stop(syscall.SIGKILL)
	again := startDaemon(t, h.dir, nil)
	again.msg(new(int), "started", "")
	alive("of a forked run, after its daemon was killed", forked, "")
	alive("of the other, after that", second, api.Forbidden)
	put(t, filepath.Join(h.dir, "go"), "")
	if _, err := again.client().Wait(ctx, "apart/a"); err != nil {
		t.Fatal(err)
	}
	alive("of a forked run that has ended", forked, api.Forbidden)
}

// findToken returns the token of a run under way.
func findToken(run string) (string, error) {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return "", err
	}
	for _, path := range all {
		text, _ := os.ReadFile(path) // it may be gone, or another's
		if !strings.Contains(string(text), "ROTA_RUN="+run+"\x00") {
			continue
		}
		for v := range strings.SplitSeq(string(text), "\x00") {
			if token, ok := strings.CutPrefix(v, "ROTA_TOKEN="); ok {
				return token, nil
			}
		}
	}
	return "", fmt.Errorf("no process has the token of %s", run)
}

// Output, results and requests of a task with one user's rights are not shown to another
// user who gets the task, nor to the token of a run of that user.
func TestTaskOfAnotherUserNow(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "rota") // where others may look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "rota")
	copyFile(t, self, binary)
	if err := os.Chmod(binary, 0o755); err != nil {
		t.Fatal(err)
	}
	jobs := func(user string) {
		put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`socket = %q
[tasks.t]
params = { word = "" }
%s
dir = "/"
command = "echo SECRET; echo SECRET >$ROTA_RESULT_FILE; exit 1"
`, filepath.Join(dir, "rota.sock"), user))
	}
	jobs("")
	d := startDaemon(t, dir, nil)
	d.at = filepath.Join(dir, "rota.sock")
	d.msg(new(int), "started", "")
	run := func(key string) {
		t.Helper()
		d.rota("run", "t", "word=SECRET", "--id", key, "--wait")
	}
	run("of-root")
	jobs(`user = "daemon"`)
	d.reloads()
	run("of-daemon")
	jobs(`user = "nobody"`)
	d.reloads()
	run("of-nobody")
	for _, of := range []string{"t/of-root", "t/of-daemon"} {
		for _, args := range []string{"show ID", "show ID --json", "logs ID", "logs -f ID", "result ID", "cancel ID", "stop ID"} {
			code, said := d.asNobody(binary, strings.Fields(strings.ReplaceAll(args, "ID", of))...)
			if code != 4 || strings.Contains(said, "SECRET") {
				t.Errorf("nobody: rota %s: %d %q", strings.ReplaceAll(args, "ID", of), code, said)
			}
		}
		for _, args := range []string{"history t --json", "history --json", "list --json", "why " + of + " --json"} {
			_, said := d.asNobody(binary, strings.Fields(args)...)
			if strings.Contains(said, `"run":"`+of) || strings.Contains(said, `"run": "`+of) {
				t.Errorf("nobody: rota %s: %q", args, said)
			}
		}
	}
	if _, said := d.asNobody(binary, "logs", "t/of-nobody"); !strings.Contains(said, "SECRET") {
		t.Errorf("their own: %q", said)
	}
	if code, said := d.asNobody(binary, "history", "t", "--json", "-n", "1"); code != 0 || !strings.Contains(said, "of-nobody") {
		t.Errorf("their history: %d %q", code, said)
	}
}
