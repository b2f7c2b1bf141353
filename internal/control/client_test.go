package control_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"rota/internal/api"
	"rota/internal/control"
)

// TestUnreachable checks the errors of a client that gets no answer, or one that is not from a
// rota.
func TestUnreachable(t *testing.T) {
	h := open(t)
	h.fake.Close()
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("Location", "http://evil.example/")
			w.WriteHeader(http.StatusFound)
			return
		}
		io.WriteString(w, "<h1>It works!</h1>")
	}))
	defer stranger.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := "http://" + free.Addr().String()
	free.Close()
	none := filepath.Join(t.TempDir(), "rota.sock")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(h.url, "https://"))
	for _, test := range []struct {
		name   string
		target control.Target
		code   api.Code
		says   []string
	}{
		{"no socket", control.Target{Socket: none}, api.NoDaemon, []string{"no daemon at " + none + "; start it: rota daemon"}},
		{"nobody at a port", control.Target{URL: nowhere}, api.NoDaemon, []string{"no daemon at " + nowhere, "connection refused", "[web]"}},
		{"no such host", control.Target{URL: "https://rota.invalid:8377"}, api.NoDaemon, []string{"no daemon at https://rota.invalid:8377"}},
		{"a certificate of an unknown authority", control.Target{URL: h.url, Token: controlToken}, api.NoDaemon, []string{"the certificate of " + h.url, "not from an authority that this machine trusts", "SSL_CERT_FILE"}},
		{"a certificate for another", control.Target{URL: "https://localhost:" + port, Token: controlToken, RootCAs: h.roots}, api.NoDaemon, []string{"the certificate of", "rota.example, not localhost"}},
		{"no TLS there", control.Target{URL: "https" + strings.TrimPrefix(stranger.URL, "http")}, api.NoDaemon, []string{"does not speak TLS", "http://"}},
		{"TLS there", control.Target{URL: "http" + strings.TrimPrefix(h.url, "https")}, api.NoDaemon, []string{"400 Bad Request", "HTTPS server"}},
		{"something else", control.Target{URL: stranger.URL}, api.NoDaemon, []string{"is not JSON", "is that the address of a rota?"}},
		{"something that sends us on", control.Target{URL: stranger.URL, Token: controlToken}, api.NoDaemon, []string{"302 Found"}},
		{"no token", control.Target{URL: h.url, RootCAs: h.roots}, api.Forbidden, []string{"no token; give a token: --token-file FILE"}},
		{"a wrong token", control.Target{URL: h.url, RootCAs: h.roots, Token: "wrong"}, api.Forbidden, []string{"the token is wrong"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client(t, test.target).Status(t.Context())
			if got := api.CodeOf(err); got != test.code {
				t.Fatalf("%q (%v), want %q", got, err, test.code)
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it says %q, not %q", err, says)
				}
			}
			if strings.Contains(err.Error(), controlToken) {
				t.Errorf("the error has the token: %v", err)
			}
		})
	}
}

// TestTargets is what is no target at all.
func TestTargets(t *testing.T) {
	for _, target := range []control.Target{
		{URL: "localhost:8377"},
		{URL: "ftp://localhost"},
		{URL: "https://"},
		{URL: "https://localhost/?x=1"},
		{URL: "https://token@localhost/"},
		{URL: "http://rota.example:8377", Token: "secret"},
		{URL: "http://[::ffff:192.0.2.1]:8377", Token: "secret"},
	} {
		_, err := control.NewClient(target)
		if api.CodeOf(err) != api.Usage {
			t.Errorf("%s: %v", target.URL, err)
		}
	}
	for _, target := range []control.Target{
		{URL: "http://127.0.0.1:8377", Token: "secret"},
		{URL: "http://[::1]:8377/", Token: "secret"},
		{URL: "http://LOCALHOST:8377", Token: "secret"},
		{URL: "https://rota.example/rota/", Token: "secret"},
		{URL: "http://rota.example:8377"},
	} {
		if _, err := control.NewClient(target); err != nil {
			t.Errorf("%s: %v", target.URL, err)
		}
	}
}

// TestBrokenInput: an input that cannot be read is not the daemon's fault, and
// makes no run.
func TestBrokenInput(t *testing.T) {
	h := open(t)
	c := client(t, control.Target{Socket: h.socket})
	input := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("the disk is gone")))
	_, err := c.Request(t.Context(), api.Request{Task: "echo", Key: "a"}, input)
	if api.CodeOf(err) != api.Failed || !strings.Contains(err.Error(), "cannot read the input: the disk is gone") {
		t.Errorf("%v", err)
	}
	if _, err := c.Run(t.Context(), "echo/a"); api.CodeOf(err) != api.NotFound {
		t.Errorf("a run of half an input: %v", err)
	}
}

// TestEnd: a server that ends says so to waiting clients, and aborts answers that are
// read as a whole.
func TestEnd(t *testing.T) {
	h := open(t)
	path := filepath.Join(t.TempDir(), "rota.sock")
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	serving, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(serving, d) }()
	c := client(t, control.Target{Socket: path})
	ctx := t.Context()
	request(t, h.fake, "sleep", "a", false)
	waited := make(chan error, 1)
	go func() {
		_, err := c.Wait(ctx, "sleep/a")
		waited <- err
	}()
	log, err := c.Log(ctx, api.LogQuery{Run: "sleep/a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, len("input"))
	if _, err := io.ReadFull(log, begin); err != nil {
		t.Fatal(err)
	}
	messages, err := c.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	// The answer may have come too late for the error.
	if err := <-waited; api.CodeOf(err) != api.NotNow && api.CodeOf(err) != api.NoDaemon {
		t.Errorf("who waits: %v", err)
	}
	if _, err := io.ReadAll(log); api.CodeOf(err) != api.Failed || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("who follows: %v", err)
	}
	if _, more := <-messages; more {
		t.Error("who watches gets more")
	}
	if _, err := c.Status(ctx); api.CodeOf(err) != api.NoDaemon {
		t.Errorf("who comes later: %v", err)
	}
}

// TestGivingUp: a client that gives up waiting gets its own reason as the error.
func TestGivingUp(t *testing.T) {
	h := open(t)
	c := client(t, control.Target{Socket: h.socket})
	request(t, h.fake, "sleep", "a", false)
	ctx, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer end()
	if _, err := c.Wait(ctx, "sleep/a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
