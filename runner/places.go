package runner

import (
	"context"
	"sync"

	"rota/runner/internal/process"
)

// maxPrepared is how many runs are prepared and wait for the start of their process: as
// many again wait for an instant to come. More would start no sooner, for few processes are
// started at a time; and each has an environment and a deep stack, which the garbage
// collector visits.
const maxPrepared = 64

// places are the rights to prepare a run, in the order in which they are awaited.
type places struct {
	now   chan struct{} // of runs that begin
	ahead chan struct{} // of runs that begin at an instant that has not come
}

func newPlaces() places {
	return places{make(chan struct{}, maxPrepared), make(chan struct{}, maxPrepared)}
}

// await waits until a run may be prepared, and returns what gives its place to another; it
// may be called more than once. It does not wait once ctx has ended.
func (p places) await(ctx context.Context, l Launch) (free func()) {
	if !l.Task.startsByItself() {
		return func() {}
	}
	if l.Begin != nil {
		select {
		case p.ahead <- struct{}{}:
			return sync.OnceFunc(func() { <-p.ahead })
		default:
			if process.AwaitBegin(ctx, l.Begin) != nil {
				return func() {}
			}
		}
	}
	select {
	case p.now <- struct{}{}:
		return sync.OnceFunc(func() { <-p.now })
	case <-ctx.Done():
		return func() {}
	}
}

// startsByItself reports whether nothing that belongs to others is looked at to prepare the
// run: then it cannot keep its place for long.
func (t *Task) startsByItself() bool {
	_, command := t.Action.(*Command)
	return command && t.User == "" && t.Group == ""
}
