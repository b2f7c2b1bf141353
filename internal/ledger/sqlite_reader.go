package ledger

import (
	"context"
	"path/filepath"
	"sync"

	"zombiezen.com/go/sqlite"

	"rota/internal/runlog"
)

// reader reads a database. Its functions define how to connect and how to handle damage.
type reader struct {
	files      runlog.Store
	path       string
	names      *names
	readers    chan *sqlite.Conn // idle connections; nil: one that is not open yet
	closing    *sync.Once
	allReaders *sync.Mutex // held by who takes all connections

	connect    func() (*sqlite.Conn, error)
	inSnapshot func(*sqlite.Conn, func(*sqlite.Conn) error) error // wraps f; nil: f is called directly
	onDamaged  func(*record) error                                // called with a row that does not match its checksum
	mapError   func(error) error                                  // called with each error; returns the error to report
}

// maxReaders is how many connections read at once.
const maxReaders = 4

func newReading(dir string) reader {
	r := reader{
		files: runlog.Store{StateDir: dir}, path: filepath.Join(dir, fileName), names: newNames(),
		readers: make(chan *sqlite.Conn, maxReaders), closing: new(sync.Once), allReaders: new(sync.Mutex),
	}
	for range maxReaders {
		r.readers <- nil
	}
	return r
}

// Close implements [Reader].
func (s *reader) Close() (err error) {
	s.closing.Do(func() {
		s.allReaders.Lock()
		defer s.allReaders.Unlock()
		for range maxReaders { // waits until each is idle
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

// view calls f with a connection for reading.
func (s *reader) view(ctx context.Context, f func(*sqlite.Conn) error) error {
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
			return s.mapError(err)
		}
	}
	if s.inSnapshot != nil {
		return s.mapError(s.inSnapshot(conn, f))
	}
	return s.mapError(f(conn))
}

// Task implements [Reader].
func (s *reader) Task(ctx context.Context, name string) (state TaskState, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		state, err = readState(conn, name)
		return err
	})
	return state, err
}

// Tasks implements [Reader].
func (s *reader) Tasks(ctx context.Context) (map[string]TaskState, error) {
	all := map[string]TaskState{}
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		return query(conn, "SELECT name, version, state, sum FROM states", nil, func(stmt *sqlite.Stmt) error {
			if name, state, ok := decodeState(stateValues(stmt)); ok {
				all[name] = state
			}
			return nil
		})
	})
	return all, err
}
