package ledger

import (
	"errors"
	"fmt"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// The index of the log is a file that SQLite maps into memory. If somebody cuts it, the
// next look at it is a fault that ends the process. So its size is looked at before each
// use, and it is made whole again: with nothing but zeros SQLite builds it anew from the
// log. Only what is cut in the few moments of a use is met by that use.

const indexEnding = "-shm"

// indexSize is how large the index is made at least: that of a log of 512 MiB is as large.
// It is a file with a hole.
const indexSize = 1 << 20

// indexWait is how long it is waited for those who read, before the index is made whole.
const indexWait = time.Second

// errIndexCut is the error of a use during which the index was cut. Nothing is wrong with
// the database: the next use finds all that was recorded.
var errIndexCut = fmt.Errorf("%s%s was cut while it was in use; try again", fileName, indexEnding)

// indexCut reports whether the index of the log is smaller than it was.
func (s *SQLite) indexCut() bool {
	info, err := os.Stat(s.path + indexEnding)
	if err != nil {
		return false // it was removed, which is another matter
	}
	for size := info.Size(); ; {
		was := s.index.Load()
		if size < was {
			return true
		}
		if s.index.CompareAndSwap(was, size) {
			return false
		}
	}
}

// mendIndex makes the index of the log whole while nobody reads by it. The writer calls it
// outside of a transaction: what that added would be all that the index has.
func (w *writer) mendIndex() error {
	s := w.s
	if !s.indexCut() {
		return nil
	}
	for until := time.Now().Add(indexWait); !s.using.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return &storeError{errIndexCut}
		}
	}
	defer s.using.Unlock()
	path, size := s.path+indexEnding, max(s.index.Load(), indexSize)
	if err := errors.Join(os.Truncate(path, 0), os.Truncate(path, size)); err != nil {
		return &storeError{err}
	}
	s.index.Store(size)
	return nil
}

// reads calls f with a connection to read with, while the index of the log is whole. What
// is read while it is cut is not to be believed, whether it looks sound or not.
func (s *SQLite) reads(conn *sqlite.Conn, f func(*sqlite.Conn) error) error {
	s.using.RLock()
	if s.indexCut() {
		s.using.RUnlock()
		var err error
		if e := s.send(&request{done: make(chan struct{}), apart: func(w *writer) { err = w.mendIndex() }}); e != nil || err != nil {
			return errors.Join(e, err)
		}
		s.using.RLock()
	}
	defer s.using.RUnlock()
	err := f(conn)
	if s.indexCut() {
		err = &storeError{errIndexCut}
	}
	return err
}
