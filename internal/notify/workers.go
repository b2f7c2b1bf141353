package notify

import (
	"context"
	"sync"
	"time"
)

// workers is the lifetime of all workers: they start with Run. When that ends, they no
// longer wait between attempts, and after partingMax they are cancelled.
type workers struct {
	ctx     context.Context // for deliveries; ends partingMax after Run ends
	cancel  context.CancelFunc
	wait    context.Context // for waits between deliveries; ends when Run ends
	noWait  context.CancelFunc
	mu      sync.Mutex
	started bool
	ended   bool
	pending []func() // workers that begin starts
	wg      sync.WaitGroup
	max     time.Duration // of the parting
}

func newWorkers(parting time.Duration) workers {
	ctx, cut := context.WithCancel(context.Background())
	wait, noWait := context.WithCancel(ctx)
	return workers{ctx: ctx, cancel: cut, wait: wait, noWait: noWait, max: parting}
}

// begin starts the workers that were added before.
func (l *workers) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
	for _, work := range l.pending {
		l.wg.Go(work)
	}
	l.pending = nil
}

// start starts a worker, now or when begin is called. It returns false after end.
func (l *workers) start(work func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return false
	case l.started:
		l.wg.Go(work)
	default:
		l.pending = append(l.pending, work)
	}
	return true
}

// end waits until all workers have ended. It cancels those that have not when the
// parting is over.
func (l *workers) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.noWait()
	timer := time.AfterFunc(l.max, l.cancel)
	l.wg.Wait()
	timer.Stop()
	l.cancel()
}

// stopping reports whether end was called, so that workers must not wait.
func (l *workers) stopping() bool { return l.wait.Err() != nil }

// pause waits for d, or until end is called.
func (l *workers) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.wait.Done():
	}
}
