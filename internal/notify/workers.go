package notify

import (
	"context"
	"sync"
	"time"
)

// life is the lifetime of all workers: they start with Run. When that ends, they no
// longer wait between attempts, and after partingMax they are cancelled.
type life struct {
	ctx    context.Context // for deliveries; ends partingMax after Run ends
	cut    context.CancelFunc
	wait   context.Context // for waits between deliveries; ends when Run ends
	noWait context.CancelFunc
	mu     sync.Mutex
	lives  bool
	over   bool
	before []func() // workers that begin starts
	wg     sync.WaitGroup
	max    time.Duration // of the parting
}

func newLife(parting time.Duration) life {
	ctx, cut := context.WithCancel(context.Background())
	wait, noWait := context.WithCancel(ctx)
	return life{ctx: ctx, cut: cut, wait: wait, noWait: noWait, max: parting}
}

// begin starts the workers that were added before.
func (l *life) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives = true
	for _, work := range l.before {
		l.wg.Go(work)
	}
	l.before = nil
}

// worker starts a worker, now or when begin is called. It returns false after end.
func (l *life) worker(work func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
		return false
	case l.lives:
		l.wg.Go(work)
	default:
		l.before = append(l.before, work)
	}
	return true
}

// end waits until all workers have ended. It cancels those that have not when the
// parting is over.
func (l *life) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.noWait()
	timer := time.AfterFunc(l.max, l.cut)
	l.wg.Wait()
	timer.Stop()
	l.cut()
}

// ending reports whether end was called, so that workers must not wait.
func (l *life) ending() bool { return l.wait.Err() != nil }

// pause waits for d, or until end is called.
func (l *life) pause(d time.Duration) {
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
