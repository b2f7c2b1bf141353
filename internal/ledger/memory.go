package ledger

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// How much a [Memory] keeps before it forgets the oldest.
const (
	keepRuns   = 1000 // ended runs of each task; as many folded rows
	keepEvents = 1000
)

// Options are what a [Memory] needs to know from outside. Nil is allowed.
type Options struct {
	Now     func() time.Time          // nil: the wall clock
	Queues  func(name string) int     // how many runs may wait in a queue; 0: no limit
	LogPath func(runID string) string // the file with the output of a run
}

// Memory is a [Ledger] that lasts as long as the process. It is bounded: of
// what has ended it keeps the newest 1000 runs and 1000 folded rows of each
// task, and the newest 1000 events.
type Memory struct {
	o Options

	mu       sync.Mutex // guards all that follows
	closed   bool
	cursor   Cursor
	last     int                 // the number of the newest row
	rows     map[string]*row     // by id
	tasks    map[string]*history // by name
	queued   map[string]int      // how many runs wait, by queue
	states   map[string]TaskState
	events   []Event
	watchers map[chan Event]func() bool // with what undoes their end by context
}

var _ Ledger = (*Memory)(nil)

// NewMemory returns an empty ledger.
func NewMemory(o Options) *Memory {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().Round(0) } // what lies across a step of the clock must show it
	}
	if o.Queues == nil {
		o.Queues = func(string) int { return 0 }
	}
	return &Memory{
		o:        o,
		rows:     map[string]*row{},
		tasks:    map[string]*history{},
		queued:   map[string]int{},
		states:   map[string]TaskState{},
		watchers: map[chan Event]func() bool{},
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
		return errors.New("the ledger is closed")
	}
	return nil
}

// Now implements [Ledger].
func (m *Memory) Now(ctx context.Context) (time.Time, error) { return m.o.Now(), ctx.Err() }

// Cursor implements [Ledger].
func (m *Memory) Cursor(ctx context.Context) (Cursor, error) {
	if err := m.lock(ctx); err != nil {
		return Cursor{}, err
	}
	defer m.mu.Unlock()
	return m.cursor, nil
}

// Task implements [Ledger].
func (m *Memory) Task(ctx context.Context, name string) (TaskState, error) {
	if err := m.lock(ctx); err != nil {
		return TaskState{}, err
	}
	defer m.mu.Unlock()
	return m.states[name].clone(), nil
}

// SetTask implements [Ledger].
func (m *Memory) SetTask(ctx context.Context, name string, prev, next TaskState) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.states[name].Version != prev.Version {
		return ErrConflict
	}
	next = next.clone()
	next.Version = prev.Version + 1
	m.states[name] = next
	return nil
}

func (s TaskState) clone() TaskState {
	s.Seen = maps.Clone(s.Seen)
	return s
}

// Close implements [Ledger].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for ch, stop := range m.watchers {
		stop()
		m.unwatch(ch)
	}
	return nil
}
