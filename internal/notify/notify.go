// Package notify tells: it sends what happened to the targets of the file, tries
// again when one cannot be reached, and pings those who watch over tasks. Nobody
// ever waits for it, and each target has its own queue, so that a mail server
// that is down delays mail and nothing else. It does not know which events there
// are, nor who wants to hear of them. What waits is in memory: its caller keeps it
// and is told by number what is delivered or given up, so that after a restart it can
// send the rest again.
package notify

import (
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
	queueMax   = 100             // events that wait for a target with all they say; more are only counted
	countMax   = 10_000          // of those that are only counted; more are given up
	failingMax = 3               // tries in a row that fail before that is told
	sendMax    = time.Minute     // of one try
	partingMax = 5 * time.Second // of what is still to be told when rota ends
)

// TextMax is how many bytes of the text of an event are told.
const TextMax = 16 << 10

// PingTarget stands for all URLs that are pinged, where attempts are counted.
const PingTarget = "ping"

// ErrNoTarget is the error of a name that no target has.
var ErrNoTarget = errors.New("no such notification target")

// Options is what a Notifier needs from its surroundings.
type Options struct {
	// Targets returns those in force, by name. It is asked for each event,
	// from several goroutines.
	Targets func() map[string]Target
	// Pings reports whether the file in force has a URL to ping; nil: it has
	// all.
	Pings func(url string) bool
	// Zone returns the time zone of a task's times, of the file's if there is no such
	// task; nil: times stay as they are.
	Zone func(task string) *time.Location
	// Page returns the address of the page; nil, or "": it is not known.
	Page func() string
	// Delivered is told the numbers of events and pings that are delivered or given
	// up; nil: nobody is. It must not wait.
	Delivered func(numbers ...int64)
	// Failing is told of a target, or "ping HOST", that could not be reached several
	// times in a row, and why, and with an empty err that it could be again; nil:
	// nobody is. It must not wait.
	Failing func(target, err string)
	// Failed is told of each attempt that fails to reach a target, or PingTarget; nil:
	// nobody is. It must not wait.
	Failed   func(target string)
	StateDir string // where the outputs of runs are
	Log      *slog.Logger
}

// Notifier tells targets what happened.
type Notifier struct {
	Ping *Pinger

	o    Options
	host string

	mu     sync.Mutex
	queues map[string]*sendQueue
	life   life
}

// New returns a Notifier. It tells nothing before Run.
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
	n := &Notifier{o: o, host: host, queues: map[string]*sendQueue{}, life: newLife()}
	n.Ping = &Pinger{
		stateDir: o.StateDir, log: o.Log, host: host, life: &n.life, tell: runner.Tell, known: o.Pings, delivered: o.Delivered, failing: o.Failing, failed: o.Failed,
		queues: map[string]*pingLane{}, gates: map[string]chan struct{}{},
	}
	return n
}

// Run tells what there is to tell until ctx ends, and then for a few seconds
// more what is left.
func (n *Notifier) Run(ctx context.Context) error {
	n.life.begin()
	<-ctx.Done()
	n.life.end()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.queues {
		if l.waiting() > 0 {
			n.o.Log.Warn("not delivered yet", "target", l.name, "events", l.waiting(), "err", l.err)
		}
	}
	return nil
}

// Send tells a target of an event, some time; it returns at once.
func (n *Notifier) Send(target string, e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Text = escape.Lines(e.Text[:min(len(e.Text), TextMax)])
	if _, ok := n.o.Targets()[target]; !ok {
		n.o.Log.Warn("there is no such target to notify", "target", target, "event", string(e.Kind), "run", e.Run.ID)
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

// Test tells a target of a test at once, and returns whom that reached and how
// long it took.
func (n *Notifier) Test(ctx context.Context, name string) (to string, took time.Duration, err error) {
	t, ok := n.o.Targets()[name]
	if !ok {
		return "", 0, fmt.Errorf("%w: %q", ErrNoTarget, name)
	}
	start := time.Now()
	err = n.tell(ctx, t, bundle{first: Event{Kind: Test, Time: start, Text: "this is a test of the target " + name}})
	return recipient(t.Action), time.Since(start), err
}

// Undelivered returns who could not be reached, by name.
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

// tell sends one notification; the error is one line.
func (n *Notifier) tell(ctx context.Context, t Target, b bundle) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sendMax, fmt.Errorf("no answer within %.0f s", sendMax.Seconds()))
	defer cancel()
	action, in := n.compose(t, b)
	out := runlog.NewOutput("", 0, nil)
	err := runner.Tell(ctx, action, in, out)
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
