package runlog

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// followEvery is how long a follower that has read all waits before it looks
// for more.
const followEvery = 200 * time.Millisecond

// Following says which output is followed.
type Following struct {
	Path    func(attempt int) string // of the log of an attempt
	Attempt int                      // with which to begin
	// Heading is a line before the output of each attempt, with its end; nil: none.
	Heading func(ctx context.Context, attempt int) string
	// Over reports whether nothing more is written to the log of an attempt, and
	// whether it is the last one to read. io.EOF ends the reading at once.
	Over func(ctx context.Context, attempt int) (over, last bool, err error)
}

// follower reads the output of a run while it is written, one attempt after the
// other, until the run has ended.
type follower struct {
	Following
	ctx  context.Context
	stop context.CancelFunc

	mu     sync.Mutex // held while Read reads, or waits
	over   bool       // nothing more is written to the attempt's log
	last   bool       // nor to any other
	file   *os.File   // being read; nil: none yet
	number int        // of the segment that it is; 0: the head
	read   int64      // bytes of it
	head   int64      // bytes of the head, once that was left

	next     *os.File // the segment after it, if that was seen
	nextN    int
	headThen int64  // the size of the head then
	say      []byte // a line of rota's own, to be read next
}

// Follow reads an output while it is written, until it is over, ctx ends or it is closed.
func Follow(ctx context.Context, what Following) io.ReadCloser {
	ctx, stop := context.WithCancel(ctx)
	f := &follower{Following: what, ctx: ctx, stop: stop}
	f.announce()
	return f
}

// announce puts the heading of the attempt before its output.
func (f *follower) announce() {
	if f.Heading != nil {
		f.say = []byte(f.Heading(f.ctx, f.Attempt))
	}
}

// Close may be called while Read waits.
func (f *follower) Close() error {
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave()
	return nil
}

func (f *follower) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if len(f.say) > 0 {
			n := copy(p, f.say)
			f.say = f.say[n:]
			return n, nil
		}
		if err := f.ctx.Err(); err != nil {
			return 0, err
		}
		if f.file != nil {
			n, err := f.file.Read(p)
			if f.read += int64(n); n > 0 || err != nil && err != io.EOF {
				return n, err
			}
		}
		more, err := f.advance()
		switch {
		case err != nil:
			return 0, err
		case more:
			continue
		}
		wait := time.NewTimer(followEvery)
		select {
		case <-wait.C:
		case <-f.ctx.Done():
			wait.Stop()
		}
	}
}

// leave closes what is open.
func (f *follower) leave() {
	for _, file := range []*os.File{f.file, f.next} {
		if file != nil {
			file.Close()
		}
	}
	f.file, f.next = nil, nil
}

// path is the log of the attempt that is read.
func (f *follower) path() string { return f.Path(f.Attempt) }

// advance is called when all of the file has been read. It reports whether it is
// worth to read on at once; io.EOF is the end.
func (f *follower) advance() (bool, error) {
	if f.file == nil && f.open(f.path(), 0) {
		return true, nil
	}
	if f.file != nil {
		if more, moved := f.onward(); moved {
			return more, nil
		}
	}
	if !f.over {
		var err error
		if f.over, f.last, err = f.Over(f.ctx, f.Attempt); err != nil || !f.over {
			return false, err
		}
		return true, nil // to read what was written until it was over
	}
	if f.number > 0 && f.rest() {
		return true, nil
	}
	f.leave()
	if f.last {
		return false, io.EOF
	}
	f.Attempt, f.over, f.number, f.head = f.Attempt+1, false, 0, 0
	f.announce()
	return true, nil
}

// open begins to read another file.
func (f *follower) open(path string, number int) bool {
	file, err := os.Open(path)
	if err == nil {
		f.file, f.number, f.read = file, number, 0
	}
	return err == nil
}

// onward goes on to the next segment, in two steps: after it was seen, the file
// before it is read to its end. The end of a run puts the segments into the head,
// which then grows; so the head is left only if it did not, for a while. moved is
// false if there is no segment to go on to.
func (f *follower) onward() (more, moved bool) {
	if f.next == nil {
		for _, n := range segmentNumbers(f.path()) {
			if n <= f.number {
				continue
			}
			next, err := os.Open(segmentPath(f.path(), n))
			if err != nil {
				return true, true // it has gone meanwhile
			}
			f.next, f.nextN = next, n
			if f.number == 0 {
				f.headThen = size(f.file)
			}
			return f.number > 0, true
		}
		return false, false
	}
	if f.number == 0 {
		if size(f.file) != f.headThen || len(segmentNumbers(f.path())) == 0 {
			f.next.Close()
			f.next = nil
			return true, true
		}
		f.head = f.read
	}
	if f.nextN != f.number+1 {
		f.say = []byte(cutHere())
	}
	f.file.Close()
	f.file, f.number, f.read, f.next = f.next, f.nextN, 0, nil
	return true, true
}

// rest goes on, after the end of the last segment that was read, in the log that
// all segments were put into: the head, a line on what was dropped, the last two.
// It reports whether there is more to read.
func (f *follower) rest() bool {
	whole, err := os.Open(f.path())
	if err != nil {
		return false
	}
	end, from := size(whole), f.head
	first := from + dropLine(whole, from)
	switch {
	case first+f.read <= end && sameBytes(whole, first, f.file, f.read): // the last but one
		from = first + f.read
	case end >= f.read && sameBytes(whole, end-f.read, f.file, f.read): // the last
		from = end
	}
	if _, err := whole.Seek(from, io.SeekStart); err != nil || from >= end {
		whole.Close()
		return false
	}
	f.file.Close()
	f.file, f.number, f.read = whole, 0, from
	return true
}

// dropLine is how long the line at an offset is, if it is the one that says that
// output was dropped; else 0.
func dropLine(file *os.File, at int64) int64 {
	var buf [128]byte
	n, _ := file.ReadAt(buf[:], at)
	line, _, found := strings.Cut(string(buf[:n]), "\n")
	if !found || !strings.Contains(line, " [rota] ") || !strings.HasSuffix(line, " dropped here") {
		return 0
	}
	return int64(len(line)) + 1
}

// sameBytes reports whether n bytes of a file at an offset are those of another
// from its start, as far as the first few thousand tell: each line has a time.
func sameBytes(a *os.File, at int64, b *os.File, n int64) bool {
	x, y := make([]byte, min(n, 4096)), make([]byte, min(n, 4096))
	_, err := a.ReadAt(x, at)
	_, err2 := b.ReadAt(y, 0)
	return err == nil && err2 == nil && slices.Equal(x, y)
}
