package page

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
)

// watched is a Service that sends messages, and has output that grows.
type watched struct {
	hostileService
	messages chan api.Message
	output   io.ReadCloser
}

func (s watched) Watch(context.Context) (<-chan api.Message, error) { return s.messages, nil }

func (s watched) Log(context.Context, api.LogQuery) (io.ReadCloser, error) { return s.output, nil }

// watch opens the stream of a page in a bubble of synctest, until stop.
func watch(t *testing.T, s watched, at string) (sent *httptest.ResponseRecorder, stop func()) {
	t.Helper()
	p := New(Options{})
	sent = httptest.NewRecorder()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	left := false
	go func() {
		defer close(done)
		p.Serve(sent, httptest.NewRequest("GET", at, nil).WithContext(ctx), api.Visit{Service: s,
			Caller: api.Caller{Who: "ops", Grants: []api.Grant{{May: api.MayControl}}},
			Stream: func() (func(), error) { return func() { left = true }, nil }})
	}()
	synctest.Wait()
	return sent, func() {
		cancel()
		<-done
		if !left {
			t.Error("the stream is still counted")
		}
	}
}

// TestPushes: what happens is pushed at most four times a second, and what is pushed is
// what the page is made of.
func TestPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watched{hostileService: hostileService{now: time.Now()}, messages: make(chan api.Message)}
		sent, stop := watch(t, s, "/live/overview?at=0")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before := strings.Count(sent.Body.String(), "event: put")
		for range 200 { // in two seconds
			run := s.run("mail/1")
			s.messages <- api.Message{Run: &run}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		text := sent.Body.String()
		if n := strings.Count(text, "event: put") - before; n < 1 || n > 9 {
			t.Errorf("%d pushes in two seconds", n)
		}
		if !strings.Contains(text, `"id":"task-mail"`) || strings.Contains(text, "<script>") || strings.Contains(text, "<img") {
			t.Errorf("pushed: %s", text)
		}
		stop()
	})
}

// TestSlowReader: who misses something is told to load the page again.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watched{hostileService: hostileService{now: time.Now()}, messages: make(chan api.Message)}
		sent, stop := watch(t, s, "/live/events")
		close(s.messages)
		synctest.Wait()
		if !strings.HasSuffix(sent.Body.String(), "event: reload\ndata: \"too slow\"\n\n") {
			t.Errorf("sent: %s", sent.Body)
		}
		stop()
	})
}

// TestGrowingOutput: output is sent from where the page has it until, as text.
func TestGrowingOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		s := watched{hostileService: hostileService{now: time.Now()}, messages: make(chan api.Message), output: in}
		sent, stop := watch(t, s, "/live/runs/mail/1?from=4")
		io.WriteString(out, "old\nnew "+hostile+"\n")
		time.Sleep(time.Second)
		io.WriteString(out, "newer\n")
		time.Sleep(time.Second)
		out.Close()
		synctest.Wait()
		text := sent.Body.String()
		if n := strings.Count(text, "event: log"); n != 2 || strings.Contains(text, "old<") || !strings.Contains(text, "newer") || !strings.Contains(text, "new &lt;script&gt;") || strings.Contains(text, "<script>") {
			t.Errorf("%d parts of output: %s", n, text)
		}
		stop()
	})
}
