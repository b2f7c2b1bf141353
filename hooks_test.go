package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ear is a server that records its requests.
type ear struct {
	*httptest.Server
	t    *testing.T
	deaf atomic.Bool // it answers 503, and remembers nothing

	mu    sync.Mutex
	heard []heard
	more  chan struct{} // closed when a request is recorded
}

// heard is one recorded request.
type heard struct {
	what   string // method, path and query
	header http.Header
	body   string
}

func newEar(t *testing.T) *ear {
	e := &ear{t: t, more: make(chan struct{})}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if e.deaf.Load() {
			http.Error(w, "go away", http.StatusServiceUnavailable)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard = append(e.heard, heard{r.Method + " " + r.URL.RequestURI(), r.Header, string(body)})
		close(e.more)
		e.more = make(chan struct{})
	}))
	t.Cleanup(e.Close)
	return e
}

// until waits until the recorded requests satisfy a condition, and returns them.
func (e *ear) until(what string, enough func([]heard) bool) []heard {
	e.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		e.mu.Lock()
		all, more := slices.Clone(e.heard), e.more
		e.mu.Unlock()
		if enough(all) {
			return all
		}
		select {
		case <-more:
		case <-late:
			e.t.Fatalf("%s did not arrive in time, but %+v", what, all)
		}
	}
}

// texts are the bodies up to one that ends like that.
func (e *ear) texts(last string) []string {
	e.t.Helper()
	var texts []string
	for _, h := range e.until(last, func(all []heard) bool { return len(all) > 0 && strings.HasSuffix(all[len(all)-1].body, last) }) {
		texts = append(texts, h.body)
	}
	return texts
}

// forget clears the recorded requests.
func (e *ear) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = nil
}

// hook is a target that sends a short text to an ear.
func (e *ear) hook(name string) string {
	return fmt.Sprintf("[notify.%s]\nwebhook = { url = %q, body = \"{{.Event}} {{.Task}} {{.Outcome}} {{.Exit}}\" }\n", name, e.URL)
}

// run asks for runs, one after the other, and waits for their ends.
func (d *daemon) run(tasks ...string) {
	d.t.Helper()
	for _, task := range tasks {
		if code, _, stderr := d.rota("run", task, "--wait"); code == 125 || code == 5 {
			d.t.Fatalf("run %s: exit code %d: %s", task, code, stderr)
		}
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

const allHooks = "on_success = [\"ear\", \"ear\"]\non_failure = [\"ear\"]\non_missed = [\"ear\"]\non_recover = [\"ear\"]\non_output = [\"ear\"]\n"

// Each end of a run is sent once, to each target that wants such ends. An end that a user
// requested is sent to no target.
func TestHooks(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	d := newDaemon(t, e.hook("ear")+"[defaults]\n"+allHooks+`
[tasks.quiet]
command = "true"
[tasks.loud]
command = "echo hi"
[tasks.bad]
command = "echo no; exit 3"
[tasks.killed]
command = "kill -9 $$"
[tasks.slow]
command = "sleep 60"
timeout = "1s"
[tasks.second]
command = "test $ROTA_ATTEMPT = 2"
retry = { max = 1, delay = "1s" }
[tasks.never]
command = "exit $ROTA_ATTEMPT"
retry = { max = 1, delay = "1s" }
[tasks.mended]
command = "test -e mended"
[tasks.builtin]
write = { path = "no/such/directory", text = "x" }
[tasks.apart]
mode = "forked"
command = "echo hi; exit 9"
[tasks.silent]
command = "echo hi"
on_success = []
on_output = []
[tasks.stopped]
command = "echo up; touch up; exec sleep 60"
[tasks.last]
command = "true"
`)
	d.msg(new(int), "started", "")
	d.run("quiet", "loud", "bad", "killed", "slow", "second", "never", "mended")
	put(t, filepath.Join(d.dir, "mended"), "")
	d.run("mended", "mended", "builtin", "apart", "silent")
	if code, id, _ := d.rota("run", "stopped"); code != 0 {
		t.Fatalf("run stopped: %d", code)
	} else {
		awaitText(t, filepath.Join(d.dir, "up"), "")
		if code, _, stderr := d.rota("stop", strings.TrimSpace(id)); code != 0 {
			t.Errorf("stop: %s", stderr)
		}
	}
	if _, id, _ := d.rota("run", "bad", "--held"); id != "" {
		if code, _, stderr := d.rota("cancel", strings.TrimSpace(id)); code != 0 {
			t.Errorf("cancel: %s", stderr)
		}
	}
	d.run("last")
	same(t, "notifications", e.texts("success last ok 0"), []string{
		"success quiet ok 0",
		"success loud ok 0", "output loud ok 0",
		"failure bad failed 3", "output bad failed 3",
		"failure killed failed -1",
		"failure slow timeout -1",
		"success second ok 0",
		"failure never failed 2",
		"failure mended failed 1",
		"success mended ok 0", "recover mended ok 0",
		"success mended ok 0",
		"failure builtin failed -1",
		"failure apart failed 9", "output apart failed 9",
		"success last ok 0",
	})
	d.stop(syscall.SIGTERM)
}

// A run that a hook starts knows why it runs, and is started once.
func TestChainedRuns(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, nil)
	note := "[tasks.%s]\ncommand = \"echo $ROTA_TASK of $ROTA_PARENT $ROTA_PARENT_OUTCOME $ROTA_PARENT_EXIT by $ROTA_CAUSE >>notes\"\n"
	d := newDaemon(t, m.settings("none")+`
[tasks.bad]
command = "echo deep trouble; exit 3"
on_failure = ["run:fix", "run:report", "run:elsewhere"]
on_success = ["run:cheer"]
[tasks.good]
command = "true"
on_failure = ["run:fix"]
on_success = ["run:cheer"]
[tasks.apart]
mode = "forked"
command = "exit 6"
on_failure = ["run:fix"]
[tasks.report]
mail = { to = ["ops@example.org"], subject = "{{.Task}}: {{.Outcome}} ({{.Exit}})", body = "{{.Parent}} {{.Event}}: {{.Tail}}", attach_output = true }
`+fmt.Sprintf(note, "fix")+fmt.Sprintf(note, "cheer")+strings.Replace(fmt.Sprintf(note, "elsewhere"), "command", "mode = \"forked\"\ncommand", 1))
	d.msg(new(int), "started", "")
	for _, id := range []string{"bad/1", "good/2", "apart/3"} {
		task, key, _ := strings.Cut(id, "/")
		_, _, _ = d.rota("run", task, "--id", key, "--wait")
	}
	var notes []string
	for until := time.Now().Add(2 * time.Minute); len(notes) < 4 && time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(d.dir, "notes"))
		notes = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	letter := m.next()
	for _, want := range []string{"Subject: report: failed (3)", "bad/1 failure: deep trouble", `filename="bad+1.log"`} {
		if !strings.Contains(letter.text, want) {
			t.Errorf("the mail has no %q:\n%s", want, letter.text)
		}
	}
	// Nothing more comes of them, also after a kill and when what they led to
	// is forgotten.
	if code, _, stderr := d.rota("forget", "--outcome", "ok", "--yes"); code != 0 {
		t.Errorf("forget: %s", stderr)
	}
	_ = d.cmd.Process.Kill()
	<-d.ended
	d = startDaemon(t, d.dir, nil)
	d.msg(new(int), "started", "")
	d.run("good") // after all runs that would have been started again
	awaitText(t, filepath.Join(d.dir, "notes"), `cheer of good/\w{8} `)
	text, _ := os.ReadFile(filepath.Join(d.dir, "notes"))
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	all = all[:len(all)-1]
	slices.Sort(all)
	same(t, "started", all, []string{
		"cheer of good/2 ok 0 by chain", "elsewhere of bad/1 failed 3 by chain",
		"fix of apart/3 failed 6 by chain", "fix of bad/1 failed 3 by chain",
	})
	if n := m.left(); n > 0 {
		t.Errorf("%d mails more than one", n)
	}
	d.stop(syscall.SIGTERM)
}

// The daemon that follows a killed one sends the notifications about runs that were under
// way: one that is lost, and a forked one that has ended since.
func TestHooksOverAKill(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	jobs := e.hook("ear") + "[defaults]\n" + allHooks + `
[tasks.here]
command = "touch here; exec sleep 60"
on_failure = ["ear", "run:last"]
[tasks.again]
command = "touch again; test $ROTA_ATTEMPT = 2 || exec sleep 60"
retry = { max = 1, on = ["lost"], delay = "1s" }
[tasks.apart]
mode = "forked"
command = "echo hi; touch apart; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; exit 7"
[tasks.last]
command = "true"
on_success = []
[tasks.end]
command = "true"
`
	d := newDaemon(t, jobs)
	d.msg(new(int), "started", "")
	for _, task := range []string{"here", "again", "apart"} {
		_, _, _ = d.rota("run", task)
		awaitText(t, filepath.Join(d.dir, task), "")
	}
	_ = d.cmd.Process.Kill()
	<-d.ended
	put(t, filepath.Join(d.dir, "go"), "")
	d = startDaemon(t, d.dir, nil)
	var from [2]int
	d.msg(&from[0], "lost", "here")
	d.msg(&from[1], "ok", "last")
	e.until("what became of all three", func(all []heard) bool { return len(all) == 4 })
	_ = d.cmd.Process.Kill()
	<-d.ended
	d = startDaemon(t, d.dir, nil)
	d.msg(new(int), "started", "")
	d.run("end")
	got := e.texts("success end ok 0")
	slices.Sort(got)
	got = slices.Compact(got) // a notification delivered just before the kill may be delivered again
	same(t, "notifications", got, []string{
		"failure apart failed 7", "failure here lost -1", "output apart failed 7", "success again ok 0", "success end ok 0",
	})
	d.stop(syscall.SIGTERM)
}

// The end of a run that rota stops when it ends itself is notified before rota has ended,
// and the run that a hook names for it is started by the next daemon.
func TestHooksOfTheLastRun(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	d := newDaemon(t, "shutdown_grace = \"0s\"\n"+e.hook("ear")+`
[tasks.here]
command = "touch here; exec sleep 60"
on_failure = ["ear", "run:fix"]
[tasks.fix]
command = "echo $ROTA_PARENT_OUTCOME >>fixed"
`)
	d.msg(new(int), "started", "")
	_, _, _ = d.rota("run", "here")
	awaitText(t, filepath.Join(d.dir, "here"), "")
	if code := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := e.texts("failure here lost -1"); len(got) != 1 {
		t.Errorf("notifications %q", got)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "fixed")); err == nil {
		t.Error("something was started while rota stopped")
	}
	d = startDaemon(t, d.dir, nil)
	d.msg(new(int), "ok", "fix")
	d.stop(syscall.SIGTERM)
	awaitText(t, filepath.Join(d.dir, "fixed"), "^lost\n$")
}
