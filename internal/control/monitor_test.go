package control_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// TestMonitoring tests the answers of the addresses for monitoring, for each client.
func TestMonitoring(t *testing.T) {
	h := open(t)
	stopped := func() {
		ctx := api.As(t.Context(), "root")
		if _, err := h.fake.Request(ctx, api.Request{Task: "sleep", Key: "a"}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := h.fake.Stop(ctx, "sleep", false); err != nil {
			t.Fatal(err)
		}
	}
	stopped()
	for _, test := range []struct {
		name, path string
		how        []func(*http.Request)
		status     int
		text       string
	}{
		{"alive, to anybody", "/healthz", nil, 200, "ok\n"},
		{"ready, to anybody", "/readyz", nil, 200, "ok\n"},
		{"alive, with a wrong token", "/healthz", []func(*http.Request){bearer("wrong-0123456789abcdef")}, 200, "ok\n"},
		{"alive, by another name", "/healthz", []func(*http.Request){host("evil.example")}, 403, ""},
		{"a healthy task", "/health/mail", []func(*http.Request){bearer(readToken)}, 200, "ok\n"},
		{"an ill task", "/health/sleep", []func(*http.Request){bearer(readToken)}, 503, "task sleep was stopped\n"},
		{"to a program", "/health/sleep", []func(*http.Request){bearer(readToken), header("Accept", "application/json")}, 503,
			`{"error":{"code":"not_now","message":"task sleep was stopped"}}` + "\n"},
		{"of a healthy tag", "/health?tag=mail&tag=echo", []func(*http.Request){bearer(readToken)}, 200, "ok\n"},
		{"of all tasks", "/health", []func(*http.Request){bearer(readToken)}, 503, "task sleep was stopped\n"},
		{"of the tasks that one sees", "/health", []func(*http.Request){bearer(requestToken)}, 200, "ok\n"},
		{"of no task", "/health/nope", []func(*http.Request){bearer(readToken)}, 404, ""},
		{"of no tag", "/health?tag=nope", []func(*http.Request){bearer(readToken)}, 404, ""},
		{"of a hidden task", "/health/sleep", []func(*http.Request){bearer(requestToken)}, 404, ""},
		{"without a token", "/health/mail", nil, 401, ""},
		{"metrics without a token", "/metrics", nil, 401, ""},
		{"metrics", "/metrics", []func(*http.Request){bearer(readToken)}, 200, "rota_task_held{task=\"echo\"} 0\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), "GET", h.url+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, how := range test.how {
				how(r)
			}
			status, text, head := h.ask(t, r)
			if status != test.status || !strings.HasPrefix(text, test.text) {
				t.Errorf("%d %s, want %d %s", status, text, test.status, test.text)
			}
			if kind := head.Get("Content-Type"); test.text != "" && test.name != "to a program" && !strings.HasPrefix(kind, "text/plain; ") {
				t.Errorf("the answer is of type %q", kind)
			}
		})
	}
}

// TestNoMetrics: [web] may keep the metrics to the socket, also once it is open.
func TestNoMetrics(t *testing.T) {
	h := open(t)
	cert, key, _ := controltest.Certificate(t)
	token := []control.Token{{Name: "wall", Value: readToken, May: api.MayRead}}
	web := control.Web{Listen: "127.0.0.1:0", TLS: pair(t, cert, key), Tokens: token}
	l, err := control.OpenWeb(web)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, l)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	status := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", l.Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		bearer(readToken)(r)
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := status("/metrics"); got != 200 {
		t.Errorf("%d, want 200", got)
	}
	web.NoMetrics = true
	if err := l.Update(web); err != nil {
		t.Fatal(err)
	}
	if got := status("/metrics"); got != 404 {
		t.Errorf("without metrics: %d, want 404", got)
	}
	if got := status("/health/mail"); got != 200 {
		t.Errorf("health without metrics: %d, want 200", got)
	}
	if _, err := client(t, control.Target{Socket: h.socket}).Metrics(t.Context()); err != nil {
		t.Errorf("at the socket: %v", err)
	}
}

// TestProbe: frequent probes get a cached answer for a while, and a missing answer of the
// service is reported as well.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		hangs := false
		check := func(ctx context.Context) error {
			asked.Add(1)
			if hangs {
				<-ctx.Done()
				return api.Errorf(api.NotNow, "", "the scheduler does not answer")
			}
			return nil
		}
		probe := control.NewProbe(check)
		for range 100 {
			if err := probe(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		hangs = true
		time.Sleep(time.Minute)
		start := time.Now()
		if err := probe(t.Context()); err == nil {
			t.Error("a check that does not answer is well")
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
