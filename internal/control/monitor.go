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

// Addresses for monitoring. They stand outside /v1, where monitoring looks for them.
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

// Metrics are open to everybody: the Service shows of each task what the caller may see.
func (g *guard) Metrics(ctx context.Context) (io.ReadCloser, error) {
	metrics, err := g.s.Metrics(g.as(ctx))
	return metrics, g.hide(err)
}

// verdict says whether tasks are healthy. Only a NotNow error says that they are not;
// others are those of the question.
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

// Health tells of tasks that the caller may see; others have no tags for them.
func (g *guard) Health(ctx context.Context, q api.HealthQuery) error {
	var err error
	if q.Task != "" {
		err = g.may(api.MayRead, "see", q.Task)
	}
	_, err = guarded(g, err, func() (struct{}, error) { return struct{}{}, g.s.Health(g.as(ctx), q) })
	return err
}

// sendVerdict sends a line, or JSON to whoever asks for it.
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

// sendHealth sends "ok", or in one line what is wrong.
func sendHealth(w http.ResponseWriter, err error) {
	status, text := http.StatusOK, "ok"
	if err != nil {
		status, text = http.StatusServiceUnavailable, escape.Line(wire(err).Message)
	}
	sendAs(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

// Bounds of a probe.
const (
	probeTime = 5 * time.Second // for the answer
	probeAge  = time.Second     // of an answer that is given to others, too
)

// probe is a question that anybody may ask, and so often that it is not worth the while
// to find the answer each time.
type probe struct {
	check func(context.Context) error // nil: all is well

	mu  sync.Mutex
	at  time.Time
	err error
}

// get returns what is wrong, as of at most probeAge ago.
func (p *probe) get(ctx context.Context) error {
	if p.check == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) >= probeAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
		defer cancel()
		p.err = p.check(ctx)
		p.at = time.Now()
	}
	return p.err
}

// probed answers what a listener answers to everybody: whether rota lives and is ready.
// What is wrong then tells nothing that only some may know. It also refuses metrics where
// [web] does not want them.
func (s *Server) probed(l *Listener, w http.ResponseWriter, r *http.Request) bool {
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
		fail(w, api.Errorf(api.NotFound, "set metrics = true in [web], or use the socket of rota", "there are no metrics here"))
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
