package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	rotamail "rota/internal/mail"
	"rota/internal/runlog"
)

// mailbox is an SMTP server that takes everything.
func mailbox(t *testing.T) (rotamail.Server, <-chan *mail.Message) {
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
			case "QUIT":
				_ = c.PrintfLine("221 bye")
				return
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
	return rotamail.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", From: "rota@example.org"}, got
}

func TestMailCheck(t *testing.T) {
	smtp := rotamail.Server{Host: "h"}
	to := []string{"ops@example.org"}
	for _, test := range []struct {
		mail Mail
		want []string
	}{
		{Mail{To: to, Subject: "{{.Task}}", Body: "{{.Params.day}}", Server: smtp}, nil},
		{Mail{To: []string{"root"}}, nil}, // by sendmail
		{Mail{To: []string{"root"}, Server: smtp}, []string{`to: "root" is not a mail address`}},
		{Mail{To: []string{"a@b.c\nBcc: d@e.f"}, Server: smtp}, []string{"to: is not a mail address"}},
		{Mail{}, []string{"to: mail has no recipient"}},
		{Mail{To: to, Subject: "{{.Tsak}}", Body: "{{"}, []string{"subject: unknown field .Tsak", "body: template"}},
		{Mail{To: to, Subject: "{{.Outcome}} {{.Exit}}", Body: "{{.Parent}} {{.Event}} {{.Took}} {{.Why}} {{.Tail}}"}, nil}, // a hook may start it
		{Mail{To: to, Subject: "{{.More}}"}, []string{"subject: unknown field .More"}},
	} {
		wantProblems(t, test.mail, test.mail.Check(), test.want...)
	}
}

func TestMail(t *testing.T) {
	server, got := mailbox(t)
	a := &Mail{To: []string{"ops@example.org"}, Subject: "{{.Task}} on {{.Host}}\nBcc: x@y.z", Body: "day {{.Params.day}}\n", Server: server}
	var out strings.Builder
	if err := a.Run(t.Context(), sampleInput(), &out); err != nil {
		t.Fatal(err)
	}
	m := <-got
	body, _ := io.ReadAll(m.Body)
	if m.Header.Get("Subject") != "backup on box Bcc: x@y.z" || m.Header.Get("To") != "<ops@example.org>" || strings.TrimSpace(string(body)) != "day so & so" {
		t.Errorf("%v\n%s", m.Header, body)
	}
	if out.String() != "sent to ops@example.org\n" {
		t.Errorf("output %q", out.String())
	}
	a.Body = "{{.Params.night}}"
	if err := a.Run(t.Context(), sampleInput(), io.Discard); !matches(err, `no entry for key "night"`) {
		t.Errorf("got %v", err)
	}
	if len(got) > 0 {
		t.Error("it was sent all the same")
	}
}

func TestMailAttaches(t *testing.T) {
	server, got := mailbox(t)
	dir := t.TempDir()
	run := Run{ID: "backup/k1", Task: "backup", Attempts: 2, Outcome: Failed}
	path := runlog.Store{StateDir: dir}.Log(run.ID, 2)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	send := func(in Input) string {
		t.Helper()
		a := &Mail{To: []string{"ops@example.org"}, Body: "see below", AttachOutput: true, Server: server}
		if err := a.Run(t.Context(), in, io.Discard); err != nil {
			t.Fatal(err)
		}
		m := <-got
		body, err := io.ReadAll(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		return kind + "\n" + string(body)
	}
	in := sampleInput()
	if text := send(in); !strings.HasPrefix(text, "text/plain\n") {
		t.Errorf("without a hook: %s", text)
	}
	if err := os.WriteFile(path, []byte("2026-11-22T02:30:00.000Z out\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in.Hook = NewHook("failure", run, dir, 100)
	if in.Hook.Output != path {
		t.Fatalf("%+v", in.Hook)
	}
	if text := send(in); !strings.HasPrefix(text, "multipart/mixed\n") || !strings.Contains(text, `filename="backup+k1.log"`) {
		t.Errorf("with output: %s", text)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if text := send(in); !strings.HasPrefix(text, "text/plain\n") || !strings.Contains(text, "output of backup/k1 could not be attached: the file was removed") {
		t.Errorf("with output that is gone: %s", text)
	}
}

func TestReadOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("ab"+strings.Repeat("x", attachMax)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := readOutput(path)
	head, rest, _ := strings.Cut(string(text), "\n")
	if err != nil || head != "[rota] the first 2 bytes were omitted" || rest != strings.Repeat("x", attachMax) {
		t.Errorf("%q and %d bytes, %v", head, len(rest), err)
	}
}

// A forked run gets the mail as JSON, and so does one of a user, including the run that
// the hook is about.
func TestMailForked(t *testing.T) {
	server, got := mailbox(t)
	b := newBench(t)
	for i, user := range append(users(t), "") {
		task := b.command(Threaded, "")
		if task.User = user; i == 0 {
			task.Mode = Forked
		}
		task.Action = &Mail{To: []string{"ops@example.org"}, Subject: "{{.Task}}", Body: "x", Server: server}
		b.launch(task, fmt.Sprint("k", i))
		if r := b.end(); r.Outcome != OK {
			t.Fatalf("%+v", r)
		}
		if m := <-got; m.Header.Get("Subject") != "t" {
			t.Errorf("%v", m.Header)
		}
	}
	code := 3
	in := Input{Hook: &Hook{Event: "failure", Run: "a/b", Outcome: Failed, Exit: &code, Took: time.Second, Output: "/p", More: 2}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var back Input
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(in.Hook, back.Hook) {
		t.Errorf("%+v, %v", back.Hook, err)
	}
}

func TestLogTail(t *testing.T) {
	const stamp = "2026-11-22T02:30:00.000Z "
	path := filepath.Join(t.TempDir(), "log")
	for _, test := range []struct {
		text, want string
		limit      int
	}{
		{"", "", 10},
		{stamp + "one\n" + stamp + "two\n", "one\ntwo", 100},
		{stamp + "one\n" + stamp + "two\n" + stamp + "three\n", "three", 7},
		{stamp + "\n" + stamp + "x y\n", "\nx y", 100},
		{"no stamp\n", "no stamp", 100},
		{stamp + strings.Repeat("x", 50) + "\n", strings.Repeat("x", 10), 10},
		{stamp + "\xff\n", "\uFFFD", 10},
		{strings.Repeat(stamp+"line\n", 10_000) + stamp + "end\n", "line\nend", 8},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := logTail(path, test.limit); got != test.want || err != nil {
			t.Errorf("%.80q, %d: %q, %v; want %q", test.text, test.limit, got, err, test.want)
		}
	}
}

func TestHookTemplates(t *testing.T) {
	code := 3
	in := sampleInput()
	in.notification = true
	in.Hook = &Hook{Event: "failure", Outcome: Failed, Exit: &code, Took: 90 * time.Second, Why: "exit 3", Tail: "the end", More: 2, Text: "all of it", Time: time.Unix(1767225600, 0).UTC(), URL: "https://h/runs/1"}
	const text = "{{.Event}} {{.Task}} {{.Outcome}} {{.Exit}} {{.Took}} {{.Why}} {{.Tail}} {{.Text}} {{.Time.Unix}} {{.URL}} {{.More}}[{{.Params.nosuch}}]{{if eq .Exit 3}}!{{end}}"
	want := "failure backup failed 3 1m30s exit 3 the end all of it 1767225600 https://h/runs/1 2[]!"
	if got, err := render(t.Context(), "body", text, in); got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	in.Hook.Tail = "a \"b\"\n<\x07"
	if got, err := render(t.Context(), "body", `{"text": {{.Tail | json}}, "exit": {{json .Exit}}}`, in); got != `{"text": "a \"b\"\n\u003c\u0007", "exit": 3}` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	in.Hook.Exit = nil
	if got, err := render(t.Context(), "body", "{{.Exit}}", in); got != "-1" || err != nil {
		t.Errorf("%q, %v; want -1", got, err)
	}
	for _, test := range []struct {
		action Action
		want   []string
	}{
		{&HTTP{URL: "https://h/{{.Event | urlquery}}", Body: text}, nil},
		{&Mail{To: []string{"root"}, Subject: text, Body: text}, nil},
		{&Command{Text: "{{.Nosuch}}"}, nil}, // no template
		{&HTTP{URL: "https://h/{{.Evnt | urlquery}}"}, []string{"url: unknown field .Evnt"}},
		{&HTTP{URL: "https://h/", Body: "{{.Outcme}}"}, []string{"body: unknown field .Outcme"}},
		{&Mail{To: []string{"root"}, Subject: "{{.Outcme}}"}, []string{"subject: unknown field .Outcme"}},
		{&Command{}, []string{": nothing to run"}},
	} {
		wantProblems(t, test.action, CheckHook(test.action), test.want...)
	}
	wantProblems(t, "parent", CheckHook(&HTTP{URL: "https://h/", Body: "{{.Parent}}"}), "body: unknown field .Parent")
}

// A run that a hook starts has the run that it follows in its templates, and other runs
// have none.
func TestTemplatesOfChainedRuns(t *testing.T) {
	code := 3
	in := sampleInput()
	const text = "{{.Task}} after [{{.Parent}}] {{.Event}} {{.Outcome}} {{.Exit}} {{.Took}} {{.Why}} {{.Tail}}"
	if got, err := render(t.Context(), "body", text, in); got != "backup after []   -1 0s  " || err != nil {
		t.Errorf("of no hook: %q, %v", got, err)
	}
	in.Hook = &Hook{Event: "failure", Task: "sync", Run: "sync/1", Outcome: Failed, Exit: &code, Took: 90 * time.Second, Why: "exit 3", Tail: "the {{end}}"}
	want := "backup after [sync/1] failure failed 3 1m30s exit 3 the {{end}}"
	if got, err := render(t.Context(), "body", text, in); got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// The command of a notification does not stop the processes of the run that it is about.
func TestTellSparesTheRun(t *testing.T) {
	b := newBench(t)
	fifo := filepath.Join(b.dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	task := b.command(Threaded, "read x <"+fifo)
	run := b.launch(task, "k1")
	in := Input{
		Task: run.Task, Run: run.ID, StateDir: b.dir, Process: task.Process, Hook: NewHook("failure", run, b.dir, 100),
		Policy: Policy{StopSignal: "TERM", KillAfter: 100 * time.Millisecond},
	}
	printed := filepath.Join(b.dir, "printed")
	if err := syscall.Mkfifo(printed, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(printed)
		cancel()
	}()
	out := runlog.NewOutput("", 0, nil)
	if err := Notify(ctx, &Command{Text: "env | grep ROTA_; echo >" + printed + "; exec sleep 60"}, in, out); err == nil {
		t.Error("it was not ended")
	}
	if text := out.Tail(); !strings.Contains(text, "ROTA_RUN="+run.ID) || strings.Contains(text, "ROTA_STATE_DIR") {
		t.Errorf("environment:\n%s", text)
	}
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("go\n")
	f.Close()
	if r := b.end(); r.Outcome != OK {
		t.Errorf("the run ended as %+v", r)
	}
}
