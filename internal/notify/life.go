package notify

import (
	"context"
	"sync"
	"time"
)

// life is that of all workers together: they begin with Run, noWait when it is
// to end, and are cut off a little later.
type life struct {
	ctx    context.Context // of what workers do; it ends when the parting is over
	cut    context.CancelFunc
	wait   context.Context // of what workers wait for; it ends when there is no time any more
	noWait context.CancelFunc
	mu     sync.Mutex
	lives  bool
	over   bool
	before []func() // workers asked for before the beginning
	wg     sync.WaitGroup
}

func newLife() life {
	ctx, cut := context.WithCancel(context.Background())
	wait, noWait := context.WithCancel(ctx)
	return life{ctx: ctx, cut: cut, wait: wait, noWait: noWait}
}

// begin starts the workers that were asked for.
func (l *life) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives = true
	for _, work := range l.before {
		l.wg.Go(work)
	}
	l.before = nil
}

// worker starts one, or will when life begins; false: it has ended.
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

// end returns when all workers have ended: of themselves within partingMax, or
// cut off then.
func (l *life) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.noWait()
	timer := time.AfterFunc(partingMax, l.cut)
	l.wg.Wait()
	timer.Stop()
	l.cut()
}

// ending reports whether there is no time to wait for anything.
func (l *life) ending() bool { return l.wait.Err() != nil }

// pause waits; the end of life cuts it short.
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
