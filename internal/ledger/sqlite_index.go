package ledger

import (
	"errors"
	"fmt"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// The index of the WAL is a file that SQLite maps into memory. If it is truncated, the
// next access is a SIGBUS that ends the process. So its size is checked before each use,
// and it is restored to that size: SQLite rebuilds an index that is all zeros from the
// WAL. Only a truncation during a use still hits that use.

const shmSuffix = "-shm"

// minIndexSize is the least size that the index is restored to: that of a WAL of 512 MiB.
// It is a sparse file.
const minIndexSize = 1 << 20

// indexWait is how long the writer waits for readers before it restores the index.
const indexWait = time.Second

// errIndexTruncated is the error of a use during which the index was truncated. The
// database is intact: the next use finds all that was recorded.
var errIndexTruncated = fmt.Errorf("%s%s was truncated while it was in use; try again", fileName, shmSuffix)

// indexTruncated reports whether the index of the WAL is smaller than it was.
func (s *SQLite) indexTruncated() bool {
	info, err := os.Stat(s.path + shmSuffix)
	if err != nil {
		return false // it was removed: checkFiles reports that
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

// restoreIndex restores the index of the WAL while there is no reader. The writer calls it
// outside of a transaction: else the index would have only the pages of that.
func (w *writer) restoreIndex() error {
	s := w.s
	if !s.indexTruncated() {
		return nil
	}
	for until := time.Now().Add(indexWait); !s.using.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return &storeError{errIndexTruncated}
		}
	}
	defer s.using.Unlock()
	path, size := s.path+shmSuffix, max(s.index.Load(), minIndexSize)
	if err := errors.Join(os.Truncate(path, 0), os.Truncate(path, size)); err != nil {
		return &storeError{err}
	}
	s.index.Store(size)
	return nil
}

// withIndex calls f with a connection for reading while the index of the WAL is intact.
// What is read while it is truncated is an error, whether it looks intact or not.
func (s *SQLite) withIndex(conn *sqlite.Conn, f func(*sqlite.Conn) error) error {
	s.using.RLock()
	if s.indexTruncated() {
		s.using.RUnlock()
		var err error
		if e := s.send(&request{done: make(chan struct{}), outsideTx: func(w *writer) { err = w.restoreIndex() }}); e != nil || err != nil {
			return errors.Join(e, err)
		}
		s.using.RLock()
	}
	defer s.using.RUnlock()
	err := f(conn)
	if s.indexTruncated() {
		err = &storeError{errIndexTruncated}
	}
	return err
}
