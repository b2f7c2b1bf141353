package ledger

import (
	"context"
	"sync"

	"rota/runner"
)

// taskCache caches a value derived from the runs of each task until a commit changes one
// of them: pages ask about all tasks again and again, and few of them have changed.
type taskCache[T any] struct {
	mu      sync.Mutex
	values  map[string]cached[T]
	changes uint64            // commits so far
	changed map[string]uint64 // the last of them that changed a task
	cleared uint64            // the last one that may have changed any
}

// cached is the value of a task, which may have none.
type cached[T any] struct {
	value T
	found bool
}

func newTaskCache[T any]() *taskCache[T] {
	return &taskCache[T]{values: map[string]cached[T]{}, changed: map[string]uint64{}}
}

// invalidate is called after a commit that changed runs of some tasks (without names:
// of any task), before the commit is answered.
func (c *taskCache[T]) invalidate(tasks ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for _, task := range tasks {
		c.changed[task] = c.changes
		delete(c.values, task)
	}
	if len(tasks) == 0 {
		c.cleared = c.changes
		clear(c.values)
	}
}

// get returns the values of some tasks, and reads those that are not cached.
func (c *taskCache[T]) get(ctx context.Context, tasks []string, read func(context.Context, ...string) (map[string]T, error)) (map[string]T, error) {
	all := make(map[string]T, len(tasks))
	var missing []string
	c.mu.Lock()
	before := c.changes
	for _, task := range tasks {
		known, ok := c.values[task]
		if known.found {
			all[task] = known.value
		}
		if !ok {
			missing = append(missing, task)
		}
	}
	c.mu.Unlock()
	if len(missing) == 0 {
		return all, ctx.Err()
	}
	found, err := read(ctx, missing...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, task := range missing {
		value, is := found[task]
		if is {
			all[task] = value
		}
		if c.changed[task] <= before && c.cleared <= before { // else it may be outdated
			c.values[task] = cached[T]{value, is}
		}
	}
	return all, nil
}

// invalidate drops the cached values of tasks whose runs a commit has changed; without
// tasks those of all.
func (s *SQLite) invalidate(tasks ...string) {
	s.past.invalidate(tasks...)
	s.newest.invalidate(tasks...)
}

// Past implements [Reader].
func (s *SQLite) Past(ctx context.Context, tasks ...string) (map[string]Past, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		tasks = s.names.all()
	}
	return s.past.get(ctx, tasks, s.reader.Past)
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
	found, err := s.newest.get(ctx, tasks, func(ctx context.Context, missing ...string) (map[string]runner.Run, error) {
		if len(missing) > tasksByName {
			return s.reader.Newest(ctx)
		}
		return s.reader.Newest(ctx, missing...)
	})
	for task, run := range found {
		found[task] = cloneRun(run)
	}
	return found, err
}
