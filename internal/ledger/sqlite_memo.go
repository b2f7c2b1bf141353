package ledger

import (
	"context"
	"sync"

	"rota/runner"
)

// memo keeps what is derived from the runs of each task until a commit changes one of
// them: pages ask about all tasks, again and again, and few of them have changed.
type memo[T any] struct {
	mu      sync.Mutex
	values  map[string]memoized[T]
	changes uint64            // commits so far
	changed map[string]uint64 // the last of them that changed a task
	cleared uint64            // the last one that may have changed any
}

// memoized is what is known of a task; there may be nothing.
type memoized[T any] struct {
	value T
	is    bool
}

func newMemo[T any]() *memo[T] {
	return &memo[T]{values: map[string]memoized[T]{}, changed: map[string]uint64{}}
}

// forget is called after a commit that changed runs of some tasks, before it is
// answered; without tasks, of any.
func (m *memo[T]) forget(tasks ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	for _, task := range tasks {
		m.changed[task] = m.changes
		delete(m.values, task)
	}
	if len(tasks) == 0 {
		m.cleared = m.changes
		clear(m.values)
	}
}

// ask returns what is known of some tasks, and reads what is not.
func (m *memo[T]) ask(ctx context.Context, tasks []string, read func(context.Context, ...string) (map[string]T, error)) (map[string]T, error) {
	all := make(map[string]T, len(tasks))
	var missing []string
	m.mu.Lock()
	before := m.changes
	for _, task := range tasks {
		known, ok := m.values[task]
		if known.is {
			all[task] = known.value
		}
		if !ok {
			missing = append(missing, task)
		}
	}
	m.mu.Unlock()
	if len(missing) == 0 {
		return all, ctx.Err()
	}
	found, err := read(ctx, missing...)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, task := range missing {
		value, is := found[task]
		if is {
			all[task] = value
		}
		if m.changed[task] <= before && m.cleared <= before { // else it may be of before
			m.values[task] = memoized[T]{value, is}
		}
	}
	return all, nil
}

// forget forgets what was derived from runs that a commit has changed; without tasks
// from all.
func (s *SQLite) forget(tasks ...string) {
	s.past.forget(tasks...)
	s.newest.forget(tasks...)
}

// Past implements [Reader].
func (s *SQLite) Past(ctx context.Context, tasks ...string) (map[string]Past, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		tasks = s.names.all()
	}
	return s.past.ask(ctx, tasks, s.reading.Past)
}

// tasksByName is how many tasks are asked about at most by their names: one question about
// all of them is cheaper.
const tasksByName = 100

// Newest implements [Reader].
func (s *SQLite) Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		tasks = s.names.all()
	}
	found, err := s.newest.ask(ctx, tasks, func(ctx context.Context, missing ...string) (map[string]runner.Run, error) {
		if len(missing) > tasksByName {
			return s.reading.Newest(ctx)
		}
		return s.reading.Newest(ctx, missing...)
	})
	for task, run := range found {
		found[task] = own(run)
	}
	return found, err
}
