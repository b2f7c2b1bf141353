package daemon

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"rota/config"
	"rota/internal/clock"
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
	l := newLoop(Options{}, newOutputs(Options{}), &config.Config{}, t.TempDir())
	l.clock = clock.NewFake(time.Now())
	end := make(chan struct{})
	defer close(end)
	lives := func() {
		for {
			select {
			case <-l.woken:
				l.posted()
			case <-end:
				return
			}
		}
	}
	const brief, long = 50 * time.Millisecond, 20 * time.Second
	if l.answers(t.Context(), socket, brief) {
		t.Error("the loop does not live")
	}
	go lives()
	go func() { serve <- false }()
	if l.answers(t.Context(), socket, brief) {
		t.Error("the socket does not answer")
	}
	go func() { serve <- true }()
	if !l.answers(t.Context(), socket, long) {
		t.Error("all is well")
	}
	if l.answers(t.Context(), socket+"-not", long) {
		t.Error("there is no socket")
	}
	if !l.answers(t.Context(), "", long) {
		t.Error("without a socket the loop is enough")
	}
}
