// Package notify delivers events to the targets of the configuration, tries again when
// one cannot be reached, and pings services that monitor tasks. Its calls do not block,
// and each target has its own queue, so that a mail server that is down delays only mail.
// The caller decides which events go to which targets. The queues are in memory: the
// caller keeps an outbox and gets the numbers of the events that were delivered or given
// up, so that it can send the others again after a restart.
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/escape"
	"rota/internal/runlog"
	"rota/runner"
)

const (
	queueMax   = 100             // events in a queue with all their data; more are only counted
	countMax   = 10_000          // events that are only counted; more are given up
	failingMax = 3               // failed tries in a row before Failing is called
	sendMax    = time.Minute     // for one try
	drainMax   = 5 * time.Second // for the remaining events when rota ends, unless Options say otherwise
)

// TextMax is the longest text of an event that is sent, in bytes.
const TextMax = 16 << 10

// PingTarget is the target under which attempts to ping any URL are counted.
const PingTarget = "ping"

// ErrNoTarget is the error for an unknown target.
var ErrNoTarget = errors.New("no such notification target")

// Options are the settings and callbacks of a Notifier.
type Options struct {
	// Targets returns the targets in force, by name. It is called for each event, from
	// several goroutines.
	Targets func() map[string]Target
	// Pings reports whether the file in force has the ping URL; nil: it has all.
	Pings func(url string) bool
	// Zone returns the time zone for the times of a task, or that of the file if the task
	// does not exist; nil: times are not changed.
	Zone func(task string) *time.Location
	// Page returns the address of the page; nil, or "": not known.
	Page func() string
	// Delivered is called with the numbers of events and pings that were delivered or
	// given up. It must not block. It may be nil.
	Delivered func(numbers ...int64)
	// Failing is called when a target, or "ping HOST", could not be reached several
	// times in a row, and with an empty err when it was reached again. It must not block.
	// It may be nil.
	Failing func(target, err string)
	// Failed is called after each failed attempt to reach a target, or PingTarget. It
	// must not block. It may be nil.
	Failed    func(target string)
	DrainTime time.Duration // how long Run continues after ctx is done; 0: 5s
	StateDir  string        // the directory with the outputs of runs
	Log       *slog.Logger
}

// Notifier delivers events to targets.
type Notifier struct {
	Ping *Pinger

	o    Options
	host string

	mu      sync.Mutex
	queues  map[string]*sendQueue
	workers workers
}

// New returns a Notifier. It sends nothing before Run.
func New(o Options) *Notifier {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if o.Delivered == nil {
		o.Delivered = func(...int64) {}
	}
	if o.Failing == nil {
		o.Failing = func(string, string) {}
	}
	if o.Failed == nil {
		o.Failed = func(string) {}
	}
	n := &Notifier{o: o, host: host, queues: map[string]*sendQueue{}, workers: newWorkers(cmp.Or(o.DrainTime, drainMax))}
	n.Ping = &Pinger{
		stateDir: o.StateDir, log: o.Log, host: host, workers: &n.workers, deliver: runner.Notify, known: o.Pings, delivered: o.Delivered, failing: o.Failing, failed: o.Failed,
		queues: map[string]*pingURLQueue{}, gates: map[string]chan struct{}{},
	}
	return n
}

// Run delivers events until ctx ends, and then for up to partingMax the remaining ones.
func (n *Notifier) Run(ctx context.Context) error {
	n.workers.begin()
	<-ctx.Done()
	n.workers.end()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.queues {
		if l.waiting() > 0 {
			n.o.Log.Warn("not delivered yet", "target", l.name, "events", l.waiting(), "err", l.err)
		}
	}
	return nil
}

// Send queues an event for a target. It does not block.
func (n *Notifier) Send(target string, e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Text = escape.Lines(e.Text[:min(len(e.Text), TextMax)])
	if _, ok := n.o.Targets()[target]; !ok {
		n.o.Log.Warn("no such notification target", "target", target, "event", string(e.Kind), "run", e.Run.ID)
		n.o.Delivered(e.Number)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.queues[target]
	if l == nil {
		l = &sendQueue{n: n, name: target}
		n.queues[target] = l
	}
	l.add(e)
}

// Test sends a test event to a target at once, and returns the recipient and how long it
// took.
func (n *Notifier) Test(ctx context.Context, name string) (to string, took time.Duration, err error) {
	t, ok := n.o.Targets()[name]
	if !ok {
		return "", 0, fmt.Errorf("%w: %q", ErrNoTarget, name)
	}
	start := time.Now()
	err = n.deliver(ctx, t, batch{first: Event{Kind: Test, Time: start, Text: "this is a test of the target " + name}})
	return recipient(t.Action), time.Since(start), err
}

// Undelivered returns the targets and hosts whose last delivery failed, sorted by name.
func (n *Notifier) Undelivered() []Undelivered {
	n.mu.Lock()
	targets := n.o.Targets()
	var list []Undelivered
	for name, l := range n.queues {
		if _, ok := targets[name]; ok && l.err != "" {
			list = append(list, Undelivered{Target: name, Error: l.err, Since: l.since, Waiting: l.waiting(), Dropped: l.dropped})
		}
	}
	n.mu.Unlock()
	list = append(list, n.Ping.undelivered()...)
	slices.SortFunc(list, func(a, b Undelivered) int { return strings.Compare(a.Target, b.Target) })
	return list
}

// deliver sends one notification. The error is one line.
func (n *Notifier) deliver(ctx context.Context, t Target, b batch) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sendMax, fmt.Errorf("no answer within %.0f s", sendMax.Seconds()))
	defer cancel()
	action, in := n.compose(t, b)
	out := runlog.NewOutput("", 0, nil)
	err := runner.Notify(ctx, action, in, out)
	out.Close()
	if err == nil {
		return nil
	}
	text := err.Error()
	if _, ok := action.(*runner.Command); ok {
		if tail := out.Tail(); tail != "" {
			text += ": " + tail
		}
	}
	return errors.New(oneLine(text))
}
