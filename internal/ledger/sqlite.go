package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// SQLite is a [Ledger] in one file of the state directory, for one process at a
// time. What a method has written is on the disk when it returns. A row that
// does not match its checksum is taken for absent, and an [Event] of the kind
// "damage" names it.
type SQLite struct {
	reading
	o        Options
	found    Found
	reserve  *reserve
	watchers watchers
	cursor   atomic.Pointer[Cursor] // as it is written
	events   atomic.Int64           // the newest one when retention looked at them last

	damage sync.Once // is marked on the disk

	mu      sync.RWMutex // held to send requests, and to end that
	closed  bool
	work    chan *request
	stopped chan struct{} // the writer has ended
}

var _ Ledger = (*SQLite)(nil)

// Open opens the ledger in the state directory, or makes a new one there. It is
// for the holder of the directory's lock: the leases of whoever had it open before
// are void, and the runs that were under way are listed as running. A damaged
// ledger is set aside; see [SQLite.Found]. An error is one of the disk or of
// rights.
func Open(ctx context.Context, dir string, o Options) (*SQLite, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := newSQLite(dir, o)
	w, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	go w.run()
	if text := s.found.String(); text != "" {
		if err := s.Event(ctx, Event{Kind: "damage", Text: text}); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func newSQLite(dir string, o Options) *SQLite {
	s := &SQLite{
		reading: newReading(dir), o: o.orDefault(), reserve: newReserve(dir),
		work: make(chan *request, 256), stopped: make(chan struct{}),
	}
	s.connect = func() (*sqlite.Conn, error) { return connect(s.path, toRead) }
	s.report, s.failed = s.putAway, s.suspect
	return s
}

// Close implements [Ledger].
func (s *SQLite) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	// The writer goes last: who closes last moves the log into the database.
	err := s.reading.Close()
	close(s.work)
	<-s.stopped
	s.watchers.close()
	return err
}

// Found returns what Open found.
func (s *SQLite) Found() Found { return s.found }

// DiskLow reports whether the disk is so full that the room kept for the ledger
// is given up, or could not be had: whatever else writes there should stop. An
// [Event] of the kind "disk" tells of each change.
func (s *SQLite) DiskLow() bool { return s.reserve.low.Load() }

// Now implements [Ledger].
func (s *SQLite) Now(ctx context.Context) (time.Time, error) { return instant(s.o.Now()), ctx.Err() }

// Cursor implements [Ledger].
func (s *SQLite) Cursor(ctx context.Context) (Cursor, error) {
	if err := s.usable(ctx); err != nil {
		return Cursor{}, err
	}
	return *s.cursor.Load(), nil
}

// usable returns why nothing can be done.
func (s *SQLite) usable(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// Advance implements [Ledger].
func (s *SQLite) Advance(ctx context.Context, prev, next Cursor, b runner.Batch, changes ...StateChange) (leases []Lease, err error) {
	err = s.write(ctx, func(o *op) error {
		if !o.w.cursor.is(prev) {
			return ErrStale
		}
		for _, c := range changes {
			if err := o.checkState(c); err != nil {
				return err
			}
		}
		if leases, err = o.rules().advance(b); err != nil {
			return err
		}
		for _, c := range changes {
			if err := o.setState(c); err != nil {
				return err
			}
		}
		return o.setCursor(next)
	})
	if err != nil {
		return nil, err
	}
	return leases, nil
}

// Submit implements [Ledger].
func (s *SQLite) Submit(ctx context.Context, run runner.Run) (got runner.Run, err error) {
	err = s.write(ctx, func(o *op) (err error) { got, err = o.rules().submit(run); return err })
	return got, err
}

// Claim implements [Ledger].
func (s *SQLite) Claim(ctx context.Context, ids []string) (leases []Lease, err error) {
	err = s.write(ctx, func(o *op) (err error) { leases, err = o.rules().claim(ids); return err })
	if err != nil {
		return nil, err
	}
	return leases, nil
}

// Renew implements [Ledger].
func (s *SQLite) Renew(ctx context.Context, l Lease) error {
	return s.write(ctx, func(o *op) error { _, err := o.rules().leased(l); return err })
}

// Note implements [Ledger].
func (s *SQLite) Note(ctx context.Context, l Lease, t runner.Transition) error {
	return s.write(ctx, func(o *op) error { return o.rules().note(l, t) })
}

// Finish implements [Ledger].
func (s *SQLite) Finish(ctx context.Context, l Lease, r runner.Result, next ...runner.Run) error {
	return s.write(ctx, func(o *op) error { return o.rules().finish(l, r, next) })
}

// FinishAnd implements [Ledger].
func (s *SQLite) FinishAnd(ctx context.Context, l Lease, r runner.Result, c StateChange, next ...runner.Run) error {
	return s.write(ctx, func(o *op) error {
		if err := o.checkState(c); err != nil { // first: what is refused has changed nothing
			return err
		}
		if err := o.rules().finish(l, r, next); err != nil {
			return err
		}
		return o.setState(c)
	})
}

// Shift implements [Ledger].
func (s *SQLite) Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error {
	return s.write(ctx, func(o *op) error { return o.rules().shift(id, from, t) })
}

// Cancel implements [Ledger].
func (s *SQLite) Cancel(ctx context.Context, id string, why runner.Reason) error {
	return s.write(ctx, func(o *op) error { return o.rules().cancel(id, why) })
}

// SetTask implements [Ledger].
func (s *SQLite) SetTask(ctx context.Context, name string, prev, next TaskState, events ...Event) error {
	return s.write(ctx, func(o *op) error {
		c := StateChange{name, prev, next, events}
		if err := o.checkState(c); err != nil {
			return err
		}
		return o.setState(c)
	})
}

// Event implements [Ledger].
func (s *SQLite) Event(ctx context.Context, e Event) error {
	return s.write(ctx, func(o *op) error { return o.event(e) })
}

// Watch implements [Ledger].
func (s *SQLite) Watch(ctx context.Context) (<-chan Event, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.watchers.add(ctx)
}
