package control_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// The tokens of a house.
const (
	controlToken = "control-0123456789abcdef"
	requestToken = "request-0123456789abcdef"
	readToken    = "read-0123456789abcdef"
	runToken     = "run-0123456789abcdef"
)

// house is a server with a fake service and two listeners.
type house struct {
	fake   *controltest.Fake
	server *control.Server
	socket string
	url    string
	roots  *x509.CertPool
}

// open returns a house whose socket and web are open until the test ends. The tasks mail
// and post run as the user nobody.
func open(t testing.TB) *house {
	t.Helper()
	h := &house{fake: controltest.NewFake("mail", "post", "site1@web.example")}
	h.server = control.NewServer(control.Options{
		Service: h.fake,
		Owner: func(task string) (string, bool) {
			return map[string]string{"mail": "nobody", "post": "nobody"}[task], task != "nope"
		},
		TokenOf: func(token string) (runner.Run, bool) {
			return runner.Run{ID: "echo/1", Task: "echo"}, token == runToken
		},
	})
	h.server.SetLoginDelay(time.Millisecond)
	h.socket = filepath.Join(t.TempDir(), "run", "rota.sock")
	socket, err := control.OpenSocket(h.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, roots := controltest.Certificate(t)
	h.roots = roots
	web, err := control.OpenWeb(control.Web{
		Listen: "127.0.0.1:0", Hosts: []string{"Rota.Example"}, TLS: pair(t, cert, key),
		Tokens: []control.Token{
			{Name: "ops", Value: controlToken, May: api.MayControl},
			{Name: "ci", Value: requestToken, May: api.MayRequest, Tasks: []string{"ec*", "mail"}},
			{Name: "wall", Value: readToken, May: api.MayRead, Tasks: []string{"*"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.url = web.Addr()
	h.serve(t, socket)
	h.serve(t, web)
	return h
}

// pair reads a certificate and its key.
func pair(t testing.TB, cert, key string) *tls.Certificate {
	t.Helper()
	p, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// serve serves at a listener until the test ends.
func (h *house) serve(t testing.TB, d *control.Listener) {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Serve(ctx, d) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// client returns a client that is closed when the test ends.
func client(t testing.TB, target control.Target) *control.Client {
	t.Helper()
	c, err := control.NewClient(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestWays is the contract, over every way to reach a rota.
func TestWays(t *testing.T) {
	h := open(t)
	all := api.Caller{Who: "root", Grants: []api.Grant{{May: api.MayControl}}}
	controltest.Test(t,
		controltest.Way{Name: "inside", Service: control.Guard(h.fake, all)},
		controltest.Way{Name: "socket", Service: client(t, control.Target{Socket: h.socket})},
		controltest.Way{Name: "web", Service: client(t, control.Target{URL: h.url, Token: controlToken, RootCAs: h.roots})},
	)
}
