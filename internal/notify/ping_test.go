package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rota/runner"
)

func TestPingURL(t *testing.T) {
	code := func(n int) *int { return &n }
	for _, test := range []struct {
		base string
		end  bool
		run  runner.Run
		want string
	}{
		{"https://hc/u", false, runner.Run{}, "https://hc/u/start"},
		{"https://hc/u", true, runner.Run{Outcome: runner.OK, Exit: code(0)}, "https://hc/u"},
		{"https://hc/u", true, runner.Run{Outcome: runner.OK, Exit: code(3)}, "https://hc/u"}, // success_exit has it
		{"https://hc/u", true, runner.Run{Outcome: runner.Failed, Exit: code(3)}, "https://hc/u/3"},
		{"https://hc/u", true, runner.Run{Outcome: runner.Failed, Exit: code(255)}, "https://hc/u/255"},
		{"https://hc/u", true, runner.Run{Outcome: runner.Failed, Exit: code(0)}, "https://hc/u/fail"},
		{"https://hc/u", true, runner.Run{Outcome: runner.Failed, Signal: "KILL"}, "https://hc/u/fail"},
		{"https://hc/u", true, runner.Run{Outcome: runner.TimedOut}, "https://hc/u/fail"},
		{"https://hc/u", true, runner.Run{Outcome: runner.Lost}, "https://hc/u/fail"},
		{"https://hc/u/", false, runner.Run{}, "https://hc/u/start"},
		{"https://hc", false, runner.Run{}, "https://hc/start"},
		{"https://hc/u?a=b%20c", true, runner.Run{Outcome: runner.Lost}, "https://hc/u/fail?a=b%20c"},
	} {
		test.run.ID = "backup/20261122T023000Z"
		got, err := pingURL(test.base, Ping{Run: test.run, End: test.end})
		before, id, ok := strings.Cut(got, "rid=")
		if err != nil || !ok || strings.TrimRight(before, "?&") != test.want || id != runUUID(test.run.ID) {
			t.Errorf("%s %+v: %s, %v; want %s", test.base, test.run, got, err, test.want)
		}
	}
	if got, err := pingURL("https://hc/\x7f", Ping{}); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestRunUUID(t *testing.T) {
	a, b := runUUID("backup/20261122T023000Z"), runUUID("backup/20261122T023000Z~2")
	if a == b || a != runUUID("backup/20261122T023000Z") {
		t.Errorf("%s and %s", a, b)
	}
	var p [5]uint64
	if n, err := fmt.Sscanf(a, "%08x-%04x-%04x-%04x-%012x", &p[0], &p[1], &p[2], &p[3], &p[4]); n != 5 || err != nil || len(a) != 36 {
		t.Errorf("%s is no UUID: %v", a, err)
	}
	if p[2]>>12 != 8 || p[3]>>14 != 2 {
		t.Errorf("%s has another version or variant", a)
	}
}

func TestPing(t *testing.T) {
	s, got := web(t)
	r := newRig(t)
	run := sample().Run
	r.Ping.Add(s.URL+"/u", Ping{Run: run})
	if m := <-got; m.method != "POST" || m.path != "/u/start?rid="+runUUID(run.ID) || m.body != "" {
		t.Errorf("%+v", m)
	}
	path := filepath.Join(r.o.StateDir, "logs/backup/20261122T023000Z.2.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log := strings.Repeat("2026-11-22T02:30:01.000Z {{.Task}} copying\n", 20_000)
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Ping.Add(s.URL+"/u", Ping{Run: run, End: true})
	m := <-got
	if m.path != "/u/3?rid="+runUUID(run.ID) || len(m.body) > pingBody || len(m.body) < pingBody-100 ||
		strings.Trim(m.body, "{}.Task copying\n") != "" {
		t.Errorf("%s, %d bytes: %.200s", m.path, len(m.body), m.body)
	}
	r.stop()
	if u := r.Undelivered(); len(u) > 0 {
		t.Errorf("%+v", u)
	}
}

func TestPingTriesAgain(t *testing.T) {
	s, got := web(t, http.StatusBadGateway, http.StatusOK)
	r := newRig(t)
	r.Ping.Add(s.URL+"/u", Ping{Run: sample().Run})
	r.Ping.Add(s.URL+"/u", Ping{Run: sample().Run, End: true})
	for _, want := range []string{"/u/start", "/u/start", "/u/3"} {
		if m := <-got; !strings.HasPrefix(m.path, want+"?") {
			t.Errorf("%s, want %s", m.path, want)
		}
	}
}

// fakePing is in the place of the network.
type fakePing struct {
	mu       sync.Mutex
	urls     []string
	now, top int // requests under way, and the most there were
	err      error
	takes    time.Duration
}

func (f *fakePing) deliver(ctx context.Context, a runner.Action, _ runner.Input, _ io.Writer) error {
	f.mu.Lock()
	f.urls = append(f.urls, a.(*runner.HTTP).URL)
	f.now++
	f.top = max(f.top, f.now)
	err := f.err
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	select {
	case <-time.After(f.takes):
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestPingGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePing{err: errors.New("down")}
		r := newRig(t)
		defer r.stop()
		r.Ping.deliver = f.deliver
		start := time.Now()
		r.Ping.Add("https://hc/u", Ping{Run: sample().Run})
		r.Ping.Add("https://hc/u", Ping{Run: sample().Run, End: true})
		r.Ping.Add("https://hc/v", Ping{Run: sample().Run, End: true})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		f.mu.Lock()
		if len(f.urls) != 3*pingTries {
			t.Errorf("%d tries", len(f.urls))
		}
		if n := r.failures(PingTarget); n != len(f.urls) {
			t.Errorf("reported %d failures of %d tries", n, len(f.urls))
		}
		f.err = nil
		f.mu.Unlock()
		u := r.Undelivered()
		if len(u) != 1 || u[0].Target != "ping hc" || u[0].Error != "down" || u[0].Dropped != 3 || u[0].Since.Before(start) || u[0].Waiting != 0 {
			t.Errorf("%+v", u)
		}
		if n := strings.Count(r.logged(), "could not ping"); n != 2 || strings.Contains(r.logged(), "hc/") {
			t.Errorf("log:\n%s", r.logged())
		}
		r.Ping.Add("https://hc/u", Ping{Run: sample().Run})
		synctest.Wait()
		if u := r.Undelivered(); len(u) != 1 || u[0].Dropped != 1 { // of /v nothing is known
			t.Errorf("%+v", u)
		}
		r.Ping.known = func(url string) bool { return url != "https://hc/v" }
		if u := r.Undelivered(); len(u) > 0 || len(r.Ping.queues) > 0 {
			t.Errorf("%+v", u)
		}
	})
}

func TestPingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakePing{takes: time.Hour}
		r := newRig(t)
		r.Ping.deliver = f.deliver
		for task := range 50 {
			for range 100 {
				r.Ping.Add(fmt.Sprint("https://hc/", task), Ping{Run: sample().Run})
			}
		}
		synctest.Wait()
		r.Ping.mu.Lock()
		for _, l := range r.Ping.queues {
			if len(l.pings) > maxPings {
				t.Errorf("%d wait for %s", len(l.pings), l.url)
			}
		}
		r.Ping.mu.Unlock()
		time.Sleep(time.Minute)
		f.mu.Lock()
		if f.top != pingAtOnce {
			t.Errorf("%d at once", f.top)
		}
		f.mu.Unlock()
		if took := r.stop(); took > drainMax {
			t.Errorf("took %s", took)
		}
	})
}
