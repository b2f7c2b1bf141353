package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// TestConformance: a daemon gives the same answers in its own process, at its socket, and
// by network with a token and TLS.
func TestConformance(t *testing.T) {
	const token = "control-0123456789abcdef"
	dir := t.TempDir()
	cert, key, roots := controltest.Certificate(t)
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := free.Addr().String()
	free.Close()
	write(t, filepath.Join(dir, "jobs.toml"), fmt.Sprintf("[rota]\nstate_dir = \"state\"\n[web]\nlisten = %q\ntls_cert = %q\ntls_key = %q\n[web.tokens]\nops = { file = %q, may = \"control\" }\n", web, cert, key, tokenFile)+controltest.File)
	inside := inProcess(t, filepath.Join(dir, "jobs.toml"))
	client := func(target control.Target) api.Service {
		c, err := control.NewClient(target)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	all := api.Caller{Who: "root", Grants: []api.Grant{{May: api.MayControl}}}
	controltest.Test(t,
		controltest.Way{Name: "inside", Service: control.Guard(inside, all)},
		controltest.Way{Name: "socket", Service: client(control.Target{Socket: filepath.Join(dir, "state", "rota.sock")})},
		controltest.Way{Name: "web", Service: client(control.Target{URL: "https://" + web, Token: token, RootCAs: roots})},
	)
}

// inProcess is a daemon with all its parts in this process, until the test ends.
func inProcess(t testing.TB, path string) api.Service {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Config: path, Stdout: log, Stderr: log}
	out := newOutputs(o)
	file := newFile(o)
	cfg, broken, err := file.loadAtStart()
	if err != nil || broken != nil {
		t.Fatal(err, broken)
	}
	out.configure(cfg)
	stateDir := StateDir(cfg)
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := newHost(t.Context(), o, out, cfg, nil, stateDir)
	if err != nil {
		t.Fatal(err)
	}
	signals := catchSignals(slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx, file, signals) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		signals.close()
		if err := h.ledger.Close(); err != nil {
			t.Error(err)
		}
		out.close()
		log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the log:\n%s", text)
		}
	})
	await(t, "start", func() bool {
		text, _ := os.ReadFile(log.Name())
		return strings.Contains(string(text), "started")
	})
	return h.service(file)
}
