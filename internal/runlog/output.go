package runlog

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxLine is the longest line that is kept whole; a longer one is cut into
// several.
const maxLine = 64 << 10

// tailBytes is how much of the end of an output becomes a run's error text.
const tailBytes = 2 << 10

// Output is where the output of one run goes: line by line, each with secrets
// masked, to a log file that stays below its bound and to an echo. Writing never
// fails, so that a full disk or a slow reader is not the task's fault.
type Output struct {
	mu      sync.Mutex
	masks   [][]byte
	hold    int // bytes held back when a line is cut, so that no secret is split
	echo    func(line []byte)
	log     logFile
	partial []byte
	tail    []byte
	closed  bool
}

// NewOutput returns an Output that keeps at most limit bytes of it in the file at
// path, where each line has its time besides. The file is made at the first byte; echo, if not nil, is given every line
// without its end. With [NoRoom] there never is a file.
func NewOutput(path string, limit int64, echo func(line []byte)) *Output {
	o := &Output{echo: echo, log: logFile{path: path, limit: max(limit, 0)}}
	if limit == NoRoom {
		o.log.failed = errNoRoom
	}
	return o
}

// NoRoom is the bound of an output for which the disk has no room to spare.
const NoRoom = -1

var errNoRoom = errors.New("the disk is full")

// Mask makes every line of each secret appear as *** from now on.
func (o *Output) Mask(secrets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range secrets {
		for line := range bytes.Lines([]byte(s)) {
			// A single character is no secret, but masking it would make
			// the output unreadable.
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 1 {
				o.masks = append(o.masks, line)
				o.hold = max(o.hold, len(line)-1)
			}
		}
	}
	// The longest first: one may be part of another.
	slices.SortFunc(o.masks, func(a, b []byte) int { return len(b) - len(a) })
}

// Write takes output in pieces of any size. It always reports success.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(p), nil
	}
	n := len(p)
	o.log.stamp(time.Now())
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 || len(o.partial)+end > maxLine {
			room := min(len(p), maxLine-len(o.partial))
			o.partial = append(o.partial, p[:room]...)
			p = p[room:]
			if len(o.partial) == maxLine {
				cut := o.cut()
				o.line(o.partial[:cut], 0)
				o.partial = append(o.partial[:0], o.partial[cut:]...)
			}
			continue
		}
		if len(o.partial) > 0 {
			o.partial = append(o.partial, p[:end]...)
			o.line(o.partial, 1)
			o.partial = o.partial[:0]
		} else {
			o.line(p[:end], 1)
		}
		p = p[end+1:]
	}
	o.log.flush()
	return n, nil
}

// cut returns where to divide the partial line: never inside a secret.
func (o *Output) cut() int {
	cut := len(o.partial) - o.hold
	if cut <= 0 {
		return len(o.partial)
	}
	for moved := true; moved; {
		moved = false
		for _, m := range o.masks {
			from := max(0, cut-len(m)+1)
			if i := bytes.Index(o.partial[from:min(len(o.partial), cut+len(m)-1)], m); i >= 0 && from+i > 0 && from+i < cut {
				cut, moved = from+i, true
			}
		}
	}
	return cut
}

// line passes on one line, without its end, which had so many bytes.
func (o *Output) line(line []byte, end int) {
	size := int64(len(line) + end)
	for _, m := range o.masks {
		if bytes.Contains(line, m) {
			line = bytes.ReplaceAll(line, m, []byte("***"))
		}
	}
	o.log.line(line, size)
	if o.echo != nil {
		o.echo(line)
	}
	if len(line) >= tailBytes {
		o.tail = append(o.tail[:0], line[len(line)-tailBytes:]...)
	} else {
		o.tail = append(o.tail, line...)
	}
	if o.tail = append(o.tail, '\n'); len(o.tail) > 4*tailBytes {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-tailBytes:]...)
	}
}

// Tail returns the end of the output that came in whole lines, or that was
// there at Close: at most 2 KiB, from the start of a line where it can.
func (o *Output) Tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := bytes.TrimRight(bytes.Clone(o.tail), "\n")
	if len(t) > tailBytes {
		t = t[len(t)-tailBytes:]
		if i := bytes.IndexByte(t, '\n'); i >= 0 {
			t = t[i+1:]
		}
	}
	return string(bytes.ToValidUTF8(t, []byte("\uFFFD")))
}

// Failed is why the log file is not complete; nil if it is.
func (o *Output) Failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.log.path == "" || o.log.failed == errNoRoom && o.log.dropped == 0 {
		return nil
	}
	return o.log.failed
}

// Close writes what is left and completes the log file. What is written
// afterwards is thrown away.
func (o *Output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	if len(o.partial) > 0 {
		o.log.stamp(time.Now())
		o.line(o.partial, 0)
		o.partial = nil
	}
	o.log.close()
}
