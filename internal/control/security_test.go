package control_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// ask sends a request as a program of any kind would, and returns the status
// and the answer.
func (h *house) ask(t *testing.T, r *http.Request) (int, string, http.Header) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}}
	defer transport.CloseIdleConnections()
	if r.URL.Scheme == "http" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return control.DialUnix(ctx, h.socket) }
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

// TestListener tests which clients the web accepts, and what they may do there.
func TestListener(t *testing.T) {
	h := open(t)
	request(t, h.fake, "echo", "1", false)
	request(t, h.fake, "mail", "1", false)
	ops := bearer(controlToken)
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, test := range []struct {
		name   string
		method string
		path   string
		how    []func(*http.Request)
		want   int
	}{
		{"no token", "GET", "/v1/status", nil, 401},
		{"no token, nowhere", "GET", "/nope", nil, 401},
		{"wrong token", "GET", "/v1/status", []func(*http.Request){bearer("wrong-0123456789abcdef")}, 401},
		{"half a token", "GET", "/v1/status", []func(*http.Request){bearer(controlToken[:12])}, 401},
		{"a token and more", "GET", "/v1/status", []func(*http.Request){bearer(controlToken + "x")}, 401},
		{"an empty token", "GET", "/v1/status", []func(*http.Request){bearer("")}, 401},
		{"another kind of token", "GET", "/v1/status", []func(*http.Request){header("Authorization", "Digest "+controlToken)}, 401},
		{"a token as a parameter", "GET", "/v1/status?token=" + controlToken, nil, 401},
		{"right token", "GET", "/v1/status", []func(*http.Request){ops}, 200},
		{"in small letters", "GET", "/v1/status", []func(*http.Request){header("Authorization", "bearer "+controlToken)}, 200},
		{"as a password", "GET", "/v1/status", []func(*http.Request){basic("anybody", controlToken)}, 200},
		{"as a name", "GET", "/v1/status", []func(*http.Request){basic(controlToken, "")}, 401},

		{"by a name of its own", "GET", "/v1/status", []func(*http.Request){ops, host("rota.example:8377")}, 200},
		{"by localhost", "GET", "/v1/status", []func(*http.Request){ops, host("LocalHost.")}, 200},
		{"by another loopback", "GET", "/v1/status", []func(*http.Request){ops, host("[::1]:8377")}, 200},
		{"by another name", "GET", "/v1/status", []func(*http.Request){ops, host("evil.example")}, 403},
		{"by a name that begins well", "GET", "/v1/status", []func(*http.Request){ops, host("127.0.0.1.evil.example")}, 403},
		{"by another number", "GET", "/v1/status", []func(*http.Request){ops, host("192.0.2.1")}, 403},

		{"from a page of its own", "POST", "/v1/reload", []func(*http.Request){ops, header("Sec-Fetch-Site", "same-origin")}, 200},
		{"from a page elsewhere", "POST", "/v1/reload", []func(*http.Request){ops, header("Sec-Fetch-Site", "cross-site")}, 403},
		{"from a page of the same site", "POST", "/v1/reload", []func(*http.Request){ops, header("Sec-Fetch-Site", "same-site")}, 403},
		{"of an origin elsewhere", "POST", "/v1/reload", []func(*http.Request){ops, header("Origin", "https://evil.example")}, 403},
		{"of no origin", "POST", "/v1/reload", []func(*http.Request){ops, header("Origin", "null")}, 403},

		{"a reader acts", "POST", "/v1/tasks/echo/runs", []func(*http.Request){bearer(readToken)}, 403},
		{"a reader reloads", "POST", "/v1/reload", []func(*http.Request){bearer(readToken)}, 403},
		{"a reader reads", "GET", "/v1/runs/mail/1", []func(*http.Request){bearer(readToken)}, 200},
		{"a requester runs", "POST", "/v1/tasks/echo/runs", []func(*http.Request){bearer(requestToken)}, 200},
		{"a requester runs another's", "POST", "/v1/tasks/post/runs", []func(*http.Request){bearer(requestToken)}, 404},
		{"a requester stops", "POST", "/v1/tasks/echo/stop", []func(*http.Request){bearer(requestToken)}, 403},
		{"a requester drains", "POST", "/v1/drain", []func(*http.Request){bearer(requestToken)}, 403},
		{"a run sees its task", "GET", "/v1/tasks/echo", []func(*http.Request){bearer(runToken)}, 200},
		{"a run runs its task", "POST", "/v1/tasks/echo/runs", []func(*http.Request){bearer(runToken)}, 200},
		{"a run sees another", "GET", "/v1/tasks/mail", []func(*http.Request){bearer(runToken)}, 404},
		{"a run runs another", "POST", "/v1/tasks/mail/runs", []func(*http.Request){bearer(runToken)}, 404},
		{"a run reloads", "POST", "/v1/reload", []func(*http.Request){bearer(runToken)}, 403},

		{"another method", "PUT", "/v1/status", []func(*http.Request){ops}, 405},
		{"to act by looking", "GET", "/v1/reload", []func(*http.Request){ops}, 405},
		{"nowhere", "GET", "/v1/nope", []func(*http.Request){ops}, 404},
		{"an unknown parameter", "GET", "/v1/runs?tsk=echo", []func(*http.Request){ops}, 400},
		{"a number that is none", "GET", "/v1/runs?n=-1", []func(*http.Request){ops}, 400},
		{"more than one answer may have", "GET", "/v1/runs?n=100001", []func(*http.Request){ops}, 400},
		{"more slots than that", "GET", "/v1/next?n=100001", []func(*http.Request){ops}, 400},
		{"an instant that is none", "GET", "/v1/why?task=echo&at=yesterday", []func(*http.Request){ops}, 400},
		{"a parameter twice", "GET", "/v1/why?task=echo&task=mail", []func(*http.Request){ops}, 400},
		{"a head that is too large", "GET", "/v1/status", []func(*http.Request){ops, header("X-Large", strings.Repeat("x", 128<<10))}, 431},

		{"a slash in a name", "GET", "/v1/tasks/mail%2F1", []func(*http.Request){ops}, 404},
		{"a slash in an id", "GET", "/v1/runs/echo/1%2Fresult", []func(*http.Request){ops}, 404},
		{"up in an id", "GET", "/v1/runs/echo/%2e%2e%2f1/result", []func(*http.Request){ops}, 404},
		{"out of a task into another", "GET", "/v1/tasks/echo%2F..%2Fmail", []func(*http.Request){bearer(runToken)}, 404},
		{"a zero byte", "GET", "/v1/tasks/echo%00", []func(*http.Request){ops}, 404},
		{"a newline", "GET", "/v1/tasks/echo%0A", []func(*http.Request){ops}, 404},
		{"a hidden file", "GET", "/v1/tasks/.ssh", []func(*http.Request){ops}, 404},
		{"dots and an at sign", "GET", "/v1/tasks/site1@web.example", []func(*http.Request){ops}, 200},
		{"the same, as some send it", "GET", "/v1/tasks/site1%40web%2Eexample", []func(*http.Request){ops}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), test.method, h.url+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, how := range test.how {
				how(r)
			}
			status, text, head := h.ask(t, r)
			if status != test.want {
				t.Errorf("%d %s, want %d", status, text, test.want)
			}
			if status == 431 {
				return
			}
			if how := head.Values("WWW-Authenticate"); (len(how) == 2) != (status == 401) {
				t.Errorf("the answer %d asks for %q", status, how)
			}
			var no struct{ Error *api.Error }
			if err := json.Unmarshal([]byte(text), &no); err != nil || (no.Error != nil) != (status != 200) {
				t.Errorf("the answer is %s (%v)", text, err)
			}
			if strings.Contains(text, controlToken) {
				t.Errorf("the answer has the token: %s", text)
			}
		})
	}
}

// TestBodies is what a request may send.
func TestBodies(t *testing.T) {
	h := open(t)
	const form = "multipart/form-data; boundary=x"
	part := func(name, text string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n"
	}
	for _, test := range []struct {
		name, path, kind, body string
		want                   int
		says                   string
	}{
		{"nothing", "/v1/tasks/echo/runs", "", "", 200, `"run":"echo/`},
		{"an object", "/v1/tasks/echo/runs", "", `{"id":"a","params":{"word":"x"}}`, 200, `"run":"echo/a"`},
		{"as curl -d says it", "/v1/tasks/echo/runs", "application/x-www-form-urlencoded", `{"id":"b"}`, 200, `"run":"echo/b"`},
		{"no JSON", "/v1/tasks/echo/runs", "", `{"id":`, 400, "the request is not valid"},
		{"two objects", "/v1/tasks/echo/runs", "", `{} {}`, 400, "more than one"},
		{"a name that is none", "/v1/tasks/echo/runs", "", `{"command":"rm -rf /"}`, 400, "command"},
		{"another task", "/v1/tasks/echo/runs", "", `{"task":"mail"}`, 400, "mail"},
		{"shell text as a name", "/v1/tasks/echo/runs", "", `{"params":{"$(reboot)":"x"}}`, 400, "no parameter"},
		{"a zero byte", "/v1/tasks/echo/runs", "", `{"params":{"word":"a\u0000b"}}`, 400, "NUL byte"},
		{"a zero byte in a name", "/v1/tasks/echo/runs", "", `{"params":{"wo\u0000rd":"b"}}`, 400, "NUL byte"},
		{"a newline", "/v1/tasks/echo/runs", "", `{"params":{"word":"a\nb"}}`, 200, `a\nb`},
		{"1 MiB", "/v1/tasks/echo/runs", "", `{"params":{"word":"` + strings.Repeat("x", 1<<20) + `"}}`, 400, "larger than"},
		{"less, but too much for one", "/v1/tasks/echo/runs", "", `{"params":{"word":"` + strings.Repeat("x", 100<<10) + `"}}`, 400, "longer than"},
		{"too many", "/v1/tasks/echo/runs", "", `{"params":{` + many(300) + `}}`, 400, "300 parameters"},
		{"deep", "/v1/hold", "", strings.Repeat("[", 100_000), 400, ""},
		{"a form", "/v1/tasks/echo/runs", form, part("request", `{"id":"c"}`) + part("input", "the input") + "--x--", 200, `"run":"echo/c"`},
		{"input alone", "/v1/tasks/echo/runs", form, part("input", "the input") + "--x--", 200, `"run":"echo/`},
		{"a request alone", "/v1/tasks/echo/runs", form, part("request", `{"id":"d"}`) + "--x--", 200, `"run":"echo/d"`},
		{"a form that breaks off", "/v1/tasks/echo/runs", form, part("request", `{"id":"e"}`) + part("input", "half"), 500, "the input"},
		{"a form of nothing", "/v1/tasks/echo/runs", form, "", 400, "the form"},
		{"a form without an edge", "/v1/tasks/echo/runs", "multipart/form-data", "x", 400, ""},
		{"a part that is unknown", "/v1/tasks/echo/runs", form, part("file", "x") + "--x--", 400, "file"},
		{"a request after the input", "/v1/tasks/echo/runs", form, part("request", `{}`) + part("request", `{}`) + "--x--", 400, "part 2"},
		{"a request of 2 MiB in a form", "/v1/tasks/echo/runs", form, part("request", `{"on":"`+strings.Repeat("x", 2<<20)+`"}`) + "--x--", 400, "larger than"},
		{"release of what is not said", "/v1/release", "", "", 400, "give either"},
		{"release of some and all", "/v1/release", "", `{"all":true,"names":["echo"]}`, 400, "give either"},
		{"release of all", "/v1/release", "", `{"all":true}`, 200, `{"tasks":[],"runs":[]}`},
		{"cancel of what is not said", "/v1/cancel", "", "{}", 400, "give either"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost"+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			status, text, _ := h.ask(t, r)
			if status != test.want || !strings.Contains(text, test.says) {
				t.Errorf("%d %.300s, want %d and %q", status, text, test.want, test.says)
			}
		})
	}
}

// many is the inside of an object of n parameters.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"p%d":""`, i)
	}
	return b.String()[1:]
}

// TestSlowHead: a connection whose request has a slow head is closed.
func TestSlowHead(t *testing.T) {
	h := &house{server: control.NewServer(control.Options{Service: nil})}
	h.server.SetHeadTime(50 * time.Millisecond)
	path := t.TempDir() + "/rota.sock"
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	c, err := control.DialUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil { // it ends
		t.Error(err)
	}
}

// TestLong: the time for a head is not that for an answer.
func TestLong(t *testing.T) {
	const head = 20 * time.Millisecond
	fake := controltest.NewFake()
	h := &house{fake: fake, server: control.NewServer(control.Options{Service: fake}), socket: t.TempDir() + "/rota.sock"}
	h.server.SetHeadTime(head)
	d, err := control.OpenSocket(h.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	c := client(t, control.Target{Socket: h.socket})
	if _, err := c.Request(t.Context(), api.Request{Task: "sleep", Key: "a"}, strings.NewReader("input")); err != nil {
		t.Fatal(err)
	}
	log, err := c.Log(t.Context(), api.LogQuery{Run: "sleep/a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(5*head, func() { h.fake.Stop(context.Background(), "sleep/a", false) })
	if r, err := c.Wait(t.Context(), "sleep/a"); err != nil || r.Outcome != "cancelled" {
		t.Errorf("wait: %v, %v", r, err)
	}
	if text, err := io.ReadAll(log); err != nil || string(text) != "input" {
		t.Errorf("follow: %q, %v", text, err)
	}
}

// TestStreams: there are only so many event streams, and one that is not read
// is dropped.
func TestStreams(t *testing.T) {
	h := open(t)
	stalled, err := control.DialUnix(t.Context(), h.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if _, err := io.WriteString(stalled, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	begun := bufio.NewReader(stalled)
	for line := ""; line != ": alive\n"; {
		if line, err = begun.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	large := api.Message{Log: &api.LogLine{Run: "echo/1", Line: strings.Repeat("x", 64<<10)}}
	for i := 0; h.fake.Watched(); i++ {
		if i > 10*api.MaxBehind {
			t.Fatal("a stream without a reader is kept")
		}
		h.fake.Publish(large)
	}
	stalled.Close()

	c := client(t, control.Target{Socket: h.socket})
	ctx, end := context.WithCancel(t.Context())
	defer end()
	open := 0
	for ; open <= control.MaxStreams; open++ {
		if _, err = c.Watch(ctx); err != nil {
			break
		}
	}
	// The stalled one may hold its place until it is noticed that it is gone.
	if api.CodeOf(err) != api.NotNow || open < control.MaxStreams-1 {
		t.Errorf("%d streams, then %v", open, err)
	}
}
