package control

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

// Addresses for monitoring. They are outside /v1, where monitoring expects them.
const (
	metricsPath = "/metrics"
	alivePath   = "/healthz"
	readyPath   = "/readyz"
)

// metricsType is the text format of Prometheus.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

var getMetrics = endpoint(Endpoint[struct{}, io.ReadCloser]{
	Method: "GET", Path: metricsPath,
	Large: func(struct{}) bool { return true },
	Call:  func(ctx context.Context, s api.Service, _ struct{}) (io.ReadCloser, error) { return s.Metrics(ctx) },
	Send: func(c call, metrics io.ReadCloser) error {
		defer metrics.Close()
		text, err := io.ReadAll(metrics)
		if err == nil {
			sendAs(c.w, http.StatusOK, metricsType, text)
		}
		return err
	},
})

func (c *Client) Metrics(ctx context.Context) (io.ReadCloser, error) {
	return stream(ctx, c, getMetrics, struct{}{})
}

// Metrics needs no right: the Service includes only tasks that the caller may see.
func (g *guard) Metrics(ctx context.Context) (io.ReadCloser, error) {
	metrics, err := g.s.Metrics(g.as(ctx))
	return metrics, g.hide(err)
}

// verdict is the answer whether tasks are healthy. Only a NotNow error means that they
// are not; other errors are faults of the request.
type verdict struct {
	OK  bool `json:"ok"`
	err error
}

func verdictOf(err error) (verdict, error) {
	if err != nil && api.CodeOf(err) != api.NotNow {
		return verdict{}, err
	}
	return verdict{err == nil, err}, nil
}

type healthQuery struct {
	Tags []string `query:"tag"`
}

var getHealth = endpoint(Endpoint[healthQuery, verdict]{
	Method: "GET", Path: "/health",
	Call: func(ctx context.Context, s api.Service, q healthQuery) (verdict, error) {
		return verdictOf(s.Health(ctx, api.HealthQuery{Tags: q.Tags}))
	},
	Send: sendVerdict,
})

var getHealthOf = endpoint(Endpoint[taskRef, verdict]{
	Method: "GET", Path: "/health/{task}",
	Call: func(ctx context.Context, s api.Service, in taskRef) (verdict, error) {
		return verdictOf(s.Health(ctx, api.HealthQuery{Task: in.Task}))
	},
	Send: sendVerdict,
})

func (c *Client) Health(ctx context.Context, q api.HealthQuery) error {
	if q.Task != "" {
		_, err := ask(ctx, c, getHealthOf, taskRef{q.Task})
		return err
	}
	_, err := ask(ctx, c, getHealth, healthQuery{q.Tags})
	return err
}

// Health covers the tasks that the caller may see.
func (g *guard) Health(ctx context.Context, q api.HealthQuery) error {
	var err error
	if q.Task != "" {
		err = g.may(api.MayRead, "see", q.Task)
	}
	_, err = guarded(g, err, func() (struct{}, error) { return struct{}{}, g.s.Health(g.as(ctx), q) })
	return err
}

// sendVerdict sends a line of text, or JSON if the client accepts it.
func sendVerdict(c call, v verdict) error {
	if strings.Contains(c.r.Header.Get("Accept"), "application/json") {
		if v.err == nil {
			answer(c.w, http.StatusOK, v)
		}
		return v.err
	}
	sendHealth(c.w, v.err)
	return nil
}

// sendHealth sends "ok", or the error in one line.
func sendHealth(w http.ResponseWriter, err error) {
	status, text := http.StatusOK, "ok"
	if err != nil {
		status, text = http.StatusServiceUnavailable, escape.Line(wireError(err).Message)
	}
	sendAs(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// Limits of a probe.
const (
	probeTimeout = 5 * time.Second // for one check
	probeAge     = time.Second     // for which a result is reused
)

// probe is a check that any client may request without credentials. It reuses a result
// for probeAge, so that many requests cost little.
type probe struct {
	check func(context.Context) error // nil: never fails

	mu  sync.Mutex
	at  time.Time
	err error
}

// get returns the result of the check, at most probeAge old.
func (p *probe) get(ctx context.Context) error {
	if p.check == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) >= probeAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		p.err = p.check(ctx)
		p.at = time.Now()
	}
	return p.err
}

// serveProbe answers requests for the probes /healthz and /readyz, which need no
// credentials, and reports whether it answered. The errors of probes must hold nothing
// secret. It also refuses /metrics if [web] disables it.
func (s *Server) serveProbe(l *Listener, w http.ResponseWriter, r *http.Request) bool {
	web := l.web.Load()
	p := &s.alive
	switch r.URL.Path {
	case alivePath:
	case readyPath:
		p = &s.ready
	case metricsPath:
		if web == nil || !web.NoMetrics {
			return false
		}
		fail(w, api.Errorf(api.NotFound, "set metrics = true in [web], or use the socket of rota", "metrics are not served here"))
		return true
	default:
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if web != nil {
		if err := web.host(r); err != nil {
			fail(w, err)
			return true
		}
	}
	sendHealth(w, p.get(r.Context()))
	return true
}
