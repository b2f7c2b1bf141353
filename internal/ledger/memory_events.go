package ledger

import (
	"context"
	"slices"
)

// watchBuffer is how many events a watcher may lag behind before it loses some.
const watchBuffer = 16

// Event implements [Ledger].
func (m *Memory) Event(ctx context.Context, e Event) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.event(e)
	return nil
}

func (m *Memory) event(e Event) {
	if e.Time.IsZero() {
		e.Time = m.o.Now()
	}
	if len(m.events) == keepEvents {
		m.events = slices.Delete(m.events, 0, 1)
	}
	m.events = append(m.events, e)
	for ch := range m.watchers {
		select {
		case ch <- e:
		default: // it is slow, and rota waits for nobody
		}
	}
}

// Events implements [Ledger].
func (m *Memory) Events(ctx context.Context, n int) ([]Event, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Clone(m.events[max(0, len(m.events)-max(0, n)):]), nil
}

// Watch implements [Ledger].
func (m *Memory) Watch(ctx context.Context) (<-chan Event, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	ch := make(chan Event, watchBuffer)
	m.watchers[ch] = context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.unwatch(ch)
	})
	return ch, nil
}

// unwatch ends a watch, if it has not ended; the caller must hold the lock.
func (m *Memory) unwatch(ch chan Event) {
	if _, ok := m.watchers[ch]; ok {
		delete(m.watchers, ch)
		close(ch)
	}
}
