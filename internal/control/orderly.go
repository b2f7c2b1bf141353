package control

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// orderly is a Service of which only a few questions are answered at a time: a
// crowd that asks is in its own way, and not in that of the tasks. What costs
// the most, the list of all tasks, is made once for all who wait for it. Others
// must not change that list.
type orderly struct {
	api.Service
	turns turns
	list  shared[[]api.Task]
}

func newOrderly(s api.Service) *orderly {
	o := &orderly{Service: s, turns: make(turns, max(2, runtime.GOMAXPROCS(0)))}
	o.list.one = make(turns, 1)
	return o
}

// turns lets as many work at a time as it has room for.
type turns chan struct{}

// take waits for a turn, and returns what ends it.
func (t turns) take(ctx context.Context) (end func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// inTurn calls f in a turn of its own.
func inTurn[T any](ctx context.Context, t turns, f func(context.Context) (T, error)) (T, error) {
	end, err := t.take(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer end()
	return f(ctx)
}

// shared makes a value for all who ask before it is begun.
type shared[T any] struct {
	mu   sync.Mutex
	next *making[T] // that has not begun; nil: none waits
	one  turns      // while one is made
}

// making is a value that is being made.
type making[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// errMaking is the error of who waits for one who did not come to an end.
var errMaking = errors.New("the answer could not be made")

// get returns a value that was begun after it was called. The first who asks
// makes it, also for the others: f may not end because that one does not wait.
func (s *shared[T]) get(ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	m := s.next
	if m == nil {
		m = &making[T]{done: make(chan struct{}), err: errMaking}
		s.next = m
		s.mu.Unlock()
		s.make(context.WithoutCancel(ctx), m, f)
		return m.value, m.err
	}
	s.mu.Unlock()
	select {
	case <-m.done:
		return m.value, m.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

func (s *shared[T]) make(ctx context.Context, m *making[T], f func(context.Context) (T, error)) {
	s.one <- struct{}{}
	defer func() { <-s.one }()
	defer close(m.done)
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	m.value, m.err = f(ctx)
}

func (o *orderly) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	ask := func(ctx context.Context) ([]api.Task, error) {
		return inTurn(ctx, o.turns, func(ctx context.Context) ([]api.Task, error) { return o.Service.Tasks(ctx, names...) })
	}
	if len(names) > 0 {
		return ask(ctx)
	}
	return o.list.get(api.WithAllVisible(ctx), ask) // it is others', too
}

func (o *orderly) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	return inTurn(ctx, o.turns, func(ctx context.Context) ([]api.Slot, error) { return o.Service.Next(ctx, q) })
}

func (o *orderly) Runs(ctx context.Context, q api.RunQuery) ([]runner.Run, error) {
	return inTurn(ctx, o.turns, func(ctx context.Context) ([]runner.Run, error) { return o.Service.Runs(ctx, q) })
}

func (o *orderly) Run(ctx context.Context, id string) (api.Run, error) {
	return inTurn(ctx, o.turns, func(ctx context.Context) (api.Run, error) { return o.Service.Run(ctx, id) })
}

func (o *orderly) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	return inTurn(ctx, o.turns, func(ctx context.Context) (api.Why, error) { return o.Service.Why(ctx, task, at) })
}

func (o *orderly) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return inTurn(ctx, o.turns, func(ctx context.Context) (api.Queues, error) { return o.Service.Queues(ctx, patterns...) })
}
