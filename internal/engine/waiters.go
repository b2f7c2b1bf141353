package engine

import (
	"context"

	"rota/internal/api"
	"rota/runner"
)

// waiters are the calls that wait for something to happen. They belong to the engine's
// goroutine.
type waiters struct {
	runEnds map[string][]chan struct{} // by run id; closed when the run has ended
	idle    []chan error               // receive nil once only forked runs are under way, or an error if the drain ends before
}

// waitForEnd returns when the run has ended, the engine no longer answers, or ctx ends.
func (eng *Engine) waitForEnd(ctx context.Context, id string) error {
	ended := make(chan struct{})
	if err := eng.read(ctx, func() error {
		if eng.waiters.runEnds == nil {
			eng.waiters.runEnds = map[string][]chan struct{}{}
		}
		eng.waiters.runEnds[id] = append(eng.waiters.runEnds[id], ended)
		return nil
	}); err != nil {
		return err
	}
	defer eng.post(func() { eng.waiters.remove(id, ended) })
	// It may have ended before the channel was registered.
	if run, _, err := eng.ledger.Get(ctx, id); err != nil || run.Outcome != "" {
		return err
	}
	var err error
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-eng.closed:
		err = errStopping
	}
	// It may have ended with the daemon.
	if run, _, lost := eng.ledger.Get(context.WithoutCancel(ctx), id); lost == nil && run.Outcome != "" {
		return nil
	}
	return err
}

// notifyEnd wakes the calls that wait for the end of a run.
func (c *waiters) notifyEnd(id string) {
	for _, ch := range c.runEnds[id] {
		close(ch)
	}
	delete(c.runEnds, id)
}

// remove removes a call that no longer waits.
func (c *waiters) remove(id string, ended chan struct{}) {
	left := c.runEnds[id][:0]
	for _, ch := range c.runEnds[id] {
		if ch != ended {
			left = append(left, ch)
		}
	}
	if c.runEnds[id] = left; len(left) == 0 {
		delete(c.runEnds, id)
	}
}

// notifyIdle wakes the calls that wait until only forked runs are under way, if that is so.
func (c *waiters) notifyIdle(eng *Engine) {
	if len(c.idle) == 0 || !eng.onlyForked() {
		return
	}
	c.answerIdle(nil)
}

// failIdle fails these calls, as the drain was ended.
func (c *waiters) failIdle(who string) {
	c.answerIdle(api.Errorf(api.Conflict, "", "the drain was ended by %s", who))
}

func (c *waiters) answerIdle(err error) {
	for _, ch := range c.idle {
		ch <- err // has a buffer of one
	}
	c.idle = nil
}

// onlyForked reports whether all runs under way are forked, and survive the daemon.
func (eng *Engine) onlyForked() bool {
	for _, run := range eng.view.Live("") {
		if v, ok := eng.leases.Load(run.ID); !ok || v.(leasedRun).policy.Mode != runner.Forked {
			return false
		}
	}
	return true
}
