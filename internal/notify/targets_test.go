package notify

import (
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rota/runner"
)

// sample is the failure of a backup.
func sample() Event {
	code := 3
	at := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	return Event{Kind: Failure, Time: at.Add(time.Minute), Run: runner.Run{
		ID: "backup/20261122T023000Z", Task: "backup", Cause: runner.CauseSchedule, Outcome: runner.Failed, Why: "exit 3",
		Scheduled: at, Started: at.Add(time.Second), Finished: at.Add(41 * time.Second), Attempts: 2, Exit: &code,
		Error: "copying\ndisk full \x1b[2J", Params: map[string]string{"day": "mon"}, Input: "private input", Content: "digest",
	}}
}

const sampleBody = `backup failed (exit 3)

why        exit 3
run        backup/20261122T023000Z
host       box
scheduled  Sun 2026-11-22 02:30:00 UTC
started    Sun 2026-11-22 02:30:01 UTC
took       40s
attempts   2

the end of its output:

    copying
    disk full \x1b[2J

details: rota show backup/20261122T023000Z
`

// request is what a server got.
type request struct {
	method, path, kind, body string
}

// web is a server that keeps what it gets and answers with codes, the last one
// for ever.
func web(t *testing.T, codes ...int) (*httptest.Server, <-chan request) {
	got := make(chan request, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- request{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body)}
		code := http.StatusOK
		if len(codes) > 0 {
			code = codes[0]
		}
		if len(codes) > 1 {
			codes = codes[1:]
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "you asked for "+r.URL.String())
	}))
	t.Cleanup(s.Close)
	return s, got
}

func TestWebhook(t *testing.T) {
	s, got := web(t)
	r := newRig(t,
		Target{Name: "plain", Action: &runner.HTTP{URL: s.URL + "/hook"}},
		Target{Name: "own", Action: &runner.HTTP{
			URL: s.URL + "/{{.Event | urlquery}}", Method: "PUT", Headers: map[string]string{"content-type": "text/plain"},
			Body: "{{.Task}} {{.Outcome}} {{.Exit}} {{.Took}} {{.Why}} on {{.Host}}{{.Params.nosuch}}",
		}},
		Target{Name: "get", Action: &runner.HTTP{URL: s.URL + "/hook", Method: "GET"}},
	)
	r.Send("plain", sample())
	m := <-got
	if m.method != "POST" || m.path != "/hook" || m.kind != "application/json" {
		t.Errorf("%+v", m)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(m.body), &doc); err != nil {
		t.Fatal(err)
	}
	run, _ := doc["run"].(map[string]any)
	if doc["event"] != "failure" || doc["text"] != "rota on box: backup failed (exit 3): exit 3" || doc["host"] != "box" ||
		doc["took_seconds"] != 40.0 || run["run"] != "backup/20261122T023000Z" || run["exit"] != 3.0 {
		t.Errorf("%s", m.body)
	}
	for _, private := range []string{"private", "digest", "mon"} {
		if strings.Contains(m.body, private) {
			t.Errorf("%q is in %s", private, m.body)
		}
	}
	r.Send("own", sample())
	if m, want := <-got, (request{"PUT", "/failure", "text/plain", "backup failed 3 40s exit 3 on box"}); m != want {
		t.Errorf("%+v, want %+v", m, want)
	}
	r.Send("get", sample())
	if m, want := <-got, (request{"GET", "/hook", "", ""}); m != want {
		t.Errorf("%+v, want %+v", m, want)
	}
	to, _, err := r.Test(t.Context(), "plain")
	if m := <-got; err != nil || to != strings.TrimPrefix(s.URL, "http://") || !strings.Contains(m.body, "this is a test of the target plain") {
		t.Errorf("%q, %v, %s", to, err, m.body)
	}
}

// All that a URL holds besides its host may be a secret.
func TestSecretsStayHidden(t *testing.T) {
	const key = "T0PS3CRETKEY"
	s, got := web(t, http.StatusNotFound)
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "ftp:"+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(moved.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	withUser := strings.Replace(s.URL, "http://", "http://"+key+":"+key+"@", 1)
	r := newRig(t,
		Target{Name: "path", Action: &runner.HTTP{URL: s.URL + "/hook/" + key}},
		Target{Name: "query", Action: &runner.HTTP{URL: s.URL + "/hook?key=" + key}},
		Target{Name: "user", Action: &runner.HTTP{URL: withUser}},
		Target{Name: "moved", Action: &runner.HTTP{URL: moved.URL + "/hook/" + key}},
		Target{Name: "closed", Action: &runner.HTTP{URL: closed.URL + "/hook/" + key}},
		Target{Name: "broken", Action: &runner.HTTP{URL: "http://127.0.0.1:x/" + key}},
	)
	var report strings.Builder
	for name := range r.targets {
		to, _, err := r.Test(t.Context(), name)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		report.WriteString(name + ": " + to + ": " + err.Error() + "\n")
	}
	r.Send("path", sample())
	for range 4 { // of the tests, three; then the event
		<-got
	}
	r.Ping.Add(s.URL+"/ping/"+key, Ping{Run: sample().Run})
	<-got
	r.stop()
	for _, u := range r.Undelivered() {
		report.WriteString(u.Target + ": " + u.Error + "\n")
	}
	text := report.String() + r.logged()
	if strings.Contains(text, key) {
		t.Errorf("the key is in\n%s", text)
	}
	for _, want := range []string{"path: ", "ping 127.0.0.1", "404", "refused"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	process := runner.Process{Shell: []string{"/bin/sh", "-c"}, Base: dir, Umask: 0o022, Env: map[string]string{"MINE": "yes"}}
	r := newRig(t,
		Target{Name: "ops", Process: process, Action: &runner.Command{Text: `{ env | grep -E '^(ROTA_|MINE)' | sort; echo; cat; } >out`}},
		Target{Name: "bad", Process: process, Action: &runner.Command{Argv: []string{"sh", "-c", "echo no network; exit 4"}}},
	)
	e := sample()
	e.Run.Why = "exit 3\nand more"
	if err := r.deliver(t.Context(), r.targets["ops"], batch{first: e}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	env, body, _ := strings.Cut(string(text), "\n\n")
	env = regexp.MustCompile(`(?m)^ROTA_EXE=/.*\n`).ReplaceAllString(env, "")
	want := `MINE=yes
ROTA_ATTEMPT=2
ROTA_CAUSE=schedule
ROTA_EVENT=failure
ROTA_EXIT=3
ROTA_LAST_SUCCESS=
ROTA_MORE=0
ROTA_OUTCOME=failed
ROTA_PARAM_DAY=mon
ROTA_RUN=backup/20261122T023000Z
ROTA_SCHEDULED=2026-11-22T02:30:00Z
ROTA_TASK=backup
ROTA_WHY=exit 3 and more`
	if env != want {
		t.Errorf("environment\n%s\nwant\n%s", env, want)
	}
	if want := strings.Replace(sampleBody, "exit 3\nrun ", "exit 3 and more\nrun ", 1); body != want {
		t.Errorf("stdin\n%s\nwant\n%s", body, want)
	}
	to, _, err := r.Test(t.Context(), "bad")
	if err == nil || err.Error() != "exit 4: no network" || to != "command sh" {
		t.Errorf("%q, %v", to, err)
	}
}

// mailbox is an SMTP server that takes everything; the mails go there.
func mailbox(t *testing.T, mails ...*runner.Mail) <-chan *mail.Message {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan *mail.Message, 10)
	talk := func(c *textproto.Conn) {
		defer c.Close()
		_ = c.PrintfLine("220 test")
		for {
			line, err := c.ReadLine()
			if err != nil {
				return
			}
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "DATA":
				_ = c.PrintfLine("354 go ahead")
				text, err := c.ReadDotBytes()
				if err != nil {
					return
				}
				m, err := mail.ReadMessage(strings.NewReader(string(text)))
				if err != nil {
					t.Errorf("%v in\n%s", err, text)
				}
				got <- m
				_ = c.PrintfLine("250 taken")
			default:
				_ = c.PrintfLine("250 ok")
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go talk(textproto.NewConn(conn))
		}
	}()
	for _, m := range mails {
		m.Server.Host, m.Server.Port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
		m.Server.TLS, m.Server.From = "none", "rota@example.org"
	}
	return got
}

func TestMail(t *testing.T) {
	plain := &runner.Mail{To: []string{"ops@example.org"}}
	own := &runner.Mail{To: plain.To, Subject: "{{.Task}}!", Body: "{{.Why}}"}
	got := mailbox(t, plain, own)
	r := newRig(t, Target{Name: "plain", Action: plain}, Target{Name: "own", Action: own})
	hold := func(b batch, target, subject, body string) {
		t.Helper()
		if err := r.deliver(t.Context(), r.targets[target], b); err != nil {
			t.Fatal(err)
		}
		m := <-got
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Subject") != subject || strings.TrimRight(string(text), "\n") != strings.TrimRight(body, "\n") {
			t.Errorf("%s\n\n%s\nwant %s\n\n%s", m.Header.Get("Subject"), text, subject, body)
		}
	}
	hold(batch{first: sample()}, "plain", "rota on box: backup failed (exit 3)", sampleBody)
	hold(batch{first: sample()}, "own", "backup!", "exit 3")
	again := sample()
	again.Kind = Recover
	hold(batch{first: sample(), rest: []Event{again}, more: make([]int64, 11), lost: 2}, "own", "backup! (and 12 more)", `exit 3

and 12 more:

    Sun 2026-11-22 02:31:00 UTC  backup is ok again  backup/20261122T023000Z
    … and 11 that are not listed: rota history --failed

undelivered notifications given up before: 2`)
}

// The times of an event are in the zone of its task, in a template of its own and
// in what rota writes, and so are those of the other events in it.
func TestZone(t *testing.T) {
	plain := &runner.Mail{To: []string{"ops@example.org"}}
	own := &runner.Mail{To: plain.To, Subject: "{{.Started | date `15:04:05 MST`}}", Body: "{{.Scheduled}}"}
	got := mailbox(t, plain, own)
	r := newRig(t)
	r.o.Zone = func(task string) *time.Location {
		return map[string]*time.Location{"backup": time.FixedZone("CET", 3600), "": time.FixedZone("NPT", 20700)}[task]
	}
	bad := Event{Kind: BadConfig, Time: sample().Time}
	b := batch{first: sample(), rest: []Event{bad}}
	for _, want := range []struct {
		action *runner.Mail
		lines  []string
	}{
		{own, []string{"03:30:01 CET", "2026-11-22 03:30:00 +0100 CET", "Sun 2026-11-22 08:16:00 NPT  jobs.toml has errors"}},
		{plain, []string{"scheduled  Sun 2026-11-22 03:30:00 CET\n", "started    Sun 2026-11-22 03:30:01 CET\n", "Sun 2026-11-22 08:16:00 NPT  jobs.toml has errors"}},
	} {
		if err := r.deliver(t.Context(), Target{Action: want.action}, b); err != nil {
			t.Fatal(err)
		}
		m := <-got
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want.lines {
			if all := m.Header.Get("Subject") + "\n" + string(text); !strings.Contains(all, line) {
				t.Errorf("no %q in %s", line, all)
			}
		}
	}
	if b.first.Run.Scheduled.Location() != time.UTC || b.rest[0].Time.Location() != time.UTC {
		t.Error("the events themselves have changed")
	}
}

func TestHeadline(t *testing.T) {
	code := 3
	for _, test := range []struct {
		kind Kind
		run  runner.Run
		want string
	}{
		{Failure, runner.Run{Task: "t", Outcome: runner.Failed, Exit: &code}, "t failed (exit 3)"},
		{Failure, runner.Run{Task: "t", Outcome: runner.Failed, Signal: "KILL"}, "t failed (KILL)"},
		{Failure, runner.Run{Task: "t", Outcome: runner.Failed}, "t failed"},
		{Failure, runner.Run{Task: "t", Outcome: runner.TimedOut}, "t timed out"},
		{Failure, runner.Run{Task: "t", Outcome: runner.Lost}, "t was lost"},
		{Success, runner.Run{Task: "t", Outcome: runner.OK}, "t is ok"},
		{Recover, runner.Run{Task: "t", Outcome: runner.OK}, "t is ok again"},
		{Output, runner.Run{Task: "t", Outcome: runner.OK}, "t wrote output"},
		{Missed, runner.Run{Task: "t", Outcome: runner.Missed}, "t was missed"},
		{Stale, runner.Run{Task: "t"}, "t has not succeeded for too long"},
		{Held, runner.Run{Task: "t"}, "t is held"},
		{BadConfig, runner.Run{}, "jobs.toml has errors"},
		{Test, runner.Run{}, "a test"},
		{Trouble, runner.Run{Why: "the disk is full"}, "the disk is full"},
		{Success, runner.Run{Task: "a\x1b[2J\nb"}, "a\\x1b[2J b is ok"},
	} {
		if got := headline(Event{Kind: test.kind, Run: test.run, Text: test.run.Why}); got != test.want {
			t.Errorf("%s %+v: %q, want %q", test.kind, test.run, got, test.want)
		}
	}
}

func TestBody(t *testing.T) {
	at := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		e    Event
		want string
	}{
		{Event{Kind: BadConfig, Time: at, Text: "error: unknown key\n  --> jobs.toml:3:1\n"}, `jobs.toml has errors

error: unknown key
  --> jobs.toml:3:1


host       box
time       Sun 2026-11-22 02:30:00 UTC

the last good file stays in force; details: rota check
`},
		{Event{Kind: Trouble, Time: at, Text: "the disk is full: outputs are not kept"}, `the disk is full: outputs are not kept

host       box
time       Sun 2026-11-22 02:30:00 UTC

details: rota status
`},
		{Event{Kind: Stale, Time: at, Text: "the last was 26h ago", Run: runner.Run{Task: "backup"}}, `backup has not succeeded for too long

why        the last was 26h ago
host       box
time       Sun 2026-11-22 02:30:00 UTC

details: rota why backup
`},
		{Event{Kind: Missed, Time: at, Run: runner.Run{
			ID: "t/20261122T000000Z", Task: "t", Outcome: runner.Missed, Why: "rota was down", Count: 3, First: at.Add(-2 * time.Hour), Last: at, Scheduled: at,
		}}, `t was missed

why        rota was down
run        t/20261122T000000Z
host       box
scheduled  Sun 2026-11-22 02:30:00 UTC
slots      3, Sun 2026-11-22 00:30:00 UTC to Sun 2026-11-22 02:30:00 UTC

details: rota show t/20261122T000000Z
`},
	} {
		b := batch{first: test.e}
		if got := body("box", b, runner.NewHook("x", test.e.Run, t.TempDir(), tailMax)); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

// TestPageOfARun: mails, webhooks and commands say the address of the page, if that is
// known.
func TestPageOfARun(t *testing.T) {
	run := runner.Run{ID: "t/20261122T000000Z", Task: "t", Outcome: runner.Failed}
	for _, row := range []struct {
		page string
		run  runner.Run
		want string
	}{
		{"", run, ""}, {"https://example.org/rota", run, "https://example.org/rota/runs/t/20261122T000000Z"},
		{"https://example.org/rota", runner.Run{Task: "t"}, "https://example.org/rota/tasks/t"}, {"https://example.org/rota", runner.Run{}, "https://example.org/rota/"},
	} {
		n := New(Options{Page: func() string { return row.page }, StateDir: t.TempDir()})
		b := batch{first: Event{Kind: Failure, Run: row.run}}
		_, in := n.compose(Target{Action: &runner.Command{}}, b)
		if got := in.Process.Env["ROTA_URL"]; got != row.want || row.want != "" && !strings.HasSuffix(in.Process.Stdin, "\n"+row.want+"\n") {
			t.Errorf("page %q: ROTA_URL is %q, and the text\n%s", row.page, got, in.Process.Stdin)
		}
		a, _ := n.compose(Target{Action: &runner.HTTP{URL: "https://example.org"}}, b)
		if body := a.(*runner.HTTP).Body; !strings.Contains(body, row.want) || strings.Contains(body, `\"url\"`) != (row.want != "") {
			t.Errorf("page %q: the body is %s", row.page, body)
		}
	}
}

// A text that looks like a template is none.
func FuzzLiteral(f *testing.F) {
	f.Add("{{.Task}} }} {{/* */}} \"`\\ \x00\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		var out strings.Builder
		in := runner.Input{Hook: &runner.Hook{}}
		if err := runner.Notify(t.Context(), &runner.Log{Message: literal(text)}, in, &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != strings.TrimSuffix(text, "\n") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
