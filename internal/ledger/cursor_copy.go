package ledger

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// cursorCopyFile is the file that holds the copy, in the state directory.
const cursorCopyFile = "rota.mark"

// cursorCopy is a copy of the cursor outside of the database. It shows that the newest
// part of the database was lost while rota was down, as with the file rota.db-wal. It is
// written after the commit and not synced: it may be older than the database, and is
// newer only if something was lost. Without a copy a loss is not detected, so a failure
// to write it is ignored. Only the writer calls its methods.
type cursorCopy struct {
	path string
	file *os.File // nil: not open
}

func newCursorCopy(dir string) *cursorCopy {
	return &cursorCopy{path: filepath.Join(dir, cursorCopyFile)}
}

// cursorCopyFormat always makes a text of the same length.
const cursorCopyFormat = "%010d %020d %020d"

// write replaces the copy. Ahead is an instant after the cursor up to which some
// slots are recorded; zero: none.
func (m *cursorCopy) write(c Cursor, ahead time.Time) {
	if m.file == nil {
		var err error
		if m.file, err = os.OpenFile(m.path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
			m.file = nil
			return
		}
	}
	if ahead.Before(c.Through) {
		ahead = c.Through
	}
	text := fmt.Sprintf(cursorCopyFormat, c.Epoch, c.Through.UnixMicro(), ahead.UnixMicro())
	_, _ = m.file.WriteAt([]byte(fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text)))), 0)
}

// read returns the epoch and the instants of the copy; false: none, or only one
// of an earlier form.
func (m *cursorCopy) read() (epoch int, through, ahead time.Time, ok bool) {
	text, err := os.ReadFile(m.path)
	if err != nil {
		return 0, through, ahead, false
	}
	var micro, last int64
	var sum uint32
	if _, err := fmt.Sscanf(string(text), "%d %d %d %x", &epoch, &micro, &last, &sum); err != nil || sum != crc32.ChecksumIEEE(fmt.Appendf(nil, cursorCopyFormat, epoch, micro, last)) {
		return 0, through, ahead, false
	}
	return epoch, time.UnixMicro(micro).UTC(), time.UnixMicro(last).UTC(), true
}

// remove removes the copy of a ledger that no longer exists.
func (m *cursorCopy) remove() {
	m.close()
	_ = os.Remove(m.path)
}

func (m *cursorCopy) close() {
	if m.file != nil {
		_ = m.file.Close()
		m.file = nil
	}
}

// restoreCursor moves the cursor of a ledger that has lost its newest part to its copy, so
// that no slot is decided twice, nor one that was recorded ahead of it.
func (s *SQLite) restoreCursor(w *writer) {
	epoch, through, ahead, ok := s.cursorCopy.read()
	is := w.cursor
	if !ok || is.Through.IsZero() || epoch < is.Epoch || epoch == is.Epoch && !through.After(is.Through) {
		return
	}
	s.found.Missing = fmt.Sprintf("the ledger has lost what happened from %s to %s, probably with rota.db-wal; slots up to then are not decided again",
		is.Through.UTC().Format(time.RFC3339), ahead.Format(time.RFC3339))
	if epoch > is.Epoch && is.Through.After(is.Reach) {
		w.cursor.Reach = is.Through
	}
	w.cursor.Epoch, w.cursor.Through = epoch, ahead
}
