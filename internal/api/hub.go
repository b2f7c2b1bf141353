package api

import (
	"context"
	"sync"
)

// MaxBehind is how many messages a watcher may be behind.
const MaxBehind = 256

// Hub passes messages on to all that watch. Its zero value is ready to use.
type Hub struct {
	mu       sync.Mutex
	watchers map[chan Message]struct{}
	closed   bool
}

// Publish sends a message to all that watch, and never waits: one that is too
// far behind is dropped, which closes its channel. What m points to must not
// change any more.
func (h *Hub) Publish(m Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		select {
		case c <- m:
		default:
			h.drop(c)
		}
	}
}

// PublishLine sends a line of a run's output to the watchers that are not behind: the
// output of one task must not cost anybody the messages that matter more.
func (h *Hub) PublishLine(line LogLine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		if len(c) < MaxBehind/2 {
			c <- Message{Log: &line}
		}
	}
}

// Watch returns the messages from now on, until ctx ends, the hub is closed or
// the reader is too slow; then the channel is closed.
func (h *Hub) Watch(ctx context.Context) <-chan Message {
	c := make(chan Message, MaxBehind)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(c)
		return c
	}
	if h.watchers == nil {
		h.watchers = map[chan Message]struct{}{}
	}
	h.watchers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(c)
	})
	return c
}

// Watched reports whether anybody watches, so that what is costly to tell need
// not be told to nobody.
func (h *Hub) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// Close drops all that watch, and all that will.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.watchers {
		h.drop(c)
	}
}

// drop ends one watcher; mu is held.
func (h *Hub) drop(c chan Message) {
	if _, ok := h.watchers[c]; ok {
		delete(h.watchers, c)
		close(c)
	}
}
