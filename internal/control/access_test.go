package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// leakyService is a Service whose every answer names the runs of a hidden task wherever
// a text can stand.
type leakyService struct{ api.Service }

const (
	hiddenID   = "secret/20261122T023000Z"
	hiddenText = "stopped by run " + hiddenID + ", then " + hiddenID + ": run:secret."
)

// own are the fields that hold what a task is or wrote itself, and names of other
// things than tasks and runs. All other texts are filled: a new one has to be
// looked at.
var own = map[string]bool{"Trace": true,
	"Description": true, "Schedule": true, "Timezone": true, "Does": true, "Action": true, "Queue": true, "User": true, "Error": true, "Input": true, "Tags": true, "Params": true,
	"Version": true, "Expr": true, "On": true, "Reason": true, "Mode": true, "State": true, "Outcome": true, "Cause": true, "Signal": true, "Revision": true,
	"Kind": true, "Key": true, "Line": true, "Note": true, "Request": true, "Code": true,
}

// filled returns a value with that text in every field that may hold one, but for
// what it is the answer about.
func filled[T any](of T) T {
	v := reflect.New(reflect.TypeFor[T]()).Elem()
	fill(v)
	put(v, reflect.ValueOf(of))
	return v.Interface().(T)
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hiddenText)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case f.Type == reflect.TypeFor[*api.Run](), f.Type == reflect.TypeFor[api.Run](), f.Type == reflect.TypeFor[[]api.Run](), f.Anonymous:
				fill(v.Field(i))
			case !own[f.Name] && f.IsExported():
				fill(v.Field(i))
			}
		}
		if r, ok := v.Addr().Interface().(*api.Run); ok {
			*r = theirs(*r)
		}
	}
}

// put copies what is not zero.
func put(to, from reflect.Value) {
	if from.Kind() != reflect.Struct || from.Type() == reflect.TypeFor[time.Time]() {
		if !from.IsZero() {
			to.Set(from)
		}
		return
	}
	for i := range from.NumField() {
		put(to.Field(i), from.Field(i))
	}
}

// theirs is a run of a task that the caller sees, which names others; so do the
// fields that may hold the name of one and nothing else.
func theirs(r api.Run) api.Run {
	r.ID, r.Task, r.By, r.Parent, r.Who, r.Count = "mail/a", "mail", hiddenID, hiddenID, "run "+hiddenID, 1
	return r
}

func (g leakyService) Tasks(_ context.Context, names ...string) ([]api.Task, error) {
	all := []api.Task{filled(api.Task{Task: "mail", Running: []string{"mail/a"}, Waiting: []string{"mail/b"}})}
	if len(names) == 0 {
		all = append(all, filled(api.Task{Task: "secret"}))
	}
	return all, nil
}

func (g leakyService) Status(context.Context) (api.Status, error) {
	return filled(api.Status{}), nil
}

func (g leakyService) Next(context.Context, api.NextQuery) ([]api.Slot, error) {
	return []api.Slot{{Task: "secret", Request: hiddenID}, {Task: "mail"}}, nil
}

func (g leakyService) Runs(context.Context, api.RunQuery) ([]api.Run, error) {
	return []api.Run{filled(api.Run{}), {ID: hiddenID, Task: "secret"}}, nil
}

func (g leakyService) Events(context.Context, api.EventQuery) ([]api.Event, error) {
	return []api.Event{filled(api.Event{Task: "mail"}), {Task: "secret", Text: hiddenText}, {Text: hiddenText}}, nil
}

func (g leakyService) Run(context.Context, string) (api.RunDetails, error) {
	return filled(api.RunDetails{}), nil
}

func (g leakyService) Why(context.Context, string, time.Time) (api.Why, error) {
	return filled(api.Why{Task: "mail"}), nil
}

func (g leakyService) Request(context.Context, api.Request, io.Reader) (api.Run, error) {
	return filled(api.Run{}), nil
}
func (g leakyService) Wait(context.Context, string) (api.Run, error) {
	return filled(api.Run{}), nil
}
func (g leakyService) Cancel(context.Context, string) (api.Run, error) {
	return filled(api.Run{}), nil
}
func (g leakyService) Stop(context.Context, string, bool) ([]api.Run, error) {
	return []api.Run{filled(api.Run{})}, nil
}
func (g leakyService) Hold(ctx context.Context, _ api.Holding) ([]api.Task, error) {
	return g.Tasks(ctx, "mail")
}
func (g leakyService) Watch(context.Context) (<-chan api.Message, error) {
	c := make(chan api.Message, 9)
	r, e, l := filled(api.Run{}), filled(api.Event{Task: "mail"}), api.LogLine{Run: hiddenID, Line: hiddenText}
	c <- api.Message{Run: &api.Run{ID: hiddenID, Task: "secret"}}
	c <- api.Message{Event: &api.Event{Task: "secret", Text: hiddenText}}
	c <- api.Message{Event: &api.Event{Text: hiddenText}}
	c <- api.Message{Log: &l}
	c <- api.Message{Run: &r}
	c <- api.Message{Event: &e}
	close(c)
	return c, nil
}

// complaints are errors that name the runs of a hidden task.
var complaints = []error{
	fmt.Errorf("%s", hiddenText),
	api.Errorf(api.Conflict, "did you mean "+hiddenID+"?", "%s", hiddenText),
	api.Errorf(api.NotFound, `did you mean "secret"?`, "%s", hiddenText),
}

// TestHiddenNames: no field of any answer, no error and no message names a run
// that the caller may not see.
func TestHiddenNames(t *testing.T) {
	ctx := t.Context()
	grants := []api.Grant{{May: api.MayControl, Tasks: tokenCaller("mail")}}
	s := control.Guard(leakyService{}, api.Caller{Who: "alice", Grants: grants})
	look := func(what string, v any, err error) {
		t.Helper()
		text, _ := json.Marshal(v)
		if err != nil || strings.Contains(string(text), "secret") || strings.Contains(string(text), `"content"`) || strings.Contains(string(text), "input_file") {
			t.Errorf("%s: %s %v", what, text, err)
		}
		if len(text) < 20 {
			t.Errorf("%s shows nothing: %s", what, text)
		}
	}
	tasks, err := s.Tasks(ctx)
	look("tasks", tasks, err)
	tasks, err = s.Tasks(ctx, "mail")
	look("task", tasks, err)
	status, err := s.Status(ctx)
	look("status", api.Status{Daemon: status.Daemon, Tasks: status.Tasks, Held: status.Held, Running: status.Running, Waiting: status.Waiting, Next: status.Next, Config: status.Config,
		StateDir: status.StateDir, Broken: status.Broken, Trouble: status.Trouble, Undelivered: status.Undelivered}, err)
	next, err := s.Next(ctx, api.NextQuery{})
	look("next", next, err)
	runs, err := s.Runs(ctx, api.RunQuery{})
	look("runs", runs, err)
	events, err := s.Events(ctx, api.EventQuery{})
	look("events", events, err)
	if len(events) != 1 {
		t.Errorf("%d events, want 1", len(events))
	}
	run, err := s.Run(ctx, "mail/a")
	look("run", run, err)
	why, err := s.Why(ctx, "mail", time.Time{})
	look("why", why, err)
	one, err := s.Request(ctx, api.Request{Task: "mail"}, nil)
	look("request", one, err)
	one, err = s.Wait(ctx, "mail/a")
	look("wait", one, err)
	one, err = s.Cancel(ctx, "mail/a")
	look("cancel", one, err)
	runs, err = s.Stop(ctx, "mail", false)
	look("stop", runs, err)
	tasks, err = s.Hold(ctx, api.Holding{Tasks: []string{"mail"}})
	look("hold", tasks, err)
	messages, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for m := range messages {
		look("message", m, nil)
		n++
	}
	if n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	for _, err := range complaints {
		fails := control.Guard(failing{err}, api.Caller{Who: "alice", Grants: grants})
		for _, c := range calls {
			if err := c.call(ctx, fails); err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error of %s: %v", c.name, err)
			}
		}
	}
	// A caller who may see everything is also shown the names.
	all := control.Guard(leakyService{}, api.Caller{Who: "root", Grants: []api.Grant{{May: api.MayControl}}})
	run, err = all.Run(ctx, "mail/a")
	if err != nil || run.Parent != hiddenID {
		t.Errorf("to root: %+v, %v", run, err)
	}
}

// failing is a Service of which every call fails.
type failing struct{ err error }

func (f failing) Status(context.Context) (api.Status, error)           { return api.Status{}, f.err }
func (f failing) Tasks(context.Context, ...string) ([]api.Task, error) { return nil, f.err }
func (f failing) Next(context.Context, api.NextQuery) ([]api.Slot, error) {
	return nil, f.err
}
func (f failing) Runs(context.Context, api.RunQuery) ([]api.Run, error)       { return nil, f.err }
func (f failing) Events(context.Context, api.EventQuery) ([]api.Event, error) { return nil, f.err }
func (f failing) Run(context.Context, string) (api.RunDetails, error)         { return api.RunDetails{}, f.err }
func (f failing) Log(context.Context, api.LogQuery) (io.ReadCloser, error)    { return nil, f.err }
func (f failing) Result(context.Context, string) (io.ReadCloser, error)       { return nil, f.err }
func (f failing) Why(context.Context, string, time.Time) (api.Why, error) {
	return api.Why{}, f.err
}
func (f failing) Queues(context.Context, ...string) (api.Queues, error) {
	return api.Queues{}, f.err
}
func (f failing) Request(context.Context, api.Request, io.Reader) (api.Run, error) {
	return api.Run{}, f.err
}
func (f failing) Wait(context.Context, string) (api.Run, error)         { return api.Run{}, f.err }
func (f failing) Cancel(context.Context, string) (api.Run, error)       { return api.Run{}, f.err }
func (f failing) CancelAll(context.Context, string) ([]string, error)   { return nil, f.err }
func (f failing) Stop(context.Context, string, bool) ([]api.Run, error) { return nil, f.err }
func (f failing) Hold(context.Context, api.Holding) ([]api.Task, error) {
	return nil, f.err
}
func (f failing) Release(context.Context, ...string) (api.Released, error) {
	return api.Released{}, f.err
}
func (f failing) Reschedule(context.Context, api.Rescheduling) (api.Rescheduled, error) {
	return api.Rescheduled{}, f.err
}
func (f failing) Skip(context.Context, string) (api.Slot, error) { return api.Slot{}, f.err }
func (f failing) StartQueues(context.Context, ...string) (api.Queues, error) {
	return api.Queues{}, f.err
}
func (f failing) StopQueues(context.Context, ...string) (api.Queues, error) {
	return api.Queues{}, f.err
}
func (f failing) Forget(context.Context, api.Forgetting) (int, error) { return 0, f.err }
func (f failing) Reload(context.Context, bool) (api.Reloaded, error) {
	return api.Reloaded{}, f.err
}
func (f failing) Drain(context.Context, time.Duration) (api.Drained, error) {
	return api.Drained{}, f.err
}
func (f failing) EndDrain(context.Context) (api.Drained, error) {
	return api.Drained{}, f.err
}
func (f failing) Notify(context.Context, string) (api.Notified, error) {
	return api.Notified{}, f.err
}
func (f failing) Health(context.Context, api.HealthQuery) error     { return f.err }
func (f failing) Metrics(context.Context) (io.ReadCloser, error)    { return nil, f.err }
func (f failing) Watch(context.Context) (<-chan api.Message, error) { return nil, f.err }

// TestRunsOfAnotherUser: the name of a task is not enough to see a run of it, where
// that was made with the rights of another user.
func TestRunsOfAnotherUser(t *testing.T) {
	ctx := t.Context()
	fake := controltest.NewFake("mail")
	for _, key := range []string{"a", "old", "b"} {
		request(t, fake, "mail", key, false)
	}
	if _, err := fake.Request(ctx, api.Request{Task: "sleep", Key: "old"}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	s := control.Guard(fake, api.Caller{Who: "alice", Grants: []api.Grant{{
		May: api.MayControl, Tasks: func(string) bool { return true },
		Run: func(r api.Run) bool { return !strings.HasSuffix(r.ID, "/old") },
	}}})
	for name, call := range map[string]func(id string) error{
		"run":     func(id string) error { _, err := s.Run(ctx, id); return err },
		"log":     func(id string) error { _, err := s.Log(ctx, api.LogQuery{Run: id, Follow: true}); return err },
		"result":  func(id string) error { _, err := s.Result(ctx, id); return err },
		"wait":    func(id string) error { _, err := s.Wait(ctx, id); return err },
		"cancel":  func(id string) error { _, err := s.Cancel(ctx, id); return err },
		"stop":    func(id string) error { _, err := s.Stop(ctx, id, true); return err },
		"release": func(id string) error { _, err := s.Release(ctx, id); return err },
		"reschedule": func(id string) error {
			_, err := s.Reschedule(ctx, api.Rescheduling{Name: id, Expr: "never"})
			return err
		},
	} {
		for _, id := range []string{"mail/old", "sleep/old"} {
			if err := call(id); api.CodeOf(err) != api.NotFound {
				t.Errorf("%s %s: %v", name, id, err)
			}
		}
	}
	for _, id := range []string{"sleep", "sleep/old"} { // the newest
		if _, err := s.Log(ctx, api.LogQuery{Run: id}); api.CodeOf(err) != api.NotFound {
			t.Errorf("the log of %s: %v", id, err)
		}
	}
	runs, err := s.Runs(ctx, api.RunQuery{Task: "mail", N: 2})
	if err != nil || len(runs) != 2 {
		t.Errorf("2 of those of a task: %v, %v", runs, err)
	}
	if runs, err = s.Runs(ctx, api.RunQuery{}); err != nil || len(runs) != 2 {
		t.Errorf("all runs: %v, %v", runs, err)
	}
	if run, err := s.Request(ctx, api.Request{Task: "mail", Key: "old"}, strings.NewReader("input")); api.CodeOf(err) != api.Conflict {
		t.Errorf("asked for once more: %+v, %v", run, err)
	}
	if _, err := s.Result(ctx, "mail/b"); err != nil {
		t.Errorf("a result of their own: %v", err)
	}
	watch, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fake.Publish(api.Message{Run: &api.Run{ID: "mail/old", Task: "mail"}})
	fake.Publish(api.Message{Log: &api.LogLine{Run: "mail/old", Line: "x"}})
	fake.Publish(api.Message{Event: &api.Event{Task: "mail", Kind: "hold"}})
	if m := <-watch; m.Event == nil {
		t.Errorf("a message: %+v", m)
	}
}

// TestUnixWeb: a socket of [web] distinguishes users as the socket of rota does, and a
// token has the same rights there for every user.
func TestUnixWeb(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	h := open(t)
	path := publicSocket(t)
	const group = 4242
	d, err := control.OpenWeb(control.Web{Listen: "unix:" + path, Group: "4242", Tokens: []control.Token{{Name: "ci", Value: requestToken, May: api.MayRequest, Tasks: []string{"echo"}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	for _, test := range []struct {
		name   string
		uid    int
		groups []uint32
		token  string
		mail   api.Code // holding a task that runs as the user nobody
		echo   api.Code // of looking at one of root's
		reload api.Code
	}{
		{"root", 0, nil, "", "", "", ""},
		{"a member of the group", 54321, []uint32{group}, "", "", "", ""},
		{"the user of a task", nobody, nil, "", "", api.NotFound, api.Forbidden},
		{"a user of none", 54321, nil, "", api.NotFound, api.NotFound, api.Forbidden},
		{"a token", 54321, nil, requestToken, api.NotFound, "", api.Forbidden},
		{"a token that root shows, as a proxy does", 0, nil, requestToken, api.NotFound, "", api.Forbidden},
		{"a token that the user of a task shows", nobody, nil, requestToken, api.NotFound, "", api.Forbidden},
		{"a wrong token", 0, nil, "wrong-0123456789abcdef", api.Forbidden, api.Forbidden, api.Forbidden},
	} {
		c := client(t, control.Target{Socket: path, Token: test.token})
		c.Dial(dialAs(test.uid, test.uid, test.groups, path))
		_, err := c.Hold(t.Context(), api.Holding{Tasks: []string{"mail"}})
		_, err2 := c.Tasks(t.Context(), "echo")
		_, err3 := c.Reload(t.Context(), true)
		if got := [3]api.Code{api.CodeOf(err), api.CodeOf(err2), api.CodeOf(err3)}; got != [3]api.Code{test.mail, test.echo, test.reload} {
			t.Errorf("%s: %q, want %q %q %q", test.name, got, test.mail, test.echo, test.reload)
		}
	}
}

// TestUnauthorizedIsClosed: the connection of a client without a valid token is closed.
func TestUnauthorizedIsClosed(t *testing.T) {
	h := open(t)
	d, err := control.OpenWeb(control.Web{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	for _, head := range []string{"", "Authorization: Bearer wrong-0123456789abcdef\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(d.Addr(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n"+head+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c) // it ends
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 401") {
			t.Errorf("%q: %q, %v", head, text, err)
		}
	}
}

// TestFewDescriptors: connections leave descriptors for the daemon and for root, however
// many there are.
func TestFewDescriptors(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	const descriptors = 256
	fake := controltest.NewFake()
	h := &house{fake: fake, server: control.NewServer(control.Options{Service: fake})}
	h.server.Descriptors(descriptors)
	path := publicSocket(t)
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	web, err := control.OpenWeb(control.Web{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, web)
	each, all := control.Share(descriptors)
	// kept is how many of some connections are not closed at once.
	kept := func(n int, dial func(i int) (net.Conn, error)) (kept int) {
		for i := range n {
			c, err := dial(i)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := io.WriteString(c, "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				continue
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				kept++
			}
		}
		return kept
	}
	as := func(uid int) (net.Conn, error) { return dialAs(uid, uid, nil, path)(nil, "", "") }
	if n := kept(each+5, func(int) (net.Conn, error) { return as(54321) }); n != each {
		t.Errorf("one user has %d connections, want %d", n, each)
	}
	if n := kept(2*all, func(i int) (net.Conn, error) { return as(60000 + i) }); n != all-each {
		t.Errorf("others have %d more, want %d", n, all-each)
	}
	if n := kept(3, func(int) (net.Conn, error) { return as(0) }); n != 3 {
		t.Errorf("root has %d connections, want 3", n)
	}
	// Each of these is closed by its 401, and then counts no more.
	if n := kept(2*each, func(int) (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(web.Addr(), "http://")) }); n != 2*each {
		t.Errorf("%d of an address were let in one after the other, want %d", n, 2*each)
	}
	for range each {
		c, err := net.Dial("tcp", strings.TrimPrefix(web.Addr(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if n := kept(1, func(int) (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(web.Addr(), "http://")) }); n != 0 {
		t.Error("an address has more connections than its share")
	}
}

// TestNetwork tests as which client a connection over TCP is counted.
func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:80": "192.0.2.7", "[::ffff:192.0.2.7]:80": "192.0.2.7", "[::1]:80": "::/64",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:81": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
	} {
		at, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := control.Network(at); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// TestStreamsOfEach: no user can use up all event streams, and root always gets one.
func TestStreamsOfEach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	h := open(t)
	path := publicSocket(t)
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	streams := func(c *control.Client) (n int, err error) {
		for ; n < control.MaxStreams; n++ {
			if _, err = c.Watch(ctx); err != nil {
				break
			}
		}
		return n, err
	}
	others := 0
	for uid := 60000; others < control.MaxStreams-control.OwnStreams; uid++ {
		c := client(t, control.Target{Socket: path})
		c.Dial(dialAs(uid, uid, nil, path))
		n, err := streams(c)
		if n != min(control.MaxEach, control.MaxStreams-control.OwnStreams-others) || api.CodeOf(err) != api.NotNow {
			t.Fatalf("user %d has %d streams, then %v", uid, n, err)
		}
		others += n
	}
	token := client(t, control.Target{URL: h.url, Token: readToken, RootCAs: h.roots})
	if n, err := streams(token); n != 0 || api.CodeOf(err) != api.NotNow {
		t.Errorf("a token has %d streams, then %v", n, err)
	}
	if n, err := streams(client(t, control.Target{Socket: path})); n != control.OwnStreams || api.CodeOf(err) != api.NotNow {
		t.Errorf("root has %d streams, then %v", n, err)
	}
}

// TestRevoke: what is under way ends with the right to it: streams, output that is
// followed and waits; nothing else does.
func TestRevoke(t *testing.T) {
	fake := controltest.NewFake("mail")
	fake.Users, fake.Waits = map[string]string{"sleep": "nobody"}, make(chan struct{}, 100)
	owner, live := "nobody", true
	mu := make(chan struct{}, 1)
	locked := func(f func()) { mu <- struct{}{}; f(); <-mu }
	h := &house{fake: fake, server: control.NewServer(control.Options{
		Service: fake,
		Owner: func(task string) (user string, ok bool) {
			locked(func() { user = owner })
			return user, true
		},
		TokenOf: func(token string) (r runner.Run, ok bool) {
			locked(func() { r, ok = runner.Run{ID: "sleep/a", Task: "sleep", User: "nobody"}, live && token == runToken })
			return r, ok
		},
	})}
	path := publicSocket(t)
	socket, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, socket)
	w := control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{
		{Name: "gone", Value: controlToken, May: api.MayControl}, {Name: "less", Value: requestToken, May: api.MayControl}, {Name: "stays", Value: readToken, May: api.MayRead},
	}}
	web, err := control.OpenWeb(w)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, web)
	ctx := t.Context()
	if _, err := fake.Request(ctx, api.Request{Task: "sleep", Key: "a"}, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	// under starts all that can be under way, and returns a channel of what ended.
	under := func(who string, c *control.Client) map[string]chan error {
		stream, err := c.Watch(ctx)
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		log, err := c.Log(ctx, api.LogQuery{Run: "sleep/a", Follow: true})
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		ends := map[string]chan error{"stream": make(chan error, 1), "log": make(chan error, 1), "wait": make(chan error, 1)}
		go func() {
			for range stream {
			}
			ends["stream"] <- errors.New("it ended")
		}()
		go func() { _, err := io.ReadAll(log); ends["log"] <- err }()
		go func() {
			r, err := c.Wait(ctx, "sleep/a")
			if err == nil {
				err = fmt.Errorf("waited for: %s", r.Outcome)
			}
			ends["wait"] <- err
		}()
		<-fake.Waits // or it would begin when its token is gone
		return ends
	}
	end := func(who string, ends map[string]chan error) {
		t.Helper()
		for what, ended := range ends {
			if err := <-ended; err == nil || what == "wait" && api.CodeOf(err) != api.Forbidden {
				t.Errorf("the %s of %s: %v", what, who, err)
			}
		}
	}
	web1 := func(token string) *control.Client { return client(t, control.Target{URL: web.Addr(), Token: token}) }
	gone, less, stays, run := under("gone", web1(controlToken)), under("less", web1(requestToken)), under("stays", web1(readToken)), under("a run", web1(runToken))
	root := under("root", client(t, control.Target{Socket: path}))

	w.Tokens = []control.Token{{Name: "less", Value: requestToken, May: api.MayRequest}, w.Tokens[2]}
	if err := web.Update(w); err != nil {
		t.Fatal(err)
	}
	h.server.Recheck()
	end("a token that was removed", gone)
	end("a token that may less", less)
	locked(func() { live = false })
	h.server.RunEnded("sleep/a")
	end("a run that has ended", run)
	for _, token := range []string{controlToken, runToken} {
		if _, err := web1(token).Status(ctx); api.CodeOf(err) != api.Forbidden {
			t.Errorf("%s: %v", token, err)
		}
	}
	if os.Geteuid() == 0 {
		c := client(t, control.Target{Socket: path})
		c.Dial(dialAs(nobody, nobody, nil, path))
		if _, err := c.Status(ctx); err != nil {
			t.Fatal(err)
		}
		log, err := c.Log(ctx, api.LogQuery{Run: "sleep/a", Follow: true})
		locked(func() { owner = "daemon" })
		h.server.Recheck()
		if err == nil {
			if _, err := io.ReadAll(log); err == nil {
				t.Error("the log of a task of another user now ends well")
			}
		}
		if _, err := c.Log(ctx, api.LogQuery{Run: "sleep/a", Follow: true}); api.CodeOf(err) != api.NotFound {
			t.Errorf("the log of a task of another user now: %v", err)
		}
	}
	for who, ends := range map[string]map[string]chan error{"a token that stays": stays, "root": root} {
		for what, ended := range ends {
			select {
			case err := <-ended:
				t.Errorf("the %s of %s: %v", what, who, err)
			default:
			}
		}
	}
	if _, err := fake.Stop(ctx, "sleep/a", false); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateRenewed: a connection that is made after a change is shown the new
// certificate.
func TestCertificateRenewed(t *testing.T) {
	h := open(t)
	cert1, key1, roots1 := controltest.Certificate(t)
	cert2, key2, roots2 := controltest.Certificate(t)
	w := control.Web{Listen: "127.0.0.1:0", TLS: pair(t, cert1, key1), Tokens: []control.Token{{Name: "ops", Value: controlToken, May: api.MayControl}}}
	d, err := control.OpenWeb(w)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	old := client(t, control.Target{URL: d.Addr(), Token: controlToken, RootCAs: roots1})
	if _, err := old.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	old.Close()
	w.TLS = pair(t, cert2, key2)
	if err := d.Update(w); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Status(t.Context()); api.CodeOf(err) != api.NoDaemon {
		t.Errorf("with the old one: %v", err)
	}
	if _, err := client(t, control.Target{URL: d.Addr(), Token: controlToken, RootCAs: roots2}).Status(t.Context()); err != nil {
		t.Errorf("with the new one: %v", err)
	}
	plain := control.Web{Listen: w.Listen, Tokens: w.Tokens}
	if err := d.Update(plain); err != nil {
		t.Fatal(err)
	}
	c := client(t, control.Target{URL: d.Addr(), Token: controlToken})
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("without TLS: %v", err)
	}
	if err := d.Update(w); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("a connection without TLS, now that there is a certificate")
	}
}
