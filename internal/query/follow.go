package query

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// followEvery is how long a follower that has read all waits before it looks
// for more.
const followEvery = 200 * time.Millisecond

// follower reads the output of a run while it is written, one attempt after the
// other, until the run has ended.
type follower struct {
	ctx  context.Context
	stop context.CancelFunc
	r    *Reader
	run  runner.Run

	mu      sync.Mutex // held while Read reads, or waits
	attempt int        // whose output is read
	only    bool       // of no other
	all     bool       // of each, after a line that names it
	over    bool       // nothing more is written to it
	ended   bool       // nor to any other
	file    *os.File   // being read; nil: there is none yet
	number  int        // of the segment that it is; 0: the head
	read    int64      // bytes of it
	head    int64      // bytes of the head, once that was left

	next     *os.File // the segment after it, if that was seen
	nextN    int
	headThen int64  // the size of the head then
	say      []byte // a line of rota's own, to be read next
}

// follow begins to read a run that has not ended, from an attempt on as in
// [api.LogQuery].
func (r *Reader) follow(ctx context.Context, run runner.Run, attempt int) io.ReadCloser {
	ctx, stop := context.WithCancel(ctx)
	f := &follower{ctx: ctx, stop: stop, r: r, run: run, attempt: max(1, run.Attempts)}
	switch {
	case attempt == api.AllAttempts:
		f.attempt, f.all = 1, true
		f.say = []byte(r.attemptLine(ctx, run.ID, 1))
	case attempt > 0:
		f.attempt, f.only = attempt, true
	}
	return f
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
func (f *follower) path() string { return f.r.LogPath(f.run, f.attempt) }

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
		if err := f.look(); err != nil || !f.over {
			return false, err
		}
		return true, nil // to read what was written until it was over
	}
	if f.number > 0 && f.rest() {
		return true, nil
	}
	f.leave()
	if f.ended {
		return false, io.EOF
	}
	f.attempt, f.over, f.number, f.head = f.attempt+1, false, 0, 0
	if f.all {
		f.say = []byte(f.r.attemptLine(f.ctx, f.run.ID, f.attempt))
	}
	return true, nil
}

// look finds out whether the attempt, or the whole run, is over.
func (f *follower) look() error {
	run, _, err := f.r.Ledger.Get(f.ctx, f.run.ID)
	switch {
	case absent(err):
		return io.EOF // somebody forgot it
	case err != nil:
		return err
	}
	f.ended = run.Outcome != "" && run.Attempts <= f.attempt
	f.over = f.ended || run.Attempts > f.attempt
	if f.only { // it is over as soon as it does not run any more
		f.over = f.over || run.State != runner.Running
		f.ended = f.over
	}
	return nil
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
		for _, n := range segments(f.path()) {
			if n <= f.number {
				continue
			}
			next, err := os.Open(segment(f.path(), n))
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
		if size(f.file) != f.headThen || len(segments(f.path())) == 0 {
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
