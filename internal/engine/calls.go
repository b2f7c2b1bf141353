package engine

import (
	"context"
	"sync/atomic"

	"rota/internal/api"
	"rota/runner"
)

// errStopping is why nothing can be asked of a daemon any more.
var errStopping = api.Errorf(api.NotNow, "try again once it is back", "rota is stopping")

// calls are those who wait for something to happen. They are the engine's own.
type calls struct {
	ends map[string][]chan struct{} // of a run, by its id
	idle []chan error               // no run but forked ones is under way, or the drain was ended
}

// ask has the engine call f, and waits for it. If ctx is done before the engine comes
// to it, f is not called at all; once begun it is waited for, for it may write to
// what is the caller's.
func (eng *Engine) ask(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	var taken atomic.Bool // by the engine, or back by who asks
	eng.post(func() {
		if taken.CompareAndSwap(false, true) {
			done <- f()
		}
	})
	var err error = errStopping
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-eng.over:
	}
	if taken.CompareAndSwap(false, true) {
		return err
	}
	return <-done
}

// act is ask for what changes something: who asks may go away, but what was begun
// for them is not left half done. F is given a context that says so.
func (eng *Engine) act(ctx context.Context, f func(context.Context) error) error {
	return eng.ask(ctx, func() error { return f(context.WithoutCancel(ctx)) })
}

// wait returns when the run has ended, nobody can tell of it any more, or ctx
// is done.
func (eng *Engine) wait(ctx context.Context, id string) error {
	ended := make(chan struct{})
	if err := eng.ask(ctx, func() error {
		if eng.calls.ends == nil {
			eng.calls.ends = map[string][]chan struct{}{}
		}
		eng.calls.ends[id] = append(eng.calls.ends[id], ended)
		return nil
	}); err != nil {
		return err
	}
	defer eng.post(func() { eng.calls.forget(id, ended) })
	// It may have ended before anybody listened.
	if run, _, err := eng.ledger.Get(ctx, id); err != nil || run.Outcome != "" {
		return err
	}
	var err error
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-eng.over:
		err = errStopping
	}
	// It may have ended with the daemon.
	if run, _, lost := eng.ledger.Get(context.WithoutCancel(ctx), id); lost == nil && run.Outcome != "" {
		return nil
	}
	return err
}

// ended wakes those who wait for the end of a run.
func (c *calls) ended(id string) {
	for _, ch := range c.ends[id] {
		close(ch)
	}
	delete(c.ends, id)
}

// forget is for one who does not wait any longer.
func (c *calls) forget(id string, ended chan struct{}) {
	left := c.ends[id][:0]
	for _, ch := range c.ends[id] {
		if ch != ended {
			left = append(left, ch)
		}
	}
	if c.ends[id] = left; len(left) == 0 {
		delete(c.ends, id)
	}
}

// drained wakes those who wait until only forked runs are under way.
func (c *calls) drained(l *Engine) {
	if len(c.idle) == 0 || !l.onlyForked() {
		return
	}
	c.tellIdle(nil)
}

// undrained tells those who wait for that that somebody ended the drain.
func (c *calls) undrained(who string) {
	c.tellIdle(api.Errorf(api.Conflict, "", "the drain was ended by %s", who))
}

func (c *calls) tellIdle(err error) {
	for _, ch := range c.idle {
		ch <- err // there is room for one
	}
	c.idle = nil
}

// onlyForked reports whether no run would end with the daemon.
func (eng *Engine) onlyForked() bool {
	for _, run := range eng.view.Live("") {
		if v, ok := eng.leases.Load(run.ID); !ok || v.(underway).policy.Mode != runner.Forked {
			return false
		}
	}
	return true
}
