package control_test

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// TestOpenWeb is what the web may be set to.
func TestOpenWeb(t *testing.T) {
	cert, key, _ := controltest.Certificate(t)
	certificate := pair(t, cert, key)
	good := []control.Token{{Name: "ops", Value: controlToken, May: api.MayControl}}
	for _, test := range []struct {
		name string
		web  control.Web
		says string // of the error; "": none
	}{
		{"this machine", control.Web{Listen: "127.0.0.1:0"}, ""},
		{"this machine by name", control.Web{Listen: "localhost:0"}, ""},
		{"a socket", control.Web{Listen: "unix:" + filepath.Join(t.TempDir(), "web.sock")}, ""},
		{"all machines", control.Web{Listen: "0.0.0.0:0"}, "it needs tokens and TLS"},
		{"all machines, as Go says it", control.Web{Listen: ":0"}, "it needs tokens and TLS"},
		{"all machines without TLS", control.Web{Listen: "0.0.0.0:0", Tokens: good}, "it needs tokens and TLS"},
		{"all machines without tokens", control.Web{Listen: "0.0.0.0:0", TLS: certificate}, "it needs tokens and TLS"},
		{"all machines with both", control.Web{Listen: "0.0.0.0:0", TLS: certificate, Tokens: good}, ""},
		{"a short token", control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{{Name: "ci", Value: "hunter2", May: api.MayRead}}}, `token "ci" has 7 characters`},
		{"a token for nothing", control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{{Name: "ci", Value: controlToken}}}, `may ""`},
		{"a token of an owner", control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{{Name: "ci", Value: controlToken, May: api.MayOwn}}}, `may "own"`},
		{"a pattern that is none", control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{{Name: "ci", Value: controlToken, May: api.MayRead, Tasks: []string{"a["}}}}, "pattern"},
		{"no port", control.Web{Listen: "127.0.0.1", Tokens: good, TLS: certificate}, "cannot listen at 127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := control.OpenWeb(test.web)
			if err == nil {
				d.Close()
			}
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			if err != nil && (strings.Contains(err.Error(), controlToken) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("the error has the token: %v", err)
			}
		})
	}
}

// TestTokenNeeded: over TCP every client needs a token, also on this machine. The tokens
// can be changed while the listener is open.
func TestTokenNeeded(t *testing.T) {
	h := open(t)
	w := control.Web{Listen: "127.0.0.1:0"}
	d, err := control.OpenWeb(w)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	c := client(t, control.Target{URL: d.Addr()})
	ops := client(t, control.Target{URL: d.Addr(), Token: controlToken})
	run := client(t, control.Target{URL: d.Addr(), Token: runToken})
	asks := func(what string, c *control.Client, read, act api.Code) {
		t.Helper()
		_, err := c.Tasks(t.Context(), "echo")
		if got := api.CodeOf(err); got != read {
			t.Errorf("%s reads: %q (%v), want %q", what, got, err, read)
		}
		_, err = c.Request(t.Context(), api.Request{Task: "echo"}, nil)
		if got := api.CodeOf(err); got != act {
			t.Errorf("%s acts: %q (%v), want %q", what, got, err, act)
		}
	}
	asks("anybody", c, api.Forbidden, api.Forbidden)
	asks("a wrong token", ops, api.Forbidden, api.Forbidden)
	asks("a run", run, "", "")

	w.Tokens = []control.Token{{Name: "ops", Value: controlToken, May: api.MayRead}}
	if err := d.Update(w); err != nil {
		t.Fatal(err)
	}
	asks("anybody, where there are tokens", c, api.Forbidden, api.Forbidden)
	asks("a token to read", ops, "", api.Forbidden)
	w.Tokens = []control.Token{{Name: "ops", Value: controlToken, May: api.MayControl}}
	if err := d.Update(w); err != nil {
		t.Fatal(err)
	}
	asks("a token to control", ops, "", "")

	w.Tokens = []control.Token{{Name: "ops", Value: "short", May: api.MayControl}}
	if err := d.Update(w); api.CodeOf(err) != api.Usage {
		t.Errorf("to what is wrong: %v", err)
	}
	w.Listen = "127.0.0.1:1"
	if err := d.Update(w); api.CodeOf(err) != api.Conflict {
		t.Errorf("to somewhere else: %v", err)
	}
	asks("a token after a change that was refused", ops, "", "")
}

// TestGuess: a wrong token takes its time.
func TestGuess(t *testing.T) {
	h := open(t)
	const slow = 100 * time.Millisecond
	h.server.SetLoginDelay(slow)
	begin := time.Now()
	r, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	bearer("wrong")(r)
	if status, _, _ := h.ask(t, r); status != 401 || time.Since(begin) < slow {
		t.Errorf("%d after %v", status, time.Since(begin))
	}
}

// TestWebSocket: the web may be a unix socket, for a proxy before it.
func TestWebSocket(t *testing.T) {
	h := open(t)
	h.socket = filepath.Join(t.TempDir(), "web.sock")
	d, err := control.OpenWeb(control.Web{Listen: "unix:" + h.socket, Hosts: []string{"rota.example"}})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	for name, want := range map[string]int{"rota.example": 200, "evil.example": 403} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+net.JoinHostPort(name, "80")+"/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, text, _ := h.ask(t, r); status != want {
			t.Errorf("as %s: %d %s, want %d", name, status, text, want)
		}
	}
}
