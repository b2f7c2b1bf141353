package ledger

import (
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// The size of the write-ahead log (WAL), which is a file beside the database.
const (
	checkpointBytes = 4 << 20  // growth after which a checkpoint is made
	maxWAL          = 16 << 20 // beyond that readers wait until it is truncated
)

// walSize is the size of the WAL.
type walSize struct {
	checkpointAt int64 // checkpointBytes
	max          int64 // maxWAL
	size         int64 // as measured last
	atCheckpoint int64 // at the last checkpoint
	truncateAt   int64 // the size from which on it is truncated, where other programs read; 0: max
}

// grown reports whether it is time for a checkpoint.
func (l *walSize) grown() bool { return l.size-l.atCheckpoint > l.checkpointAt }

// checkpoint copies the WAL into the database, as far as no reader needs the old pages.
// While there always is a reader, the WAL never starts over: once it is too large,
// readers have to wait for it to be truncated.
func (w *writer) checkpoint() {
	w.written = 0
	frames := int64(0)
	// If it fails it is tried again later.
	_ = query(w.conn, "PRAGMA wal_checkpoint(PASSIVE)", nil, func(stmt *sqlite.Stmt) error { frames = stmt.ColumnInt64(1); return nil })
	w.rememberFiles()
	w.wal.measure(w.s.path)
	const page = 4096 + 24 // and the head of a frame
	if w.wal.atCheckpoint > max(w.wal.truncateAt, w.wal.max) && frames*page > w.wal.max {
		w.wal.truncateAt = 2 * w.wal.atCheckpoint // if other programs read
		w.s.truncateWAL()
	}
}

// measure records the size of the WAL after a checkpoint.
func (l *walSize) measure(path string) {
	if info, err := os.Stat(path + walSuffix); err == nil {
		l.atCheckpoint, l.size = info.Size(), info.Size()
	}
}

// truncateWAL truncates the WAL as soon as there is no reader. New readers wait
// meanwhile; the writer does not.
func (s *SQLite) truncateWAL() {
	go s.exclusive(func() {
		_ = s.send(&request{done: make(chan struct{}), outsideTx: func(w *writer) { // if it fails it is tried again
			w.conn.SetBusyTimeout(100 * time.Millisecond) // for another program that reads
			defer w.conn.SetBusyTimeout(busyTime)
			if query(w.conn, "PRAGMA wal_checkpoint(TRUNCATE)", nil, nil) == nil {
				w.rememberFiles()
				if w.wal.measure(s.path); w.wal.atCheckpoint < w.wal.max {
					w.wal.truncateAt = 0
				}
			}
		}})
	})
}

// exclusive calls f while there is no reader.
func (s *reader) exclusive(f func()) {
	s.allReaders.Lock()
	defer s.allReaders.Unlock()
	var all []*sqlite.Conn
	defer func() {
		for _, conn := range all {
			s.readers <- conn
		}
	}()
	for range maxReaders {
		conn, ok := <-s.readers
		if !ok {
			return // it is closed
		}
		all = append(all, conn)
	}
	f()
}
