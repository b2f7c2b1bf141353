package notify

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// keep is how long delivery of an event is tried.
const keep = 24 * time.Hour

// sendQueue holds the events that wait for one target. Its worker runs while there are any.
type sendQueue struct {
	n    *Notifier
	name string

	// Guarded by the Notifier's lock.
	events  []Event
	more    []int64 // the numbers of those that are counted only
	working bool
	next    time.Time // nothing is sent before it, because of at_most_every
	err     string    // of the last try; "": it went well
	since   time.Time // of the first failure in a row
	tries   int       // that failed in a row
	dropped int       // since then
}

// bundle is what one notification reports.
type bundle struct {
	first Event
	rest  []Event
	more  []int64 // the numbers of those that are counted only
	lost  int     // that were dropped before
}

// others is how many events it reports besides the first.
func (b bundle) others() int { return len(b.rest) + len(b.more) }

// numbers are those of its events.
func (b bundle) numbers() []int64 {
	all := append([]int64{b.first.Number}, b.more...)
	for _, e := range b.rest {
		all = append(all, e.Number)
	}
	return all
}

func (l *sendQueue) waiting() int { return len(l.events) + len(l.more) }

// add puts an event behind the others.
func (l *sendQueue) add(e Event) {
	switch {
	case len(l.events) < queueMax:
		l.events = append(l.events, e)
	case len(l.more) < countMax:
		l.more = append(l.more, e.Number)
	default:
		l.dropped++
		l.n.o.Delivered(e.Number)
	}
	if !l.working {
		l.working = l.n.life.worker(l.work)
	}
}

// work tells until nothing waits.
func (l *sendQueue) work() {
	retry := &backoff.ExponentialBackOff{InitialInterval: 5 * time.Second, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 10 * time.Minute}
	life := &l.n.life
	for {
		target, ok := l.n.o.Targets()[l.name]
		if !ok {
			l.forget()
			return
		}
		l.n.mu.Lock()
		pause := min(time.Until(l.next), target.AtMostEvery) // a reload may have shortened it
		l.n.mu.Unlock()
		if pause > 0 && !life.ending() {
			life.pause(pause)
			continue
		}
		b, ok := l.take(target.AtMostEvery > 0)
		if !ok {
			return
		}
		err := l.n.tell(life.ctx, target, b)
		if err == nil {
			retry.Reset()
			l.delivered(b, target.AtMostEvery)
			continue
		}
		last := life.ending()
		l.failed(b, err)
		if last {
			l.n.mu.Lock()
			l.working = false
			l.n.mu.Unlock()
			return
		}
		life.pause(retry.NextBackOff())
	}
}

// take returns what to tell next: one event, or all that wait if they are
// gathered or could not be told one by one. What is too old is dropped. false:
// nothing waits, and the worker has to end.
func (l *sendQueue) take(gather bool) (b bundle, ok bool) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	now := time.Now()
	for len(l.events) > 0 && l.err != "" && now.Sub(l.events[0].Time) >= keep {
		l.n.o.Delivered(l.events[0].Number)
		l.events = l.events[1:]
		l.dropped++
		if len(l.events) == 0 && len(l.more) > 0 {
			l.n.o.Delivered(l.more...)
			l.dropped += len(l.more)
			l.more = nil
		}
	}
	if len(l.events) == 0 {
		l.working = false
		if l.dropped > 0 {
			l.n.o.Log.Error("gave up notifying", "target", l.name, "dropped", l.dropped, "err", l.err)
		}
		return bundle{}, false
	}
	b = bundle{first: l.events[0], lost: l.dropped}
	n := 1
	if gather || l.err != "" || len(l.more) > 0 || l.n.life.ending() {
		n = len(l.events)
		b.rest, b.more, l.more = l.events[1:n:n], l.more, nil
	}
	l.events = l.events[n:]
	if len(l.events) == 0 {
		l.events = nil
	}
	return b, true
}

// delivered notes that a notification was delivered.
func (l *sendQueue) delivered(b bundle, every time.Duration) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.err != "" {
		l.n.o.Log.Info("notified again", "target", l.name, "events", 1+b.others(), "dropped", l.dropped)
	}
	l.n.o.Delivered(b.numbers()...)
	l.clearFailures()
	l.next = time.Now().Add(every)
}

// clearFailures forgets failures; the caller must hold the lock.
func (l *sendQueue) clearFailures() {
	if l.tries >= failingMax {
		l.n.o.Failing(l.name, "")
	}
	l.err, l.since, l.tries, l.dropped = "", time.Time{}, 0, 0
}

// failed puts back what could not be delivered.
func (l *sendQueue) failed(b bundle, err error) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.err == "" {
		l.since = time.Now()
		l.n.o.Log.Warn("could not notify, will try again", "target", l.name, "event", string(b.first.Kind), "run", b.first.Run.ID, "err", err)
	}
	l.err = err.Error()
	l.n.o.Failed(l.name)
	if l.tries++; l.tries == failingMax {
		l.n.o.Failing(l.name, l.err)
	}
	l.more = append(b.more, l.more...)
	l.events = append(append([]Event{b.first}, b.rest...), l.events...)
	for _, e := range l.events[min(queueMax, len(l.events)):] {
		l.more = append(l.more, e.Number)
	}
	l.events = l.events[:min(queueMax, len(l.events))]
}

// forget ends the worker of a target that is gone.
func (l *sendQueue) forget() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.o.Log.Warn("a target is gone, what it was to be told is dropped", "target", l.name, "events", l.waiting())
	for _, e := range l.events {
		l.n.o.Delivered(e.Number)
	}
	l.n.o.Delivered(l.more...)
	l.clearFailures()
	delete(l.n.queues, l.name)
}
