package ledger

import (
	"context"
	"sync"
)

// watchBuffer is how many events a watcher may lag behind before it loses some.
const watchBuffer = 16

// watchers are the subscribers to events.
type watchers struct {
	mu     sync.Mutex
	closed bool
	all    map[chan Event]func() bool // with the function that detaches the watch from its context
}

// add begins a watch.
func (w *watchers) add(ctx context.Context) (<-chan Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	if w.all == nil {
		w.all = map[chan Event]func() bool{}
	}
	ch := make(chan Event, watchBuffer)
	w.all[ch] = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.remove(ch)
	})
	return ch, nil
}

// remove ends a watch, if it has not ended; the caller must hold the lock.
func (w *watchers) remove(ch chan Event) {
	if _, ok := w.all[ch]; ok {
		delete(w.all, ch)
		close(ch)
	}
}

// send sends an event to all.
func (w *watchers) send(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.all {
		select {
		case ch <- e:
		default: // the watcher is slow: it loses the event
		}
	}
}

// close ends all watches.
func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for ch, stop := range w.all {
		stop()
		w.remove(ch)
	}
}
