package daemon

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/engine"
	"rota/internal/ledger"
)

// The watchdog is fed only while both the loop and the socket answer.
func TestAnswers(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	defer listener.Close()
	serve := make(chan bool)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if <-serve {
				_, _ = conn.Write([]byte("HTTP/1.0 404 Not Found\r\n\r\n"))
			} else {
				defer conn.Close() // it never answers
			}
		}
	}()
	book, err := ledger.Open(t.Context(), t.TempDir(), ledger.Options{})
	must(t, err)
	defer book.Close()
	cfg, err := config.Parse("jobs.toml", "[tasks]\n", config.Options{})
	must(t, err)
	h := host{engine: engine.New(engine.Options{Config: cfg, StateDir: t.TempDir(), Ledger: book, Clock: clock.NewFake(time.Now()), Log: slog.New(slog.DiscardHandler)})}
	must(t, h.engine.Begin(t.Context(), t.Context()))
	ctx, end := context.WithCancel(t.Context())
	var lives sync.WaitGroup
	defer lives.Wait()
	defer end()
	const brief, long = 50 * time.Millisecond, 20 * time.Second
	if h.answers(t.Context(), socket, brief) {
		t.Error("the loop does not live")
	}
	lives.Go(func() { _ = h.engine.Run(ctx) })
	go func() { serve <- false }()
	if h.answers(t.Context(), socket, brief) {
		t.Error("the socket does not answer")
	}
	go func() { serve <- true }()
	if !h.answers(t.Context(), socket, long) {
		t.Error("all is well")
	}
	if h.answers(t.Context(), socket+"-not", long) {
		t.Error("there is no socket")
	}
	if !h.answers(t.Context(), "", long) {
		t.Error("without a socket the loop is enough")
	}
}
