package notify

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// giveUpAfter is how long the delivery of an event is tried.
const giveUpAfter = 24 * time.Hour

// sendQueue holds the events that wait for one target. Its worker runs while there are any.
type sendQueue struct {
	n    *Notifier
	name string

	// Guarded by the Notifier's lock.
	events  []Event
	more    []int64 // the numbers of events that are only counted
	working bool
	next    time.Time // nothing is sent before it, because of at_most_every
	err     string    // of the last try; "": it was delivered
	since   time.Time // of the first failure in a row
	tries   int       // failed tries in a row
	dropped int       // events given up since then
}

// batch is what one notification reports.
type batch struct {
	first Event
	rest  []Event
	more  []int64 // the numbers of events that are only counted
	lost  int     // events that were given up before
}

// others returns how many events the bundle has besides the first.
func (b batch) others() int { return len(b.rest) + len(b.more) }

// numbers returns the numbers of its events.
func (b batch) numbers() []int64 {
	all := append([]int64{b.first.Number}, b.more...)
	for _, e := range b.rest {
		all = append(all, e.Number)
	}
	return all
}

// waiting returns how many events wait, with all their data or only counted.
func (l *sendQueue) waiting() int { return len(l.events) + len(l.more) }

// add appends an event and starts the worker if needed.
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
		l.working = l.n.workers.start(l.work)
	}
}

// work sends notifications until the queue is empty.
func (l *sendQueue) work() {
	retry := &backoff.ExponentialBackOff{InitialInterval: 5 * time.Second, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 10 * time.Minute}
	life := &l.n.workers
	for {
		target, ok := l.n.o.Targets()[l.name]
		if !ok {
			l.drop()
			return
		}
		l.n.mu.Lock()
		pause := min(time.Until(l.next), target.AtMostEvery) // a reload may have shortened it
		l.n.mu.Unlock()
		if pause > 0 && !life.stopping() {
			life.pause(pause)
			continue
		}
		b, ok := l.take(target.AtMostEvery > 0)
		if !ok {
			return
		}
		err := l.n.deliver(life.ctx, target, b)
		if err == nil {
			retry.Reset()
			l.delivered(b, target.AtMostEvery)
			continue
		}
		last := life.stopping()
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

// take returns the events for the next notification: one, or all in the queue if gather
// is set or the queue has a backlog. It drops events that are too old. It returns false
// if the queue is empty; the worker must end then.
func (l *sendQueue) take(gather bool) (b batch, ok bool) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	now := time.Now()
	for len(l.events) > 0 && l.err != "" && now.Sub(l.events[0].Time) >= giveUpAfter {
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
		return batch{}, false
	}
	b = batch{first: l.events[0], lost: l.dropped}
	n := 1
	if gather || l.err != "" || len(l.more) > 0 || l.n.workers.stopping() {
		n = len(l.events)
		b.rest, b.more, l.more = l.events[1:n:n], l.more, nil
	}
	l.events = l.events[n:]
	if len(l.events) == 0 {
		l.events = nil
	}
	return b, true
}

// delivered records that a notification was delivered.
func (l *sendQueue) delivered(b batch, every time.Duration) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.err != "" {
		l.n.o.Log.Info("delivered again", "target", l.name, "events", 1+b.others(), "dropped", l.dropped)
	}
	l.n.o.Delivered(b.numbers()...)
	l.clearFailures()
	l.next = time.Now().Add(every)
}

// clearFailures resets the count of failures. The caller must hold the lock.
func (l *sendQueue) clearFailures() {
	if l.tries >= failingMax {
		l.n.o.Failing(l.name, "")
	}
	l.err, l.since, l.tries, l.dropped = "", time.Time{}, 0, 0
}

// failed puts the events of a bundle back that could not be delivered.
func (l *sendQueue) failed(b batch, err error) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.err == "" {
		l.since = time.Now()
		l.n.o.Log.Warn("cannot notify, will try again", "target", l.name, "event", string(b.first.Kind), "run", b.first.Run.ID, "err", err)
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

// drop drops the queue of a target that was removed from the file.
func (l *sendQueue) drop() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.o.Log.Warn("target removed, its events are dropped", "target", l.name, "events", l.waiting())
	for _, e := range l.events {
		l.n.o.Delivered(e.Number)
	}
	l.n.o.Delivered(l.more...)
	l.clearFailures()
	delete(l.n.queues, l.name)
}
