package page

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// hostile is a text of an attacker.
const hostile = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' onfocus='x {{.}} {{template \"top\"}} \x1b[31m \u202e\u2066 \xff\xfe javascript:alert(3)"

// hostileService returns that text in the place of every text of users.
type hostileService struct {
	api.Service
	now time.Time
}

func (s hostileService) run(id string) api.Run {
	task, _ := runner.SplitID(id)
	exit := 3
	return api.Run{ID: id, Task: task, Cause: runner.CauseManual, Outcome: runner.Failed, Why: hostile, Scheduled: s.now.Add(-time.Hour), Started: s.now.Add(-time.Hour), Finished: s.now.Add(-time.Minute), Attempts: 2,
		Exit: &exit, Error: hostile, Queue: hostile, User: hostile, Who: hostile, On: hostile, Params: map[string]string{hostile: hostile}, Input: hostile, Parent: hostile, By: hostile, Revision: hostile, Trace: hostile}
}

func (s hostileService) Status(context.Context) (api.Status, error) {
	return api.Status{Version: hostile, Config: hostile, Broken: hostile, Trouble: []string{hostile}, Undelivered: []api.Undelivered{{Target: hostile, Error: hostile}}, Started: s.now, Tasks: 2, Held: 1, Waiting: 1}, nil
}

func (s hostileService) Tasks(context.Context, ...string) ([]api.Task, error) {
	last := s.run("mail/1")
	return []api.Task{{Task: "mail", State: hostile, Description: hostile, Tags: []string{hostile}, Schedule: hostile, Does: hostile, Action: hostile, Mode: hostile, Queue: hostile, User: hostile, Params: map[string]string{hostile: hostile},
		Hold: &api.Hold{By: hostile, Why: hostile, Since: s.now}, Planned: &api.Hold{By: hostile, Why: hostile, Since: s.now}, On: &api.On{Expr: hostile, By: hostile}, Last: &last, Running: []string{hostile}, Settings: []api.Setting{{Key: hostile, Value: hostile}}, Enabled: true}}, nil
}

func (s hostileService) Next(context.Context, api.NextQuery) ([]api.Slot, error) {
	return []api.Slot{{Task: "mail", At: s.now.Add(time.Hour), Note: hostile}}, nil
}

func (s hostileService) Runs(context.Context, api.RunQuery) ([]api.Run, error) {
	return []api.Run{s.run("mail/1"), s.run("mail/2")}, nil
}

func (s hostileService) Events(context.Context, api.EventQuery) ([]api.Event, error) {
	return []api.Event{{Time: s.now, Kind: hostile, Task: hostile, Who: hostile, Text: hostile}}, nil
}

func (s hostileService) Run(_ context.Context, id string) (api.RunDetails, error) {
	return api.RunDetails{Run: s.run(id), Transitions: []api.Transition{{Time: s.now, State: hostile, Why: hostile, On: hostile}}, Outputs: true}, nil
}

func (s hostileService) Log(context.Context, api.LogQuery) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("2026-11-22T02:30:00.000Z " + hostile + "\n" + hostile + "\n")), nil
}

func (s hostileService) Why(context.Context, string, time.Time) (api.Why, error) {
	return api.Why{Text: []string{hostile}}, nil
}

func (s hostileService) Queues(context.Context, ...string) (api.Queues, error) {
	return api.Queues{Queues: []api.Queue{{Queue: hostile, State: hostile, Description: hostile, Running: []string{hostile}, Hold: &api.Hold{By: hostile, Why: hostile}}}}, nil
}

func (s hostileService) Request(context.Context, api.Request, io.Reader) (api.Run, error) {
	return api.Run{}, &api.Error{Code: api.Conflict, Message: hostile, Hint: hostile, Faults: []api.Fault{{Message: hostile, Text: hostile}}, NotDone: []api.NotDone{{Name: hostile, Message: hostile}}}
}

// ask requests a page as a visitor with all rights.
func ask(t *testing.T, p *Page, s api.Service, method, at string, form url.Values, site api.Site) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, at, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	p.Serve(w, r, api.Visit{Service: s, Site: site, SignedIn: true,
		Caller: api.Caller{Who: hostile, Grants: []api.Grant{{May: api.MayControl}}}})
	return w
}

// TestHostileText: what others wrote is text on every page, also in what is pushed.
func TestHostileText(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := New(Options{Now: func() time.Time { return now }})
	s := hostileService{now: now}
	site := api.Site{Actions: true, Base: "/rota", Others: []api.Other{{Name: hostile, URL: "javascript:alert(3)"}}}
	q := url.QueryEscape(hostile)
	for _, at := range []string{"/", "/?q=" + q + "&state=" + q + "&order=" + q, "/timeline", "/timeline?q=" + q, "/tasks/mail", "/tasks/mail?at=" + q, "/runs/mail/1", "/queues", "/events",
		"/ask/hold-all?back=" + q, "/ask/again-failed", "/ask/stop?name=mail&back=" + q, "/ask/stop?name=" + q, "/tasks/" + url.PathEscape(hostile), "/runs/mail/" + url.PathEscape(hostile), "/" + url.PathEscape(hostile), "/?did=run&of=" + q, "/?did=" + q} {
		check(t, at, ask(t, p, s, "GET", at, nil, site))
	}
	check(t, "a refused request", ask(t, p, s, "POST", "/do/run", url.Values{"task": {"mail"}, "back": {hostile}}, site))
	w := httptest.NewRecorder()
	p.Serve(w, httptest.NewRequest("GET", "/tasks/"+url.PathEscape(hostile), nil), api.Visit{Site: site, Refused: api.Errorf(api.Forbidden, hostile, "%s", hostile)})
	check(t, "sign in", w)
}

func check(t *testing.T, at string, w *httptest.ResponseRecorder) {
	t.Helper()
	text := w.Body.String()
	if !strings.Contains(text, "</html>") {
		t.Errorf("%s: no page: %d %s", at, w.Code, text)
	}
	for _, bad := range []string{"<script>", "<img", "onfocus='", `onfocus="`, `href="javascript`, "ZgotmplZ\"><", "\x1b"} {
		if strings.Contains(text, bad) {
			i := strings.Index(text, bad)
			t.Errorf("%s has %q: %s", at, bad, text[max(0, i-100):min(len(text), i+100)])
		}
	}
	for _, header := range []string{"Content-Security-Policy", "Referrer-Policy"} {
		if w.Header().Get(header) == "" {
			t.Errorf("%s has no %s", at, header)
		}
	}
}

// manyService is a rota with many tasks, all of which failed again and again. It counts
// what it is asked.
type manyService struct {
	hostileService
	tasks int
	asked map[string]int
}

func (s manyService) Tasks(context.Context, ...string) ([]api.Task, error) {
	s.asked["tasks"]++
	all := make([]api.Task, s.tasks)
	for i := range all {
		last := s.run(fmt.Sprintf("%s-%d/20261122T120000Z", strings.Repeat("a", 58), i))
		all[i] = api.Task{Task: last.Task, State: "failed", Description: strings.Repeat("what it does ", 10), Schedule: "every day at 12:00", Timezone: "UTC", Last: &last, Enabled: true}
	}
	return all, nil
}

func (s manyService) Runs(_ context.Context, q api.RunQuery) ([]api.Run, error) {
	s.asked["runs"]++
	var all []api.Run
	for _, task := range q.Tasks {
		for i := range q.Each {
			all = append(all, s.run(fmt.Sprintf("%s/20261122T12%02d00Z", task, i)))
		}
	}
	return all, nil
}

func (s manyService) Status(ctx context.Context) (api.Status, error) {
	s.asked["status"]++
	return s.hostileService.Status(ctx)
}

// TestManyTasks: the page of thousands of tasks stays small, and costs one question for
// each of its parts.
func TestManyTasks(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := manyService{hostileService{now: now}, 2000, map[string]int{}}
	w := ask(t, New(Options{Now: func() time.Time { return now }}), s, "GET", "/", nil, api.Site{Actions: true})
	if rows := strings.Count(w.Body.String(), `<tr id="task-`); rows != pageRows || !strings.Contains(w.Body.String(), "1 to 100 of 2,000 tasks") && !strings.Contains(w.Body.String(), "1 to 100 of 2000 tasks") {
		t.Errorf("%d rows", rows)
	}
	if n := w.Body.Len(); n > 1_500_000 {
		t.Errorf("the overview has %d bytes", n)
	}
	// The tasks, the missed slots for the chips, the last runs for the rows, and how rota is.
	if want := map[string]int{"tasks": 1, "runs": 2, "status": 1}; !maps.Equal(s.asked, want) {
		t.Errorf("asked %v, want %v", s.asked, want)
	}
}

// oneRun is a rota that knows one run, and has output of some of its attempts.
type oneRun struct {
	hostileService
	run  api.Run
	with []int
}

func (s oneRun) Run(context.Context, string) (api.RunDetails, error) {
	return api.RunDetails{Run: s.run, WithOutput: s.with, Outputs: slices.Contains(s.with, s.run.Attempts)}, nil
}

func (s oneRun) Log(_ context.Context, q api.LogQuery) (io.ReadCloser, error) {
	if n := cmp.Or(q.Attempt, s.run.Attempts); n > 0 && !slices.Contains(s.with, n) {
		return nil, api.Errorf(api.NotFound, "", "no output")
	}
	return io.NopCloser(strings.NewReader("2026-11-22T02:30:00.000Z x\n")), nil
}

// TestOffersOutput: a command to show output, and a link to keep it, are there only where
// there is some, or may be.
func TestOffersOutput(t *testing.T) {
	ended, runs := api.Run{ID: "a/1", Task: "a", Outcome: runner.Failed, Attempts: 2}, api.Run{ID: "a/1", Task: "a", State: runner.Running, Attempts: 1}
	for _, row := range []struct {
		name          string
		run           api.Run
		with          []int
		query         string
		command, link bool
		attempts      string
	}{
		{"none", ended, nil, "", false, false, ""},
		{"of the last attempt", ended, []int{2}, "", true, true, ""},
		{"of both", ended, []int{1, 2}, "", true, true, "12all"},
		{"of both, the first one", ended, []int{1, 2}, "?attempt=1", true, true, "12all"},
		{"of the first one alone", ended, []int{1}, "", false, false, "12all"},
		{"of the first one alone, that one", ended, []int{1}, "?attempt=1", true, true, "12all"},
		{"none yet", runs, nil, "", true, false, ""},
		{"some", runs, []int{1}, "", true, true, ""},
		{"never executed", api.Run{ID: "a/1", Task: "a", Outcome: runner.Skipped, Count: 3}, nil, "", false, false, ""},
	} {
		text := ask(t, New(Options{}), oneRun{run: row.run, with: row.with}, "GET", "/runs/a/1"+row.query, nil, api.Site{}).Body.String()
		if got := strings.Contains(text, `data-copy="rota logs`); got != row.command {
			t.Errorf("%s: offers a command: %v", row.name, got)
		}
		if got := strings.Contains(text, ">Download<") && !strings.Contains(text, "hidden>Download<"); got != row.link {
			t.Errorf("%s: offers a link: %v", row.name, got)
		}
		var attempts string
		if _, nav, ok := strings.Cut(text, `aria-label="Attempts"`); ok {
			nav, _, _ = strings.Cut(nav, "</nav>")
			for _, part := range strings.Split(nav, "</a>") {
				attempts += part[strings.LastIndex(part, ">")+1:]
			}
		}
		if attempts != row.attempts {
			t.Errorf("%s: attempts %q, want %q", row.name, attempts, row.attempts)
		}
	}
}

// TestCountsSayHowFarBackTheyGo, where they look at fewer runs than they should.
func TestCountsSayHowFarBackTheyGo(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := &visit{now: now, zone: zone{"utc", time.UTC}, known: &api.Status{}}
	runsUntil := func(n int, every time.Duration) (runs []api.Run) {
		for i := range n {
			at := now.Add(-time.Duration(n-i) * every)
			runs = append(runs, api.Run{ID: fmt.Sprint("a/", i), Task: "a", Outcome: runner.OK, Started: at, Finished: at})
		}
		return runs
	}
	for _, row := range []struct {
		name string
		runs []api.Run
		want string
	}{
		{"few runs", runsUntil(maxRunsRead-1, time.Minute), ""},
		{"many in a short time", runsUntil(maxRunsRead, time.Minute), "Only the last 1,000 runs are counted, which go back 16h 40m."},
		{"many that reach further than a month", runsUntil(maxRunsRead, time.Hour), ""},
	} {
		if _, reach := v.outcomes(row.runs); reach != row.want {
			t.Errorf("%s: %q, want %q", row.name, reach, row.want)
		}
	}
}

// TestAddresses: all of them begin with base, and parts stay parts.
func TestAddresses(t *testing.T) {
	for _, row := range []struct {
		base  string
		parts []string
		want  string
	}{
		{"", nil, "/"}, {"/rota", nil, "/rota/"}, {"/rota", []string{"tasks", "a"}, "/rota/tasks/a"}, {"", []string{"runs", "a/b"}, "/runs/a/b"},
		{"", []string{"tasks", "a?b#c"}, "/tasks/a%3Fb%23c"}, {"", []string{"tasks", `"><`}, "/tasks/%22%3E%3C"},
	} {
		if got := address(row.base, row.parts...); got != row.want {
			t.Errorf("%q %q: %s, want %s", row.base, row.parts, got, row.want)
		}
	}
}

// TestBack: a form leads back to a page of rota, and nowhere else.
func TestBack(t *testing.T) {
	p := New(Options{})
	for back, want := range map[string]string{
		"/tasks/mail": "/rota/tasks/mail", "/?q=a": "/rota/?q=a", "": "/rota/", "//evil.example/": "/rota/", "https://evil.example": "/rota/", `/\evil.example`: "/rota/", "tasks": "/rota/", "javascript:alert(1)": "/rota/",
	} {
		w := ask(t, p, hostileService{now: time.Now()}, "POST", "/zone", url.Values{"zone": {"utc"}, "back": {back}}, api.Site{Base: "/rota"})
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d %s, want %s", back, w.Code, got, want)
		}
	}
}

// TestOnlyLooks: without actions the page does nothing, and offers nothing.
func TestOnlyLooks(t *testing.T) {
	p := New(Options{})
	s := hostileService{now: time.Now()}
	for what := range actions {
		if w := ask(t, p, s, "POST", "/do/"+what, url.Values{"name": {"mail"}, "task": {"mail"}}, api.Site{}); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
	for _, at := range []string{"/", "/tasks/mail", "/runs/mail/1", "/queues"} {
		if text := ask(t, p, s, "GET", at, nil, api.Site{}).Body.String(); strings.Contains(text, `action="/do/`) || strings.Contains(text, `href="/ask/`) {
			t.Errorf("%s offers to do something", at)
		}
	}
}

// TestLate: a time that has passed is never shown as one to come.
func TestLate(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := &visit{now: now, zone: zone{"utc", time.UTC}, p: New(Options{}), known: &api.Status{}}
	for _, row := range []struct {
		name        string
		task        api.Task
		state, next string
	}{
		{"to come", api.Task{State: "ok", Next: now.Add(time.Minute)}, "ok", "in 1m"},
		{"passed", api.Task{State: "ok", Next: now.Add(-time.Minute)}, "late", "late"},
		{"passed, and held", api.Task{State: "held", Hold: &api.Hold{}, Next: now.Add(-time.Minute)}, "held", "held"},
		{"waits its turn", api.Task{State: "queued", Next: now.Add(time.Minute)}, "queued", "late"},
		{"passed, and runs", api.Task{State: "running", Running: []string{"a/1"}, Next: now.Add(-time.Minute)}, "running", "–"},
		{"runs for too long", api.Task{State: "running", Running: []string{"a/1"}, Late: true, Next: now.Add(time.Minute)}, "running late", "in 1m"},
	} {
		got := v.taskRow(row.task, nil)
		if next := got.NextWord + got.Next.Text; got.State.Text != row.state || next != row.next {
			t.Errorf("%s: %s, next %s; want %s, next %s", row.name, got.State.Text, next, row.state, row.next)
		}
	}
}

// TestTimes is how instants and durations are written.
func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := &visit{now: now, zone: zone{"utc", time.UTC}}
	for _, row := range []struct {
		got  moment
		want string
	}{
		{v.till(now.Add(-time.Hour), ""), "now"}, {v.till(now.Add(252*time.Second), ""), "in 4m 12s"}, {v.till(now.Add(15*24*time.Hour), ""), "2026-12-07"}, {v.till(time.Time{}, ""), "–"},
		{v.ago(now, ""), "just now"}, {v.ago(now.Add(-26*time.Hour), ""), "1d 2h ago"}, {v.ago(now.Add(time.Hour), ""), "13:00:00"}, {v.at(now.Add(-24*time.Hour), ""), "2026-11-21 12:00:00"},
	} {
		if row.got.Text != row.want {
			t.Errorf("%q, want %q", row.got.Text, row.want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_345_678: "12 MB", 999_999: "1.0 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// TestPause: the more streams there are and the more a push costs, the longer each waits.
func TestPause(t *testing.T) {
	var p pushLoad
	p.add(10)
	for cost, want := range map[time.Duration]time.Duration{0: pushInterval, time.Millisecond: pushInterval, 4 * time.Millisecond: time.Second, time.Hour: 10 * time.Second} {
		if got := p.pause(cost); got != want {
			t.Errorf("after %v: %v, want %v", cost, got, want)
		}
	}
}

// TestDrawing: what began earlier is clamped, and a task that runs often is drawn
// together.
func TestDrawing(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := &visit{now: now, zone: zone{"utc", time.UTC}, known: &api.Status{}}
	var runs []api.Run
	for i := range 300 {
		at := now.Add(-time.Duration(i) * time.Minute)
		r := api.Run{ID: fmt.Sprint("often/", i), Task: "often", Outcome: runner.OK, Scheduled: at, Started: at, Finished: at}
		if i == 25 {
			r.Outcome = runner.Failed
		}
		runs = append(runs, r)
	}
	runs = append(runs,
		api.Run{ID: "long/1", Task: "long", State: runner.Running, Started: now.Add(-100 * time.Hour), Scheduled: now.Add(-100 * time.Hour)},
		api.Run{ID: "late/1", Task: "late", Outcome: runner.OK, Scheduled: now.Add(-2 * time.Hour), Started: now.Add(-time.Hour), Finished: now.Add(-time.Hour)},
		api.Run{ID: "late/2", Task: "late", Outcome: runner.Missed, First: now.Add(-50 * time.Hour), Last: now.Add(-3 * time.Hour), Count: 20},
	)
	c := v.draw([]api.Task{{Task: "often"}, {Task: "long"}, {Task: "late", Hold: &api.Hold{Since: now.Add(-time.Hour)}}}, runs,
		[]api.Slot{{Task: "late", At: now.Add(-time.Minute)}, {Task: "late", At: now.Add(time.Hour)}, {Task: "often", At: now.Add(ahead)}})
	for _, h := range c.Hours {
		if h.Text != "" && (h.X-15 < c.Left || h.X+15 > c.Left+c.Wide) {
			t.Errorf("the hour %s is cut", h.Text)
		}
	}
	for _, l := range c.Lanes {
		for _, b := range slices.Concat(l.Bars, l.Wait, l.Soon, l.Held) {
			if b.X < c.Left || b.X+b.W > c.Left+c.Wide {
				t.Errorf("%s: a bar is cut: %+v", l.Task, b)
			}
		}
	}
	often, long, late := c.Lanes[0], c.Lanes[1], c.Lanes[2]
	failed := 0
	for _, b := range often.Bars {
		if b.Class == "bad" {
			failed++
		}
	}
	if len(often.Bars) != 31 || failed != 1 {
		t.Errorf("a busy task has %d bars, %d of them failed", len(often.Bars), failed)
	}
	if len(long.Bars) != 1 || long.Bars[0].X != timelineLeft || long.Bars[0].X+long.Bars[0].W != v.x(now) {
		t.Errorf("a long run is %+v", long.Bars)
	}
	if len(late.Bars) != 2 || len(late.Wait) != 1 || len(late.Soon) != 1 || len(late.Held) != 1 || late.Bars[1].X != timelineLeft {
		t.Errorf("a late task is %+v", late)
	}
}
