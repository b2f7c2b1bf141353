package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// resultPath is where the command writes its result.
func (x *runFiles) resultPath() string {
	if x.directory != "" {
		return filepath.Join(x.directory, ownName, "result")
	}
	return x.stem + resultSuffix
}

// takeResult moves the result to a file of rota's own, and returns how many bytes it
// has; 0 if there is none. What a command leaves there may be anything.
func (x *runFiles) takeResult(to string, most int64) (int64, error) {
	if x.isLink() {
		return 0, errors.New("it is a symbolic link")
	}
	f, err := x.open(x.resultPath(), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	x.used = true
	switch {
	case errors.Is(err, syscall.ELOOP):
		return 0, errors.New("it is a symbolic link")
	case err != nil:
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	switch s := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return 0, errors.New("it is not a regular file")
	case s.Nlink != 1:
		return 0, errors.New("it has another name, too")
	case int(s.Uid) != x.owner:
		return 0, fmt.Errorf("it belongs to user %d, not %d", s.Uid, x.owner)
	case info.Size() == 0:
		return 0, nil
	case info.Size() > most:
		return 0, tooLarge(info.Size(), most)
	}
	return x.saveResult(f, to, most)
}

// saveResult copies a result to its place, whole or not at all.
func (x *runFiles) saveResult(f io.Reader, to string, most int64) (int64, error) {
	taken, err := os.OpenFile(x.stem+takenSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer os.Remove(taken.Name())
	// It may grow meanwhile: what the command left behind may still write.
	n, err := io.Copy(taken, io.LimitReader(f, most+1))
	if err == nil && n > most {
		err = tooLarge(n, most)
	}
	if err := errors.Join(err, taken.Sync(), taken.Close(), os.MkdirAll(filepath.Dir(to), 0o700)); err != nil {
		return 0, err
	}
	return n, os.Rename(taken.Name(), to)
}

func tooLarge(size, most int64) error {
	return fmt.Errorf("it has %d bytes or more, result_max is %d", size, most)
}

// isLink reports whether the command left a symbolic link for a result. [os.Root]
// would follow one that stays inside.
func (x *runFiles) isLink() bool {
	var info fs.FileInfo
	var err error
	switch {
	case x.directory == "":
		info, err = os.Lstat(x.resultPath())
	case x.root != nil:
		info, err = x.root.Lstat(filepath.Join(ownName, "result"))
	}
	link := err == nil && info != nil && info.Mode()&fs.ModeSymlink != 0
	x.used = x.used || link
	return link
}

const (
	// resultPause is the time between two looks at a result that something left behind
	// writes to, and resultCalm the longest while nothing is written.
	resultPause = 20 * time.Millisecond
	resultCalm  = 10 * time.Second
)

// limitResult keeps small, in the background, the result that processes which the command
// left behind may still have open: it has no name any more soon, so that nobody would
// see how it fills the disk.
func (x *runFiles) limitResult(l Launch) {
	if x.isLink() {
		return
	}
	f, err := x.open(x.resultPath(), os.O_RDWR, 0)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || int(info.Sys().(*syscall.Stat_t).Uid) != x.owner || info.Sys().(*syscall.Stat_t).Nlink != 1 || !openElsewhere(f) {
		f.Close()
		return
	}
	if l.Record != "" { // this process is a shim: the daemon does it
		_ = addLink(f, l.Attempt.Dir().path(leftResult))
		f.Close()
		return
	}
	limitFile(f, info.Size(), l)
}

// leftResult is, in the directory of a forked run, the result that something left behind
// still has open.
const leftResult = "left"

// LimitLeftResult keeps small, from now on, the result that processes which a forked run left
// behind may still have open. The directory may go then.
func (d Dir) LimitLeftResult(a Attempt) {
	f, err := os.OpenFile(d.path(leftResult), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || !openElsewhere(f) {
		f.Close()
		return
	}
	limitFile(f, info.Size(), Launch{Attempt: a})
}

// limitFile keeps a file small as long as others have it open.
func limitFile(f *os.File, size int64, l Launch) {
	left := l.leftover("result")
	go func() {
		defer f.Close()
		defer left.done()
		for pause := resultPause; openElsewhere(f); pause = min(2*pause, resultCalm) {
			<-time.After(pause)
			var now unix.Stat_t
			if unix.Fstat(int(f.Fd()), &now) != nil {
				return
			}
			if now.Size != size {
				left.wrote(max(now.Size-size, 0))
				pause = resultPause / 2
			}
			if size = now.Size; now.Blocks*512 > max(l.ResultMax, resultLeast) && f.Truncate(0) == nil {
				size = 0
			}
		}
	}()
}

// resultLeast is how much room a result may take that something left behind writes to,
// whatever result_max is.
const resultLeast = 64 << 10

// openElsewhere reports whether somebody else has a file open: else the kernel grants a
// lease of it.
func openElsewhere(f *os.File) bool {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return errors.Is(err, unix.EAGAIN)
	}
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}
