package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rota/runner"
)

// How much a [Memory] keeps before it removes the oldest.
const (
	keepRuns   = 1000 // ended runs of each task; as many summary rows
	keepEvents = 1000
)

// Options are what a ledger needs to know from outside. Nil is allowed.
type Options struct {
	Now    func() time.Time        // nil: the wall clock
	Queues func(name string) int   // how many runs may wait in a queue; 0: no limit
	Users  func(runner.Run) string // the user whose rights a claimed run has; nil: as it was created
}

// orDefault fills in what was not given.
func (o Options) orDefault() Options {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().Round(0) } // without a monotonic reading, so that a step of the clock shows
	}
	if o.Queues == nil {
		o.Queues = func(string) int { return 0 }
	}
	return o
}

// Memory is a [Ledger] that lasts as long as the process. It has records only,
// no outputs and results, and is bounded: of what has ended it keeps the newest
// 1000 runs and 1000 summary rows of each task, and the newest 1000 events.
type Memory struct {
	rules    rules
	watchers watchers

	mu     sync.Mutex // guards all that follows, and what rules change
	closed bool
	cursor Cursor
	states map[string]TaskState
	events []Event

	outbox  []Notice
	notices int64 // the number of the newest notice
}

var _ Ledger = (*Memory)(nil)

// NewMemory returns an empty ledger.
func NewMemory(o Options) *Memory {
	return &Memory{
		rules:  rules{table: newMemoryTable(), o: o.orDefault()},
		states: map[string]TaskState{},
	}
}

// lock begins a method; if it returns nil, the caller must unlock.
func (m *Memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// do calls f with the lock held.
func (m *Memory) do(ctx context.Context, f func(u rules, t *memoryTable) error) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	return f(m.rules, m.rules.table.(*memoryTable))
}

// Now implements [Ledger].
func (m *Memory) Now(ctx context.Context) (time.Time, error) {
	return normalizeTime(m.rules.o.Now()), ctx.Err()
}

// Cursor implements [Ledger].
func (m *Memory) Cursor(ctx context.Context) (c Cursor, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error { c = m.cursor; return nil })
	return c, err
}

// Commit implements [Ledger].
func (m *Memory) Commit(ctx context.Context, c Change) (done Committed, err error) {
	err = m.do(ctx, func(u rules, t *memoryTable) (err error) {
		if c.Cursor != nil && !m.cursor.samePosition(c.Cursor.From) {
			return ErrStale
		}
		for _, s := range c.States {
			if m.states[s.Name].Version != s.Prev.Version {
				return fmt.Errorf("%w: the state of %s", ErrConflict, s.Name)
			}
		}
		trial := t.clone() // a change that is refused halfway changes nothing
		u.table = trial
		if done, err = u.commit(c); err != nil {
			return err
		}
		trial.copied = nil
		m.rules.table = trial
		if c.Cursor != nil {
			m.cursor = c.Cursor.To.normalize()
		}
		for _, s := range c.States {
			m.setTask(s)
		}
		for _, e := range c.Events {
			m.event(e)
		}
		for _, n := range c.Notices {
			m.notices++
			n.Number = m.notices
			m.outbox = append(m.outbox, n.normalize())
			done.Notices = append(done.Notices, n.normalize())
		}
		m.outbox = slices.DeleteFunc(m.outbox, func(n Notice) bool { return slices.Contains(c.Delivered, n.Number) })
		return nil
	})
	if err != nil {
		return Committed{}, err
	}
	return done, nil
}

// Outbox implements [Ledger].
func (m *Memory) Outbox(ctx context.Context, limit int) (list []Notice, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error {
		list = slices.Clone(m.outbox)
		if limit > 0 && len(list) > limit {
			list = list[:limit]
		}
		return nil
	})
	return list, err
}

// Task implements [Ledger].
func (m *Memory) Task(ctx context.Context, name string) (s TaskState, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error { s = m.states[name].clone(); return nil })
	return s, err
}

// Tasks implements [Ledger].
func (m *Memory) Tasks(ctx context.Context) (map[string]TaskState, error) {
	all := map[string]TaskState{}
	return all, m.do(ctx, func(rules, *memoryTable) error {
		for name, s := range m.states {
			all[name] = s.clone()
		}
		return nil
	})
}

// setTask changes the state of a task; the caller must hold the lock.
func (m *Memory) setTask(c StateChange) {
	next := c.Next.clone()
	next.Version = c.Prev.Version + 1
	m.states[c.Name] = next
	for _, e := range c.Events {
		m.event(e)
	}
}

// event adds to the history; the caller must hold the lock.
func (m *Memory) event(e Event) {
	if e.Time.IsZero() {
		e.Time = m.rules.o.Now()
	}
	e.Time = normalizeTime(e.Time)
	if len(m.events) == keepEvents {
		m.events = slices.Delete(m.events, 0, 1)
	}
	m.events = append(m.events, e)
	m.watchers.send(e)
}

// Watch implements [Ledger].
func (m *Memory) Watch(ctx context.Context) (ch <-chan Event, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error { ch, err = m.watchers.add(ctx); return err })
	return ch, err
}

// Killed drops the leases, as the kill of a process does. The runs stay as recorded.
func (m *Memory) Killed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.rules.table.(*memoryTable).tokens)
}

// Close implements [Ledger].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.watchers.close()
	return nil
}
