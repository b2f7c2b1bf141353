package ledger

import (
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// The size of the log of what was written, which is the file beside the database.
const (
	checkpointBytes = 4 << 20  // it may grow by so much before it is looked at
	mostLog         = 16 << 20 // beyond that readers wait until it is empty
)

// logSize is how large the log is.
type logSize struct {
	step int64 // checkpointBytes
	most int64 // mostLog
	now  int64 // as it was found last
	was  int64 // at the last checkpoint
	next int64 // from where on it is to be emptied, if others read than we; 0: from most on
}

// grown reports whether it is time for a checkpoint.
func (l *logSize) grown() bool { return l.now-l.was > l.step }

// checkpoint moves what was written to its place in the file, as far as no
// reader needs the old. While somebody reads all the time the log is never begun
// anew: if it has become too large readers are kept waiting for once.
func (w *writer) checkpoint() {
	w.written = 0
	frames := int64(0)
	// If it fails it is tried again.
	_ = query(w.conn, "PRAGMA wal_checkpoint(PASSIVE)", nil, func(stmt *sqlite.Stmt) error { frames = stmt.ColumnInt64(1); return nil })
	w.look()
	w.log.found(w.s.path)
	const page = 4096 + 24 // and the head of a frame
	if w.log.was > max(w.log.next, w.log.most) && frames*page > w.log.most {
		w.log.next = 2 * w.log.was // if others than ours read
		w.s.emptyLog()
	}
}

// found notes how large the log is after a checkpoint.
func (l *logSize) found(path string) {
	if info, err := os.Stat(path + logEnding); err == nil {
		l.was, l.now = info.Size(), info.Size()
	}
}

// emptyLog empties the log as soon as nobody reads; whoever wants to waits
// meanwhile, and the writer does not.
func (s *SQLite) emptyLog() {
	go s.alone(func() {
		_ = s.send(&request{done: make(chan struct{}), apart: func(w *writer) { // if it fails it is tried again
			w.conn.SetBusyTimeout(100 * time.Millisecond) // for another program that reads
			defer w.conn.SetBusyTimeout(busyTime)
			if query(w.conn, "PRAGMA wal_checkpoint(TRUNCATE)", nil, nil) == nil {
				w.look()
				if w.log.found(s.path); w.log.was < w.log.most {
					w.log.next = 0
				}
			}
		}})
	})
}

// alone calls f while nobody reads.
func (s *reading) alone(f func()) {
	s.gather.Lock()
	defer s.gather.Unlock()
	var all []*sqlite.Conn
	defer func() {
		for _, conn := range all {
			s.readers <- conn
		}
	}()
	for range readers {
		conn, ok := <-s.readers
		if !ok {
			return // it is closed
		}
		all = append(all, conn)
	}
	f()
}
