package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const secret = "p4ss word"

// password is the path of a file with the password.
func password(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the header of a letter, decoded, and its body as it came.
func read(t *testing.T, text string) (map[string]string, string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	head := map[string]string{}
	for name, values := range m.Header {
		if len(values) != 1 {
			t.Errorf("%d times %s in\n%s", len(values), name, text)
		}
		value, err := new(mime.WordDecoder).DecodeHeader(values[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		head[name] = value
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return head, string(body)
}

func TestSMTP(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*mailServer)
		tls   string
		login bool
		err   string // "": it arrives
	}{
		{name: "starttls is what is meant", set: func(s *mailServer) { s.startTLS = true }},
		{name: "starttls", set: func(s *mailServer) { s.startTLS = true }, tls: "starttls"},
		{name: "starttls with login", set: func(s *mailServer) { s.startTLS = true; s.auth = "PLAIN LOGIN" }, login: true},
		{name: "tls", set: func(s *mailServer) { s.implicit = true }, tls: "tls"},
		{name: "tls with login", set: func(s *mailServer) { s.implicit = true; s.auth = "PLAIN" }, tls: "tls", login: true},
		{name: "login asked before", set: func(s *mailServer) { s.implicit = true; s.auth = "PLAIN" }, tls: "tls", login: true},
		{name: "none", set: func(*mailServer) {}, tls: "none"},
		{name: "what was taken stays taken", set: func(s *mailServer) { s.answers["RSET"], s.answers["QUIT"] = "451 no", "500 no" }, tls: "none"},

		{name: "no starttls there", set: func(*mailServer) {}, err: "does not support STARTTLS"},
		{name: "starttls refused", set: func(s *mailServer) { s.startTLS = true; s.answers["STARTTLS"] = "454 not now" }, err: "not now"},
		{name: "no login there", set: func(s *mailServer) { s.startTLS = true }, login: true, err: "does not support SMTP AUTH"},
		{name: "the password is not shown on an open line", set: func(s *mailServer) { s.auth = "PLAIN LOGIN" }, tls: "none", login: true, err: "auth"},
		{name: "refused at once", set: func(s *mailServer) { s.answers[""] = "554 go away" }, tls: "none", err: "go away"},
		{name: "sender refused", set: func(s *mailServer) { s.answers["MAIL"] = "550 not you" }, tls: "none", err: "not you"},
		{name: "recipient refused", set: func(s *mailServer) { s.answers["RCPT"] = "550 no such user" }, tls: "none", err: "no such user"},
		{name: "data refused", set: func(s *mailServer) { s.answers["DATA"] = "451 later" }, tls: "none", err: "later"},
		{name: "text refused", set: func(s *mailServer) { s.answers["taken"] = "554 spam" }, tls: "none", err: "spam"},
		{
			name: "escapes of the server", set: func(s *mailServer) { s.answers["MAIL"] = "550 \x1b[2Jno" }, tls: "none", err: `\x1b[2Jno`,
		},
		{
			name: "a server that repeats the password",
			set: func(s *mailServer) {
				s.startTLS, s.auth = true, "PLAIN"
				s.answers["AUTH"] = "535 bad: " + secret + " " + base64.StdEncoding.EncodeToString([]byte("\x00me\x00"+secret))
			},
			login: true, err: "bad: *** ***",
		},
		{name: "a server that never stops", set: func(s *mailServer) { s.answers[""] = "220-" + strings.Repeat("x", 2<<20) }, tls: "none", err: "more than 1 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.set)
			server := Server{Host: "127.0.0.1", Port: s.port(), TLS: test.tls, From: "rota@example.org"}
			if test.login {
				server.User, server.PasswordFile = "me", password(t)
			}
			if test.name == "login asked before" {
				var err error
				if server, err = server.Ask(); err != nil {
					t.Fatal(err)
				}
				server.PasswordFile = "/absent" // as for a process that may not read it
			}
			err := server.Send(t.Context(), Message{To: []string{"ops@example.org", "Böb <bob@example.org>"}, Subject: "hällo", Body: "one\n.\ntwo\n"})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want %s", err, test.err)
				}
				if text := err.Error(); strings.Contains(text, secret) || strings.ContainsAny(text, "\x1b\n\r") || len(text) > 1000 {
					t.Errorf("the error is %q", text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m := <-s.got
			head, body := read(t, m.text)
			if head["Subject"] != "hällo" || head["To"] != `<ops@example.org>, Böb <bob@example.org>` || head["From"] != "<rota@example.org>" {
				t.Errorf("head %q", head)
			}
			if body != "one\r\n..\r\ntwo\r\n" { // the dot is doubled on the way
				t.Errorf("body %q", body)
			}
			if len(m.to) != 2 || !strings.Contains(m.to[1], "<bob@example.org>") || m.encrypted != (test.tls != "none") {
				t.Errorf("%+v", m)
			}
			if test.login && m.login != "\x00me\x00"+secret {
				t.Errorf("login %q", m.login)
			}
		})
	}
}

// Whenever a server stops answering, the end of the context ends the sending.
func TestSMTPHangs(t *testing.T) {
	for _, verb := range []string{"", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "taken"} {
		t.Run("at "+verb, func(t *testing.T) {
			s := serve(t, func(s *mailServer) { s.startTLS, s.auth, s.answers[verb] = true, "PLAIN", "hang" })
			ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("enough"))
			defer cancel()
			err := Server{Host: "127.0.0.1", Port: s.port(), From: "a@b.c", User: "me", PasswordFile: password(t)}.Send(ctx, Message{To: []string{"x@y.z"}})
			if err == nil || !strings.Contains(err.Error(), "enough") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSMTPAbsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	err = Server{Host: "127.0.0.1", Port: port, From: "a@b.c"}.Send(t.Context(), Message{To: []string{"x@y.z"}})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// A certificate of an unknown authority is refused.
func TestSMTPForeignCertificate(t *testing.T) {
	s := serve(t, func(s *mailServer) { s.startTLS = true })
	err := Server{Host: "localhost", Port: s.port(), From: "a@b.c"}.Send(t.Context(), Message{To: []string{"x@y.z"}})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestMessage(t *testing.T) {
	s := serve(t, func(*mailServer) {})
	server := Server{Host: "127.0.0.1", Port: s.port(), TLS: "none", From: "Rota <rota@example.org>"}
	send := func(m Message) letter {
		t.Helper()
		if err := server.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		return <-s.got
	}
	t.Run("no header gets in", func(t *testing.T) {
		m := send(Message{To: []string{"x@y.z"}, Subject: "a\r\nBcc: evil@example.org\r\n\r\nb\x00\u2028\u202ec"})
		head, _ := read(t, m.text)
		if len(m.to) != 1 || head["Bcc"] != "" || head["Subject"] != `a Bcc: evil@example.org b\x00 \u202ec` {
			t.Errorf("%+v", m)
		}
	})
	t.Run("long subject", func(t *testing.T) {
		head, _ := read(t, send(Message{To: []string{"x@y.z"}, Subject: strings.Repeat("ä", 5000)}).text)
		if got := head["Subject"]; len(got) > subjectMax || !strings.HasSuffix(got, "ä…") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	})
	t.Run("attachment", func(t *testing.T) {
		m := send(Message{To: []string{"x@y.z"}, Body: "body", Attach: []Attachment{{"../a\"\r\nX: y.log", []byte("line 1\nline 2\n")}}})
		if !strings.Contains(m.text, base64.StdEncoding.EncodeToString([]byte("line 1\nline 2\n"))) ||
			!strings.Contains(m.text, `filename=".._a_ X_ y.log"`) || strings.Contains(m.text, "\nX: y") {
			t.Errorf("%s", m.text)
		}
	})
	t.Run("without a recipient", func(t *testing.T) {
		for _, to := range [][]string{nil, slices.Repeat([]string{"x@y.z"}, toMax+1)} {
			if err := server.Send(t.Context(), Message{To: to}); err == nil {
				t.Errorf("%d recipients are no error", len(to))
			}
		}
	})
}

func TestCheckAddress(t *testing.T) {
	for text, want := range map[string]struct{ smtp, sendmail bool }{
		"ops@example.org":           {true, true},
		"Ops <ops@example.org>":     {true, true},
		`"a, b" <ops@example.org>`:  {true, true},
		"root":                      {false, true},
		"www-data":                  {false, true},
		"-oQ/tmp":                   {false, false},
		"":                          {false, false},
		"a b":                       {false, false},
		"@":                         {false, false},
		"a@b.c, d@e.f":              {false, false},
		"a@b.c\r\nBcc: d@e.f":       {false, false},
		"a@b.c\nBcc: d@e.f":         {false, false},
		"=?utf-8?q?a=0Ab?= <a@b.c>": {false, false},
		"a\x00@b.c":                 {false, false},
		"\x1b[2J <a@b.c>":           {false, false},
		strings.Repeat("a", 300) + "@example.org.example.org": {false, false},
	} {
		if err := (Server{Host: "h"}).CheckAddress(text); (err == nil) != want.smtp {
			t.Errorf("smtp: %q: %v", text, err)
		}
		if err := (Server{}).CheckAddress(text); (err == nil) != want.sendmail {
			t.Errorf("sendmail: %q: %v", text, err)
		}
	}
}

func TestServerCheck(t *testing.T) {
	for _, test := range []struct {
		server Server
		key    string
	}{
		{Server{}, ""},
		{Server{From: "root"}, ""},
		{Server{Host: "mail.example.org", From: "a@b.c", User: "u", PasswordFile: "/p", TLS: "tls", Port: 465}, ""},
		{Server{Host: "::1"}, ""},
		{Server{TLS: "ssl", Host: "h"}, "tls"},
		{Server{Host: "h", From: "root"}, "from"},
		{Server{Host: "h", From: "a@b.c\nX: y"}, "from"},
		{Server{Port: 25}, "host"},
		{Server{User: "u", PasswordFile: "/p"}, "host"},
		{Server{Host: "smtp://h"}, "host"},
		{Server{Host: "h:25"}, "host"},
		{Server{Host: "h", Port: 70000}, "port"},
		{Server{Host: "h", User: "u"}, "password_file"},
		{Server{Host: "h", PasswordFile: "/p"}, "user"},
	} {
		if key, err := test.server.Check(); key != test.key || (err == nil) != (test.key == "") {
			t.Errorf("%+v: %q, %v; want %q", test.server, key, err, test.key)
		}
	}
}

func TestPasswordFile(t *testing.T) {
	dir := t.TempDir()
	for name, f := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"open":  {"x", 0o644, "everyone may read"},
		"empty": {"\n", 0o600, "is empty"},
		"large": {strings.Repeat("x", passwordMax+1), 0o600, "larger than 64 KiB"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readPassword(path); err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A link of another user, which could lead to any file of root, and a FIFO without a
	// writer.
	secret, link, fifo := filepath.Join(dir, "secret"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(secret, []byte("hunter2"), 0o600), os.Symlink(secret, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	if password, err := readPassword(link); err != nil || password != "hunter2" {
		t.Errorf("%q, %v", password, err)
	}
	windows := filepath.Join(dir, "windows")
	if err := os.WriteFile(windows, []byte("\ufeffhunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if password, err := readPassword(windows); err != nil || password != "hunter2" {
		t.Errorf("of an editor of Windows: %q, %v", password, err)
	}
	paths := []string{dir, fifo, filepath.Join(dir, "absent")}
	if os.Lchown(link, 65534, 65534) == nil { // only root can give it away
		paths = append(paths, link)
	}
	for _, path := range paths {
		if _, err := readPassword(path); err == nil {
			t.Errorf("%s is no error", path)
		}
	}
}

// pretend puts a script in the place of sendmail.
func pretend(t *testing.T, script string) {
	path := filepath.Join(t.TempDir(), "sendmail")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	was := sendmailPath
	sendmailPath = path
	t.Cleanup(func() { sendmailPath = was })
}

func TestSendmail(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("OUT", out)
	pretend(t, `echo "$@" >"$OUT.args"; cat >"$OUT"`)
	err := Server{From: "rota@example.org"}.Send(t.Context(), Message{To: []string{"root", "Böb <bob@example.org>"}, Subject: "x\nBcc: y", Body: "one\n.\ntwo\n"})
	if err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(out + ".args")
	if string(args) != "-i -t -f rota@example.org\n" {
		t.Errorf("args %q", args)
	}
	text, _ := os.ReadFile(out)
	head, body := read(t, string(text))
	if head["To"] != "root, Böb <bob@example.org>" || head["From"] != "<rota@example.org>" || head["Subject"] != "x Bcc: y" || head["Bcc"] != "" {
		t.Errorf("head %q", head)
	}
	if body != "one\r\n.\r\ntwo\r\n" {
		t.Errorf("body %q", body)
	}
}

func TestSendmailFails(t *testing.T) {
	send := func(ctx context.Context) error { return Server{}.Send(ctx, Message{To: []string{"root"}, Body: "x"}) }
	pretend(t, `cat >/dev/null; echo "no route" >&2; exit 75`)
	if err := send(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 75: no route") {
		t.Errorf("got %v", err)
	}
	sendmailPath = filepath.Join(t.TempDir(), "absent")
	if err := send(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	pretend(t, `exec sleep 60`)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("enough"))
	defer cancel()
	if err := send(ctx); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("got %v", err)
	}
}

// FuzzMessage: a message with any texts has the intended header, and no other.
func FuzzMessage(f *testing.F) {
	f.Add("subject", "ops@example.org", "name")
	f.Add("a\r\nBcc: x@y.z", "a@b.c\r\nBcc: x@y.z", "x\r\n\r\n")
	f.Add("=?utf-8?q?=0A?=", "=?utf-8?q?=0Ax?= <a@b.c>", "=?utf-8?q?=0A?=")
	f.Fuzz(func(t *testing.T, subject, to, name string) {
		for _, s := range []Server{{Host: "h", From: "a@b.c"}, {}} {
			m, err := s.message(Message{To: []string{to}, Subject: subject, Body: "body", Attach: []Attachment{{Name: name, Text: []byte("x")}}})
			if err != nil {
				continue
			}
			var text strings.Builder
			if _, err := m.WriteTo(&text); err != nil {
				t.Fatal(err)
			}
			parsed, err := netmail.ReadMessage(strings.NewReader(text.String()))
			if err != nil {
				t.Fatalf("%v in\n%q", err, text.String())
			}
			for name := range parsed.Header {
				if !slices.Contains([]string{"Subject", "To", "From", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted"}, name) {
					t.Fatalf("header %s in\n%q", name, text.String())
				}
			}
			if strings.Count(text.String(), "body") < 1 {
				t.Fatalf("no body in\n%q", text.String())
			}
		}
	})
}
