package main_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// opsToken is the token of a client with all rights.
const opsToken = "control-0123456789abcdef"

// house is a real daemon with a socket and a network listener.
type house struct {
	*daemon
	url   string // https://127.0.0.1:…
	roots *x509.CertPool
}

// newHouse starts a daemon with the token ops, with the tables and keys that follow those
// of [web], with private files, and with variables.
func newHouse(t *testing.T, jobs string, files map[string]string, environ ...string) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{}
	cert, key, roots := controltest.Certificate(t)
	listen := freeAddress(t)
	h.url, h.roots = "https://"+listen, roots
	private(t, filepath.Join(dir, "ops.token"), opsToken+"\n")
	for name, text := range files {
		private(t, filepath.Join(dir, name), text)
	}
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`
[web.tokens]
ops = { file = "ops.token", may = "control" }
[web]
listen = %q
tls_cert = %q
tls_key = %q
`, listen, cert, key)+jobs)
	h.daemon = startDaemon(t, dir, func(c *exec.Cmd) { c.Env = append(c.Env, environ...) })
	h.trust, h.vars = cert, environ
	h.msg(new(int), "started", "")
	return h
}

// private writes a file that only its owner can read.
func private(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freeAddress returns an address that no process listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (d *daemon) socket() string {
	return cmp.Or(d.at, filepath.Join(d.dir, "state", "rota.sock"))
}

// client asks a daemon at its socket, until the test ends.
func (d *daemon) client() *control.Client { return d.ask(control.Target{Socket: d.socket()}) }

func (d *daemon) ask(target control.Target) *control.Client {
	d.t.Helper()
	c, err := control.NewClient(target)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Close)
	return c
}

// command is a rota that asks the daemon at its socket.
func (d *daemon) command(args ...string) *exec.Cmd {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Args[0] = "rota-command"
	c.Dir = d.dir
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "ROTA_CONFIG="+filepath.Join(d.dir, "jobs.toml"), "ROTA_SOCKET="+d.socket(), "ROTA_TOKEN=", "SSL_CERT_FILE="+d.trust)
	c.Env = append(c.Env, d.vars...)
	return c
}

// rota runs a command to its end.
func (d *daemon) rota(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	c := d.command(args...)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), err.String()
}

// wants complains of an error that is not of a code.
func wants(t *testing.T, what string, err error, want api.Code) {
	t.Helper()
	if got := api.CodeOf(err); got != want {
		t.Errorf("%s: %q (%v), want %q", what, got, err, want)
	}
}

// A real daemon says the same at its socket as by network.
func TestConformance(t *testing.T) {
	t.Parallel()
	h := newHouse(t, controltest.File, nil)
	controltest.Test(t,
		controltest.Way{Name: "socket", Service: h.client()},
		controltest.Way{Name: "web", Service: h.ask(control.Target{URL: h.url, Token: opsToken, RootCAs: h.roots})},
	)
}

// While a daemon waits for the runs under way before it ends, it answers requests and
// starts no runs. A client that waits for a run that outlives the daemon is told that the
// daemon ends.
func TestAnswersWhileStopping(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, `
shutdown_grace = "1m"
[tasks.slow]
command = "echo up >up; while [ ! -e go ] && [ -e jobs.toml ]; do sleep 0.01; done"
[tasks.long]
mode = "forked"
command = "echo up >forked; while [ ! -e end ] && [ -e jobs.toml ]; do sleep 0.01; done"
`)
	d.msg(new(int), "started", "")
	t.Cleanup(func() { // before the directory of the forked runs goes they have to
		put(t, filepath.Join(d.dir, "end"), "")
		awaitNil(t, "the end of the forked runs", func() error {
			born, _ := filepath.Glob(filepath.Join(d.dir, "state", "runs", "long+*"))
			ends, _ := filepath.Glob(filepath.Join(d.dir, "state", "runs", "long+*", "end"))
			if len(ends) < len(born) {
				return fmt.Errorf("%d of %d", len(ends), len(born))
			}
			return nil
		})
	})
	ctx, c := t.Context(), d.client()
	slow, err := c.Request(ctx, api.Request{Task: "slow"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	long, err := c.Request(ctx, api.Request{Task: "long"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	awaitText(t, filepath.Join(d.dir, "up"), "up")
	awaitText(t, filepath.Join(d.dir, "forked"), "up")
	type end struct {
		outcome string
		err     error
	}
	waits := func(id string) chan end {
		done := make(chan end, 1)
		go func() { r, err := c.Wait(ctx, id); done <- end{string(r.Outcome), err} }()
		return done
	}
	ofSlow, ofLong := waits(slow.ID), waits(long.ID)
	waiting := d.command("run", "long", "--id", "second", "--wait")
	toldAt := filepath.Join(d.dir, "said")
	said, err := os.Create(toldAt)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	waiting.Stderr = said
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNil(t, "the second request", func() error { _, err := c.Run(ctx, "long/second"); return err })

	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	d.await("stopping", new(int), func(l logLine) bool { return strings.HasPrefix(l.Msg, "stopping") })
	status, err := c.Status(ctx)
	if wants(t, "status", err, ""); !status.Daemon || status.Running == 0 {
		t.Errorf("the status of a daemon that is stopping: %+v", status)
	}
	_, err = c.Tasks(ctx)
	wants(t, "tasks", err, "")
	_, err = c.Run(ctx, slow.ID)
	wants(t, "show", err, "")
	_, err = c.Request(ctx, api.Request{Task: "slow"}, nil)
	wants(t, "run", err, api.NotNow)
	put(t, filepath.Join(d.dir, "go"), "")
	if e := <-ofSlow; e.err != nil || e.outcome != "ok" {
		t.Errorf("who waited for what ended: %q, %v", e.outcome, e.err)
	}
	// A client that begins to wait after the daemon has ended gets no answer.
	told := regexp.MustCompile(`rota is (stopping|ending)|no daemon`)
	if e := <-ofLong; e.err == nil || !told.MatchString(e.err.Error()) {
		t.Errorf("client that waited for a run that outlives the daemon: %q, %v", e.outcome, e.err)
	}
	if code := d.stop(); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	awaitText(t, toldAt, "lost the connection to the daemon; waiting for it to come back")
	_ = waiting.Process.Signal(syscall.SIGINT)
	_ = waiting.Wait()
	if code := waiting.ProcessState.ExitCode(); code != 130 {
		t.Errorf("run --wait ended with %d and said %q", code, read(t, toldAt))
	}
	_, err = c.Status(ctx)
	wants(t, "status of none", err, api.NoDaemon)
}

// awaitNil waits until something can be had.
func awaitNil(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v, for two minutes", what, err)
}

// A client that waits for a run of a killed daemon gets its outcome from the next daemon.
func TestWaitForKilledDaemon(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "[tasks.slow]\ncommand = \"echo up >up; while [ -e jobs.toml ]; do sleep 0.01; done\"\nstop_signal = \"KILL\"\n")
	d.msg(new(int), "started", "")
	waiting := d.command("run", "slow", "--wait")
	var said bytes.Buffer
	waiting.Stderr = &said
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	awaitText(t, filepath.Join(d.dir, "up"), "up")
	_ = d.cmd.Process.Kill()
	<-d.ended
	next := startDaemon(t, d.dir, nil)
	_ = waiting.Wait()
	if code := waiting.ProcessState.ExitCode(); code != 125 || !strings.Contains(said.String(), "lost the connection") || !strings.Contains(said.String(), ": lost") {
		t.Errorf("run --wait ended with %d and said %q", code, &said)
	}
	next.stop(syscall.SIGTERM)
	code, _, stderr := d.rota("run", "slow", "--wait")
	if !strings.Contains(stderr, "no daemon") || code != 125 {
		t.Errorf("run --wait without a daemon ended with %d and said %q", code, stderr)
	}
}

// A client that stops reading its event stream is dropped and delays nothing: tasks that
// write without end continue, other clients get their events, and the memory of rota does
// not grow.
func TestStreamThatNobodyReads(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, "[history]\noutput = \"64KiB\"\n[tasks.flood]\nat_start = true\ncommand = \"yes $(seq -s . 400)\"\nstop_signal = \"KILL\"\n"+tick)
	d.msg(new(int), "started", "")
	d.msg(new(int), "ok", "tick")
	before := d.memory("VmRSS")
	conn, err := net.Dial("unix", d.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if head, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil || head != "HTTP/1.1 200 OK\r\n" {
		t.Fatal(head, err)
	}
	// Nothing more is read.
	ctx, end := context.WithCancel(t.Context())
	defer end()
	messages, err := d.client().Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ticks, floods := 0, 0
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	dropped := func() (is bool) {
		_ = raw.Control(func(fd uintptr) {
			state := []unix.PollFd{{Fd: int32(fd)}} // a hang-up is always reported
			n, _ := unix.Poll(state, 0)
			is = n > 0 && state[0].Revents&unix.POLLHUP != 0
		})
		return is
	}
	late := time.After(40 * time.Second)
	for !dropped() || ticks == 0 || floods == 0 {
		select {
		case m, more := <-messages:
			switch {
			case !more:
				t.Fatal("who reads was dropped")
			case m.Log != nil:
				floods++
			case m.Run != nil && m.Run.Task == "tick" && m.Run.Outcome == "ok":
				ticks++
			}
		case <-late:
			t.Fatalf("after 40 s: dropped %v, %d ticks, %d lines of output", dropped(), ticks, floods)
		}
	}
	if grown := d.memory("VmHWM") - before; grown > 256<<10 {
		t.Errorf("the daemon grew by %d KiB", grown)
	}
}

// memory is a figure of the daemon's, in KiB.
func (d *daemon) memory(name string) int {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		d.t.Fatalf("no %s in %s", name, text)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}
