package ledger

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// markFile is the name of the mark.
const markFile = "rota.mark"

// mark is the cursor once more, outside of the database: should the newest part of that
// be lost while rota is down, as with the file rota.db-wal, the mark tells. It is
// written after what it tells of is on the disk, and does not wait to be there itself:
// it may be older than the database, and is newer only if something was lost. Without
// one nothing is noticed, so a failure to write it is none. Its methods are for the
// writer alone.
type mark struct {
	path string
	file *os.File // nil: not open
}

func newMark(dir string) *mark { return &mark{path: filepath.Join(dir, markFile)} }

// form is how the text of a mark is made; it always has the same length.
const form = "%010d %020d %020d"

// write puts a cursor in the place of the last one. Ahead is an instant after it of which
// slots are recorded; zero: there is none.
func (m *mark) write(c Cursor, ahead time.Time) {
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
	text := fmt.Sprintf(form, c.Epoch, c.Through.UnixMicro(), ahead.UnixMicro())
	_, _ = m.file.WriteAt([]byte(fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text)))), 0)
}

// read returns the epoch and the instants of the mark; false: there is none, or only one
// of an earlier form.
func (m *mark) read() (epoch int, through, ahead time.Time, ok bool) {
	text, err := os.ReadFile(m.path)
	if err != nil {
		return 0, through, ahead, false
	}
	var micro, last int64
	var sum uint32
	if _, err := fmt.Sscanf(string(text), "%d %d %d %x", &epoch, &micro, &last, &sum); err != nil || sum != crc32.ChecksumIEEE(fmt.Appendf(nil, form, epoch, micro, last)) {
		return 0, through, ahead, false
	}
	return epoch, time.UnixMicro(micro).UTC(), time.UnixMicro(last).UTC(), true
}

// remove removes the mark, of a ledger that is there no more.
func (m *mark) remove() {
	m.close()
	_ = os.Remove(m.path)
}

func (m *mark) close() {
	if m.file != nil {
		_ = m.file.Close()
		m.file = nil
	}
}

// catchUp moves the cursor of a ledger that has lost its newest part to where it was, so
// that no slot is decided twice, nor one that was recorded ahead of it.
func (s *SQLite) catchUp(w *writer) {
	epoch, through, ahead, ok := s.mark.read()
	is := w.cursor
	if !ok || is.Through.IsZero() || epoch < is.Epoch || epoch == is.Epoch && !through.After(is.Through) {
		return
	}
	s.found.Behind = fmt.Sprintf("the ledger has lost what happened from %s to %s, maybe with rota.db-wal; the slots until then are not decided again",
		is.Through.UTC().Format(time.RFC3339), ahead.Format(time.RFC3339))
	if epoch > is.Epoch && is.Through.After(is.Reach) {
		w.cursor.Reach = is.Through
	}
	w.cursor.Epoch, w.cursor.Through = epoch, ahead
}
