package control

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"rota/internal/api"
)

// limited limits how many queries of a Service run at a time, so that many clients
// cannot slow down the tasks. The most expensive query, the list of all tasks, is run
// once for all callers that wait for it; they must not change the list.
type limited struct {
	api.Service
	slots semaphore
	list  shared[[]api.Task]
}

func newLimited(s api.Service) *limited {
	l := &limited{Service: s, slots: make(semaphore, max(2, runtime.GOMAXPROCS(0)))}
	l.list.running = make(semaphore, 1)
	return l
}

// semaphore limits concurrency to its capacity.
type semaphore chan struct{}

// acquire waits for a slot, and returns the function that frees it.
func (s semaphore) acquire(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// inSlot calls f while it holds a slot.
func inSlot[T any](ctx context.Context, s semaphore, f func(context.Context) (T, error)) (T, error) {
	release, err := s.acquire(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer release()
	return f(ctx)
}

// shared computes a value once for all callers of get that arrive before the computation
// begins.
type shared[T any] struct {
	mu      sync.Mutex
	next    *computation[T] // the computation that has not begun; nil: none
	running semaphore       // held during a computation
}

// computation is a value that is being computed.
type computation[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// errNotComputed is the error that callers get if the function that computes their value does
// not return, as when it panics.
var errNotComputed = errors.New("the answer could not be made")

// get returns a value whose computation began after the call of get. The first caller
// computes it for all, so the context of f does not end with the context of that caller.
func (s *shared[T]) get(ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	m := s.next
	if m == nil {
		m = &computation[T]{done: make(chan struct{}), err: errNotComputed}
		s.next = m
		s.mu.Unlock()
		s.compute(context.WithoutCancel(ctx), m, f)
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

func (s *shared[T]) compute(ctx context.Context, m *computation[T], f func(context.Context) (T, error)) {
	s.running <- struct{}{}
	defer func() { <-s.running }()
	defer close(m.done)
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	m.value, m.err = f(ctx)
}

func (l *limited) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	ask := func(ctx context.Context) ([]api.Task, error) {
		return inSlot(ctx, l.slots, func(ctx context.Context) ([]api.Task, error) { return l.Service.Tasks(ctx, names...) })
	}
	if len(names) > 0 {
		return ask(ctx)
	}
	return l.list.get(api.WithAllVisible(ctx), ask) // other callers get the same list
}

func (l *limited) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) ([]api.Slot, error) { return l.Service.Next(ctx, q) })
}

func (l *limited) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) ([]api.Run, error) { return l.Service.Runs(ctx, q) })
}

func (l *limited) Events(ctx context.Context, q api.EventQuery) ([]api.Event, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) ([]api.Event, error) { return l.Service.Events(ctx, q) })
}

func (l *limited) Run(ctx context.Context, id string) (api.RunDetails, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) (api.RunDetails, error) { return l.Service.Run(ctx, id) })
}

func (l *limited) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) (api.Why, error) { return l.Service.Why(ctx, task, at) })
}

func (l *limited) Health(ctx context.Context, q api.HealthQuery) error {
	_, err := inSlot(ctx, l.slots, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Service.Health(ctx, q) })
	return err
}

func (l *limited) Metrics(ctx context.Context) (io.ReadCloser, error) {
	return inSlot(ctx, l.slots, l.Service.Metrics)
}

func (l *limited) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return inSlot(ctx, l.slots, func(ctx context.Context) (api.Queues, error) { return l.Service.Queues(ctx, patterns...) })
}
