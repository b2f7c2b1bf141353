package runlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"
)

// logFile keeps the head and the tail of an output within a bound,
// with nothing in memory: the head in the file itself, the tail in segments
// beside it (PATH.1, PATH.2, …) of which only the last two are kept. close
// appends the segments, after a line that says what was dropped between.
//
// The bound and all sizes are of what the task itself wrote. On the disk each line
// has a stamp besides, of 25 bytes, so that empty lines take 26 times the bound.
type logFile struct {
	path    string
	limit   int64
	file    *os.File // the head, or the newest segment
	failed  error    // the disk would not take it; nothing more is written
	buf     []byte
	waiting int64   // of the size, in buf
	prefix  []byte  // the stamp of the lines now coming, and a blank
	size    int64   // of the file being written, buf included
	segment int     // 0: still in the head
	sizes   []int64 // of the kept segments, the newest last
	dropped int64   // bytes
}

// Stamp is the form of the time, in UTC, before each line that is kept: "STAMP text".
const Stamp = "2006-01-02T15:04:05.000Z"

// stamp sets the time of the lines that follow.
func (l *logFile) stamp(now time.Time) {
	l.prefix = append(now.UTC().AppendFormat(l.prefix[:0], Stamp), ' ')
}

// cutMark stands at the end of a line of which only the beginning is kept.
const cutMark = " [rota: cut]"

// line adds one line to what flush will write; of it, size bytes are the task's.
func (l *logFile) line(text []byte, size int64) {
	for l.size+size > l.room() {
		if room := l.limit / 4; size > room && l.segment > 0 && l.size == 0 {
			// No place has room for all of it: its beginning is kept.
			kept := room - int64(len(cutMark))
			if kept <= 0 || kept >= int64(len(text)) { // as of a line that is shorter since it was masked
				l.dropped += size
				return
			}
			for kept > 0 && !utf8.RuneStart(text[kept]) {
				kept--
			}
			l.dropped += size - kept
			text, size = append(text[:kept:kept], cutMark...), kept
			break
		}
		l.next()
	}
	l.buf = append(l.buf, l.prefix...)
	l.buf = append(l.buf, text...)
	l.buf = append(l.buf, '\n')
	l.size += size
	l.waiting += size
}

// room is how large the file being written may become.
func (l *logFile) room() int64 {
	if l.segment == 0 {
		return l.limit / 2
	}
	return l.limit / 4
}

// next goes on to a new segment and drops the last but one.
func (l *logFile) next() {
	l.flush()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	if l.segment > 0 {
		l.sizes = append(l.sizes, l.size)
	}
	if len(l.sizes) > 1 {
		l.dropped += l.sizes[0]
		l.sizes = l.sizes[1:]
		os.Remove(segmentPath(l.path, l.segment-1))
	}
	l.segment++
	l.size = 0
}

// flush writes what line has added. At the first failure it gives up: a full
// disk costs the log, not the run.
func (l *logFile) flush() {
	if len(l.buf) == 0 {
		return
	}
	if l.failed == nil && l.file == nil {
		l.file, l.failed = openLog(segmentPath(l.path, l.segment))
	}
	if l.failed == nil {
		_, l.failed = l.file.Write(l.buf)
	}
	if l.failed != nil {
		l.dropped += l.waiting
	}
	l.waiting = 0
	if l.buf = l.buf[:0]; cap(l.buf) > 4*maxLine {
		l.buf = nil
	}
}

// close completes the file.
func (l *logFile) close() {
	l.flush()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	l.buf = nil
	if l.failed == nil && (l.segment > 0 || l.dropped > 0) {
		l.failed = joinLog(l.path, l.dropped)
	}
}

// joinLog appends the segments left beside the log at path to it and removes
// them; dropped < 0 means that nobody counted.
func joinLog(path string, dropped int64) error {
	segments := segmentsOf(path)
	f, err := openLog(path)
	if err != nil {
		return err
	}
	defer f.Close()
	how := "some output"
	if dropped >= 0 {
		how = fmt.Sprintf("%d bytes of output", dropped)
	}
	if dropped != 0 {
		if _, err := fmt.Fprintf(f, "%s [rota] %s dropped here\n", time.Now().UTC().Format(Stamp), how); err != nil {
			return err
		}
	}
	for _, s := range segments {
		if err := appendTo(f, s); err != nil {
			return err
		}
	}
	for _, s := range segments {
		os.Remove(s)
	}
	return nil
}

// Complete joins the segments of a log whose writer was killed; without segments it
// does nothing.
func Complete(path string) {
	if len(segmentsOf(path)) > 0 {
		_ = joinLog(path, -1)
	}
}

func appendTo(to *os.File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}

// segmentsOf returns the paths of the segments beside a log, the oldest first.
func segmentsOf(path string) []string {
	var found []string
	names, _ := filepath.Glob(globEscape(path) + ".*")
	highest := 0
	for _, name := range names {
		if n, err := strconv.Atoi(name[len(path)+1:]); err == nil && n > highest {
			highest = n
		}
	}
	for n := max(1, highest-1); n <= highest; n++ {
		if _, err := os.Lstat(segmentPath(path, n)); err == nil {
			found = append(found, segmentPath(path, n))
		}
	}
	return found
}

// globEscape quotes what has a meaning in a pattern.
func globEscape(path string) string {
	var b []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, path[i])
	}
	return string(b)
}

func segmentPath(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// openLog makes the directory of the task and that of all logs, but never the state
// directory: who has removed that does not want it back from a forked run.
func openLog(path string) (*os.File, error) {
	dir := filepath.Dir(path)
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(filepath.Dir(dir), 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}
