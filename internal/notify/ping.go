package notify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"rota/internal/runlog"
	"rota/runner"
)

const (
	pingMax    = 10 * time.Second // for one try
	pingTries  = 5
	maxPings   = 20      // pings in the queue of one URL; more replace the oldest
	pingBody   = 100_000 // bytes of output
	pingAtOnce = 8       // requests to one host
)

// Pinger reports the start and the end of runs to monitoring services, in the style of
// healthchecks. Each URL has a queue, so that the start of a run is sent before its end.
type Pinger struct {
	stateDir string
	log      *slog.Logger
	host     string
	workers  *workers
	deliver  func(context.Context, runner.Action, runner.Input, io.Writer) error // runner.Notify
	known    func(url string) bool                                               // reports whether the file has the URL; nil: it has all

	delivered func(numbers ...int64)
	failing   func(target, err string)
	failed    func(target string)

	mu     sync.Mutex
	queues map[string]*pingURLQueue // by URL
	gates  map[string]chan struct{} // by host
}

// pingURLQueue holds the pings for one URL. Its worker runs while there are any.
type pingURLQueue struct {
	url     string
	pings   []Ping
	working bool
	err     string // of the last ping; "": it was sent
	since   time.Time
	dropped int
}

// Ping is the start of a run, or its end with its outcome and the end of its output.
type Ping struct {
	Number int64 // in the outbox of whoever sends it; 0: it is in none
	Run    runner.Run
	End    bool
}

// Add queues a ping for a URL. It does not block.
func (p *Pinger) Add(url string, one Ping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.queues[url]
	if l == nil {
		l = &pingURLQueue{url: url}
		p.queues[url] = l
	}
	if len(l.pings) == maxPings {
		p.delivered(l.pings[0].Number)
		l.pings = l.pings[1:]
		l.dropped++
	}
	l.pings = append(l.pings, one)
	if !l.working {
		l.working = p.workers.start(func() { p.work(l) })
	}
}

// work sends pings until the queue is empty.
func (p *Pinger) work(l *pingURLQueue) {
	for {
		one, gate, ok := p.take(l)
		if !ok {
			return
		}
		var err error
		_, _ = backoff.Retry(p.workers.wait, func() (struct{}, error) {
			if err = p.send(gate, l.url, one); err != nil {
				p.failed(PingTarget)
			}
			return struct{}{}, err
		}, backoff.WithMaxTries(pingTries), backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: time.Second, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: time.Minute,
		}))
		if err == nil || !p.workers.stopping() { // otherwise the caller sends it again after a restart
			p.delivered(one.Number)
		}
		p.done(l, one, err)
	}
}

// take returns the next ping and the gate of its host. It returns false if the queue is
// empty; the worker must end then.
func (p *Pinger) take(l *pingURLQueue) (Ping, chan struct{}, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.pings) == 0 {
		l.working = false
		if l.err == "" {
			delete(p.queues, l.url)
		}
		return Ping{}, nil, false
	}
	one := l.pings[0]
	l.pings = l.pings[1:]
	host := hostOf(l.url)
	gate := p.gates[host]
	if gate == nil {
		gate = make(chan struct{}, pingAtOnce)
		p.gates[host] = gate
	}
	return one, gate, true
}

// done records the result of a ping.
func (p *Pinger) done(l *pingURLQueue, one Ping, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := hostOf(l.url)
	if err == nil {
		was := l.err
		l.err, l.since, l.dropped = "", time.Time{}, 0
		if was != "" && !p.fails(host) {
			p.failing("ping "+host, "")
		}
		return
	}
	if l.err == "" {
		l.since = time.Now()
		p.failing("ping "+host, oneLine(err.Error()))
		p.log.Warn("could not ping", "host", host, "task", one.Run.Task, "err", oneLine(err.Error()))
	}
	l.err = oneLine(err.Error())
	l.dropped++
}

// fails reports whether the last ping to any URL of a host failed. The caller must hold
// the lock.
func (p *Pinger) fails(host string) bool {
	for url, l := range p.queues {
		if l.err != "" && hostOf(url) == host && (p.known == nil || p.known(url)) {
			return true
		}
	}
	return false
}

// send makes one request, once the gate has room.
func (p *Pinger) send(gate chan struct{}, base string, one Ping) error {
	select {
	case gate <- struct{}{}:
		defer func() { <-gate }()
	case <-p.workers.ctx.Done():
		return errors.New("rota ended")
	}
	ctx, cancel := context.WithTimeoutCause(p.workers.ctx, pingMax, fmt.Errorf("no answer within %.0f s", pingMax.Seconds()))
	defer cancel()
	target, err := pingURL(base, one)
	if err != nil {
		return backoff.Permanent(err)
	}
	a := &runner.HTTP{URL: literal(target), Method: "POST"}
	in := runner.Input{Task: one.Run.Task, Run: one.Run.ID, Host: p.host}
	if one.End {
		in.Hook = runner.NewHook("ping", one.Run, p.stateDir, pingBody)
		a.Body = "{{.Tail}}"
	}
	return p.deliver(ctx, a, in, runlog.NewOutput("", 0, nil))
}

// pingURL returns the URL of a ping: with /start, nothing for ok, the exit code, or /fail
// added to the path, and with rid, by which the receiver matches the start and the end of
// a run.
func pingURL(base string, one Ping) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the ping URL cannot be read")
	}
	switch r := one.Run; {
	case !one.End:
		u = u.JoinPath("start")
	case r.Outcome == runner.OK:
	case r.Outcome == runner.Failed && r.Exit != nil && *r.Exit > 0 && *r.Exit < 256:
		u = u.JoinPath(strconv.Itoa(*r.Exit))
	default:
		u = u.JoinPath("fail")
	}
	rid := "rid=" + runUUID(one.Run.ID)
	if u.RawQuery != "" {
		rid = u.RawQuery + "&" + rid
	}
	u.RawQuery = rid
	return u.String(), nil
}

// runUUID returns a UUID (version 8 of RFC 9562) derived from the id of a run.
func runUUID(id string) string {
	sum := sha256.Sum256([]byte("rota run " + id))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// undelivered returns the hosts whose last ping failed. It removes URLs that are no
// longer in the file.
func (p *Pinger) undelivered() []Undelivered {
	p.mu.Lock()
	defer p.mu.Unlock()
	hosts := map[string]Undelivered{}
	for url, l := range p.queues {
		if l.err == "" {
			continue
		}
		if p.known != nil && !p.known(url) {
			if !l.working {
				delete(p.queues, url)
			}
			continue
		}
		name := "ping " + hostOf(url)
		u, ok := hosts[name]
		if !ok || l.since.Before(u.Since) {
			u.Since = l.since
		}
		u.Target, u.Error = name, l.err
		u.Waiting += len(l.pings)
		u.Dropped += l.dropped
		hosts[name] = u
	}
	list := make([]Undelivered, 0, len(hosts))
	for _, u := range hosts {
		list = append(list, u)
	}
	return list
}
