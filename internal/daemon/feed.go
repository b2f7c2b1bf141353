package daemon

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	feedSize    = 4 << 20     // bytes that may be buffered
	feedTimeout = time.Second // to wait for a slow reader
)

// feed is a writer that never blocks for long: a goroutine writes the data to another
// writer. It waits for a slow reader, but not for one that has stopped reading: then the
// data is dropped and counted, so that a reader cannot block a task or rota.
type feed struct {
	to io.Writer

	mu      sync.Mutex
	changed *sync.Cond
	queue   [][]byte
	size    int
	dropped int  // pieces
	stalled bool // the reader took nothing for feedTimeout
	closed  bool
	done    chan struct{}
}

func newFeed(to io.Writer) *feed {
	f := &feed{to: to, done: make(chan struct{})}
	f.changed = sync.NewCond(&f.mu)
	go f.run()
	return f
}

// Write takes one piece, which is kept whole. It always reports success.
func (f *feed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full(len(p)) && !f.stalled {
		late := time.AfterFunc(feedTimeout, func() {
			f.mu.Lock()
			f.stalled = true
			f.mu.Unlock()
			f.changed.Broadcast()
		})
		for f.full(len(p)) && !f.stalled && !f.closed {
			f.changed.Wait()
		}
		late.Stop()
	}
	if f.closed || f.full(len(p)) {
		f.dropped++
		return len(p), nil
	}
	f.note()
	f.queue = append(f.queue, bytes.Clone(p))
	f.size += len(p)
	f.changed.Broadcast()
	return len(p), nil
}

// note adds a note to the queue about how much was dropped at this point.
func (f *feed) note() {
	if f.dropped > 0 {
		text := fmt.Appendf(nil, "[rota] %d lines were dropped here: the reader did not take them\n", f.dropped)
		f.queue, f.size, f.dropped = append(f.queue, text), f.size+len(text), 0
	}
}

func (f *feed) full(more int) bool { return f.size > 0 && f.size+more > feedSize }

func (f *feed) run() {
	defer close(f.done)
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		for len(f.queue) == 0 && !f.closed {
			f.changed.Wait()
		}
		if len(f.queue) == 0 {
			f.note()
		}
		if len(f.queue) == 0 {
			return
		}
		pieces := f.queue
		f.queue = nil
		for _, p := range pieces {
			f.mu.Unlock()
			_, _ = f.to.Write(p)
			f.mu.Lock()
			f.size -= len(p)
			f.stalled = false
			f.changed.Broadcast()
		}
	}
}

// close writes the buffered data, unless the reader takes nothing for feedTimeout.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.changed.Broadcast()
	select {
	case <-f.done:
	case <-time.After(feedTimeout):
	}
}
