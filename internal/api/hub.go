package api

import (
	"context"
	"sync"
)

// MaxBehind is how many messages a watcher may be behind.
const MaxBehind = 256

// Hub sends messages to all watchers. Its zero value is ready to use.
type Hub struct {
	mu       sync.Mutex
	watchers map[chan Message]struct{}
	closed   bool
}

// Publish sends a message to all watchers. It never blocks: it drops a watcher that is too
// far behind, and closes its channel. The values that m points to must not change any more.
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

// PublishLine sends a line of a run's output to the watchers that are not behind. Others
// miss the line, so that the output of one task does not cost them more important messages.
func (h *Hub) PublishLine(line LogLine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		if len(c) < MaxBehind/2 {
			c <- Message{Log: &line}
		}
	}
}

// Watch returns a channel with the messages from now on. The channel is closed when ctx
// ends, the hub is closed or the reader is too slow.
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

// Watched reports whether there are any watchers, so that costly messages need not be made
// for none.
func (h *Hub) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// Close drops all watchers, and later ones at once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.watchers {
		h.drop(c)
	}
}

// drop drops one watcher. The caller must hold mu.
func (h *Hub) drop(c chan Message) {
	if _, ok := h.watchers[c]; ok {
		delete(h.watchers, c)
		close(c)
	}
}
