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
	mark     *mark
	reserve  *reserve
	watchers watchers
	index    atomic.Int64 // how large the index of the log is at least
	using    sync.RWMutex // held by those who read by it
	past     *memo[Past]
	newest   *memo[runner.Run]
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
		if _, err := s.Commit(ctx, Change{Events: []Event{{Kind: "damage", Text: text}}}); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func newSQLite(dir string, o Options) *SQLite {
	s := &SQLite{
		reading: newReading(dir), o: o.orDefault(), reserve: newReserve(dir), mark: newMark(dir),
		past: newMemo[Past](), newest: newMemo[runner.Run](),
		work: make(chan *request, 256), stopped: make(chan struct{}),
	}
	s.connect = func() (*sqlite.Conn, error) { return connect(s.path, toRead) }
	s.report, s.failed, s.within = s.putAway, s.suspect, s.reads
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

// Commit implements [Ledger].
func (s *SQLite) Commit(ctx context.Context, c Change) (done Committed, err error) {
	err = s.write(ctx, func(o *op) (err error) { done, err = o.commit(c); return err })
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
