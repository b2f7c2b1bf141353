package ledger

import (
	"context"
	"path/filepath"
	"sync"

	"zombiezen.com/go/sqlite"

	"rota/internal/runlog"
)

// reading reads a database. What it does with what it finds wrong there is for
// others to say.
type reading struct {
	files   runlog.Store
	path    string
	names   *names
	readers chan *sqlite.Conn // those not in use; nil: one that is not open yet
	closing *sync.Once
	gather  *sync.Mutex // of who wants all readers

	connect func() (*sqlite.Conn, error)
	within  func(*sqlite.Conn, func(*sqlite.Conn) error) error // calls a view; nil: that is all
	report  func(*record) error                                // a row that does not match its sum
	failed  func(error) error                                  // returns the error, whatever it is
}

// readers is how many may read at once.
const readers = 4

func newReading(dir string) reading {
	r := reading{
		files: runlog.Store{StateDir: dir}, path: filepath.Join(dir, fileName), names: newNames(),
		readers: make(chan *sqlite.Conn, readers), closing: new(sync.Once), gather: new(sync.Mutex),
	}
	for range readers {
		r.readers <- nil
	}
	return r
}

// Close implements [Reader].
func (s *reading) Close() (err error) {
	s.closing.Do(func() {
		s.gather.Lock()
		defer s.gather.Unlock()
		for range readers { // each comes back from its use
			if conn := <-s.readers; conn != nil {
				if e := conn.Close(); e != nil && err == nil {
					err = e
				}
			}
		}
		close(s.readers)
	})
	return err
}

// view calls f with a connection to read with.
func (s *reading) view(ctx context.Context, f func(*sqlite.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, ok := <-s.readers
	if !ok {
		return ErrClosed
	}
	defer func() { s.readers <- conn }()
	if conn == nil {
		var err error
		if conn, err = s.connect(); err != nil {
			return s.failed(err)
		}
	}
	if s.within != nil {
		return s.failed(s.within(conn, f))
	}
	return s.failed(f(conn))
}

// Task implements [Reader].
func (s *reading) Task(ctx context.Context, name string) (state TaskState, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		state, err = readState(conn, name)
		return err
	})
	return state, err
}

// Tasks implements [Reader].
func (s *reading) Tasks(ctx context.Context) (map[string]TaskState, error) {
	all := map[string]TaskState{}
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT name, version, state, sum FROM states", nil, func(stmt *sqlite.Stmt) error {
			if name, state, ok := decodeState(stmt); ok {
				all[name] = state
			}
			return nil
		})
	})
	return all, err
}
