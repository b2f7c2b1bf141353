package page

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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
func watch(t *testing.T, s api.Service, at string) (sent *httptest.ResponseRecorder, stop func()) {
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

// changing is a rota whose tasks change their state.
type changing struct {
	watched
	mu    *sync.Mutex
	tasks map[string]*api.Task
}

func (s changing) Tasks(_ context.Context, names ...string) (all []api.Task, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.tasks)) {
		if len(names) == 0 || slices.Contains(names, name) {
			all = append(all, *s.tasks[name])
		}
	}
	return all, nil
}

func (s changing) Runs(_ context.Context, q api.RunQuery) ([]api.Run, error) { return nil, nil }

// puts reads what a page was sent since it had so many bytes.
func puts(t *testing.T, text string) (all []patch) {
	t.Helper()
	for line := range strings.Lines(text) {
		var some []patch
		if data, ok := strings.CutPrefix(line, "data: ["); ok {
			if err := json.Unmarshal([]byte("["+data), &some); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, some...)
	}
	return all
}

// TestRowsComeAndGo: a task that matches a filter from now on appears in its place, and
// one that does not match any more disappears.
func TestRowsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := changing{watched{hostileService: hostileService{now: time.Now()}, messages: make(chan api.Message)}, new(sync.Mutex), map[string]*api.Task{}}
		for _, name := range []string{"a", "b", "c", "d"} {
			s.tasks[name] = &api.Task{Task: name, State: "ok", Enabled: true, Timezone: "UTC"}
		}
		run := func(name string, runs bool) {
			s.mu.Lock()
			if s.tasks[name].Running, s.tasks[name].State = nil, "ok"; runs {
				s.tasks[name].Running, s.tasks[name].State = []string{name + "/1"}, "running"
			}
			s.mu.Unlock()
			s.messages <- api.Message{Run: &api.Run{ID: name + "/1", Task: name}}
		}
		s.tasks["b"].Running, s.tasks["b"].State = []string{"b/1"}, "running"
		sent, stop := watch(t, s, "/live/overview?state=running&order=name&at=0")
		seen := 0
		expect := func(what string, want ...string) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			var got []string
			for _, p := range puts(t, sent.Body.String()[seen:]) {
				switch {
				case p.Only:
					got = append(got, "only "+strings.Join(p.Keep, " ")+" in "+p.ID)
				case p.HTML == "":
					got = append(got, "no "+p.ID)
				case p.In != "":
					got = append(got, p.ID+" in "+p.In+" after "+p.After)
				case p.ID == "pager" && strings.Contains(p.HTML, "No task matches"):
					got = append(got, "none")
				}
			}
			slices.Sort(got) // pushes may be several
			if seen = sent.Body.Len(); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		expect("at first", "only task-b in rows", "task-b in rows after ")
		run("c", true)
		expect("one that begins to match", "task-c in rows after task-b")
		run("a", true)
		expect("one before all others", "task-a in rows after ")
		run("d", false)
		expect("one that does not match")
		run("b", false)
		expect("one that ceases to match", "no task-b")
		run("b", true)
		expect("and matches again", "task-b in rows after task-a")
		for _, name := range []string{"a", "b", "c"} {
			run(name, false)
		}
		expect("none is left", "no task-a", "no task-b", "no task-c", "none")
		stop()
	})
}

// TestSlowReader: a reader that misses events is asked to load the page again.
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
