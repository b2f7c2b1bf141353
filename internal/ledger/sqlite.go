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
// does not match its checksum is ignored, and an [Event] of the kind "damage" names it.
type SQLite struct {
	reader
	o          Options
	found      Found
	cursorCopy *cursorCopy
	reserve    *reserve
	watchers   watchers
	index      atomic.Int64 // the least size of the index of the WAL
	using      sync.RWMutex // held by readers of the index
	past       *taskCache[Past]
	newest     *taskCache[runner.Run]
	cursor     atomic.Pointer[Cursor] // as it is written
	events     atomic.Int64           // the newest one at the last retention

	damage sync.Once // writes the mark of a damaged database

	mu      sync.RWMutex // held to send requests and to close
	closed  bool
	work    chan *request
	stopped chan struct{} // the writer has ended
}

var _ Ledger = (*SQLite)(nil)

// Open opens the ledger in the state directory, or makes a new one there. It is
// for the holder of the directory's lock: earlier leases are void, and the runs that
// were under way are listed as running. A damaged
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
		if _, err := s.Commit(ctx, Change{Events: []Event{{Kind: "damage", Text: text}}}); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func newSQLite(dir string, o Options) *SQLite {
	s := &SQLite{
		reader: newReading(dir), o: o.orDefault(), reserve: newReserve(dir), cursorCopy: newCursorCopy(dir),
		past: newTaskCache[Past](), newest: newTaskCache[runner.Run](),
		work: make(chan *request, 256), stopped: make(chan struct{}),
	}
	s.connect = func() (*sqlite.Conn, error) { return connect(s.path, openToRead) }
	s.onDamaged, s.mapError, s.inSnapshot = s.requestQuarantine, s.markDamaged, s.withIndex
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
	// The writer closes last: the last connection moves the WAL into the database.
	err := s.reader.Close()
	close(s.work)
	<-s.stopped
	s.watchers.close()
	return err
}

// Found returns what Open found.
func (s *SQLite) Found() Found { return s.found }

// DiskLow reports whether the disk is so full that the space reserved for the ledger
// is released, or could not be reserved: other writers there should stop. An
// [Event] of the kind "disk" reports each change.
func (s *SQLite) DiskLow() bool { return s.reserve.low.Load() }

// Now implements [Ledger].
func (s *SQLite) Now(ctx context.Context) (time.Time, error) {
	return normalizeTime(s.o.Now()), ctx.Err()
}

// Cursor implements [Ledger].
func (s *SQLite) Cursor(ctx context.Context) (Cursor, error) {
	if err := s.usable(ctx); err != nil {
		return Cursor{}, err
	}
	return *s.cursor.Load(), nil
}

// usable returns why the ledger cannot be used.
func (s *SQLite) usable(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// Commit implements [Ledger].
func (s *SQLite) Commit(ctx context.Context, c Change) (done Committed, err error) {
	if err := ctx.Err(); err != nil {
		return Committed{}, err
	}
	err = s.send(&request{inTx: func(o *tx) (err error) { done, err = o.commit(c); return err }, patient: c.CanWait, whileWaiting: c.WhileWaiting, done: make(chan struct{})})
	if err != nil {
		return Committed{}, err
	}
	return done, nil
}

// Watch implements [Ledger].
func (s *SQLite) Watch(ctx context.Context) (<-chan Event, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.watchers.add(ctx)
}
