package control_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// talkative is a Service with many large runs, which reports each list that it makes.
type talkative struct {
	*controltest.Fake
	asked chan int
}

func (t talkative) Runs(_ context.Context, q api.RunQuery) ([]api.Run, error) {
	t.asked <- q.N
	runs := make([]api.Run, q.N)
	for i := range runs {
		runs[i] = api.Run{ID: fmt.Sprint("mail/", i), Task: "mail", Why: strings.Repeat("x", 4096)}
	}
	return runs, nil
}

// Only a few large answers are in memory at a time, however slow their readers are; small
// ones do not wait for them.
func TestLargeAnswers(t *testing.T) {
	service := talkative{controltest.NewFake("mail"), make(chan int, 1000)}
	path := filepath.Join(t.TempDir(), "rota.sock")
	h := &house{server: control.NewServer(control.Options{Service: service})}
	socket, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, socket)
	ask := func(n int) net.Conn {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := fmt.Fprintf(c, "GET /v1/runs?n=%d HTTP/1.1\r\nHost: rota\r\nConnection: close\r\n\r\n", n); err != nil {
			t.Fatal(err)
		}
		return c
	}
	next := func() int {
		t.Helper()
		select {
		case n := <-service.asked:
			return n
		case <-time.After(time.Minute):
			t.Fatal("nothing was asked for")
			return 0
		}
	}
	slow := []net.Conn{ask(3000), ask(3000), ask(3000)}
	next()
	next()
	for range 50 { // long enough for a third one to be begun, if it were
		if text, err := io.ReadAll(ask(1)); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200") {
			t.Fatalf("a small one: %.100s, %v", text, err)
		}
		if n := next(); n != 1 {
			t.Fatalf("a third answer of %d runs is made while two are not taken in", n)
		}
	}
	for _, c := range slow { // which of them are being answered is not known
		go io.Copy(io.Discard, c)
	}
	if n := next(); n != 3000 {
		t.Errorf("asked for %d runs, want 3000", n)
	}
}
