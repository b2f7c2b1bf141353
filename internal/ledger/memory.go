package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"rota/runner"
)

// How much a [Memory] keeps before it forgets the oldest.
const (
	keepRuns   = 1000 // ended runs of each task; as many summary rows
	keepEvents = 1000
)

// Options are what a ledger needs to know from outside. Nil is allowed.
type Options struct {
	Now    func() time.Time        // nil: the wall clock
	Queues func(name string) int   // how many runs may wait in a queue; 0: no limit
	Users  func(runner.Run) string // whose rights a run is claimed with; nil: those it was made with
}

// orDefault fills in what was not given.
func (o Options) orDefault() Options {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().Round(0) } // what lies across a step of the clock must show it
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

// do calls f as one step.
func (m *Memory) do(ctx context.Context, f func(u rules, t *memoryTable) error) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	return f(m.rules, m.rules.table.(*memoryTable))
}

// Now implements [Ledger].
func (m *Memory) Now(ctx context.Context) (time.Time, error) {
	return instant(m.rules.o.Now()), ctx.Err()
}

// Cursor implements [Ledger].
func (m *Memory) Cursor(ctx context.Context) (c Cursor, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error { c = m.cursor; return nil })
	return c, err
}

// Advance implements [Ledger].
func (m *Memory) Advance(ctx context.Context, prev, next Cursor, b runner.Batch, changes ...StateChange) (leases []Lease, err error) {
	err = m.do(ctx, func(u rules, _ *memoryTable) error {
		if !m.cursor.is(prev) {
			return ErrStale
		}
		for _, c := range changes {
			if m.states[c.Name].Version != c.Prev.Version {
				return ErrConflict
			}
		}
		if leases, err = u.advance(b); err != nil {
			return err
		}
		for _, c := range changes {
			m.setTask(c)
		}
		m.cursor = next.kept()
		return nil
	})
	return leases, err
}

// Submit implements [Ledger].
func (m *Memory) Submit(ctx context.Context, run runner.Run) (got runner.Run, err error) {
	err = m.do(ctx, func(u rules, _ *memoryTable) error { got, err = u.submit(run); return err })
	return got, err
}

// Claim implements [Ledger].
func (m *Memory) Claim(ctx context.Context, ids []string) (leases []Lease, err error) {
	err = m.do(ctx, func(u rules, _ *memoryTable) error { leases, err = u.claim(ids); return err })
	return leases, err
}

// Renew implements [Ledger].
func (m *Memory) Renew(ctx context.Context, l Lease) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error { _, err := u.leased(l); return err })
}

// Note implements [Ledger].
func (m *Memory) Note(ctx context.Context, l Lease, t runner.Transition) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error { return u.note(l, t) })
}

// Finish implements [Ledger].
func (m *Memory) Finish(ctx context.Context, l Lease, r runner.Result, next ...runner.Run) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error { return u.finish(l, r, next) })
}

// FinishAnd implements [Ledger].
func (m *Memory) FinishAnd(ctx context.Context, l Lease, r runner.Result, c StateChange, next ...runner.Run) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error {
		if m.states[c.Name].Version != c.Prev.Version {
			return ErrConflict
		}
		if err := u.finish(l, r, next); err != nil {
			return err
		}
		m.setTask(c)
		return nil
	})
}

// Shift implements [Ledger].
func (m *Memory) Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error { return u.shift(id, from, t) })
}

// Cancel implements [Ledger].
func (m *Memory) Cancel(ctx context.Context, id string, why runner.Reason) error {
	return m.do(ctx, func(u rules, _ *memoryTable) error { return u.cancel(id, why) })
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

// SetTask implements [Ledger].
func (m *Memory) SetTask(ctx context.Context, name string, prev, next TaskState, events ...Event) error {
	return m.do(ctx, func(rules, *memoryTable) error {
		if m.states[name].Version != prev.Version {
			return ErrConflict
		}
		m.setTask(StateChange{name, prev, next, events})
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

// Event implements [Ledger].
func (m *Memory) Event(ctx context.Context, e Event) error {
	return m.do(ctx, func(rules, *memoryTable) error { m.event(e); return nil })
}

// event adds to the history; the caller must hold the lock.
func (m *Memory) event(e Event) {
	if e.Time.IsZero() {
		e.Time = m.rules.o.Now()
	}
	e.Time = instant(e.Time)
	if len(m.events) == keepEvents {
		m.events = slices.Delete(m.events, 0, 1)
	}
	m.events = append(m.events, e)
	m.watchers.tell(e)
}

// Watch implements [Ledger].
func (m *Memory) Watch(ctx context.Context) (ch <-chan Event, err error) {
	err = m.do(ctx, func(rules, *memoryTable) error { ch, err = m.watchers.add(ctx); return err })
	return ch, err
}

// Close implements [Ledger].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.watchers.close()
	return nil
}
