package ledger

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// How much room is kept for the ledger on its disk, and how it is taken again.
const (
	reserveSize  = 16 << 20
	reserveAgain = 3 * reserveSize // must be free before it is taken again
	reservePause = 5 * time.Second // between two looks at how much is free
)

// reserve is room on the disk that nobody else can take: a file that is given
// up when the disk is full, so that recording goes on. Its methods but low are
// for the writer alone.
type reserve struct {
	path string
	low  atomic.Bool // it is given up, or never could be had
	next time.Time   // when to look again
}

func newReserve(dir string) *reserve { return &reserve{path: filepath.Join(dir, "rota.reserve")} }

// exists reports whether the directory was that of a ledger before.
func (r *reserve) exists() bool {
	_, err := os.Stat(r.path)
	return err == nil
}

// take makes the file, if it is not there and there is room.
func (r *reserve) take(now time.Time) {
	r.low.Store(true)
	if now.Before(r.next) {
		return
	}
	r.next = now.Add(reservePause)
	if info, err := os.Stat(r.path); err == nil && info.Size() == reserveSize {
		r.low.Store(false)
		return
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(r.path), &disk); err != nil || disk.Bavail*uint64(disk.Bsize) < reserveAgain {
		return
	}
	if err := r.fill(); err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.low.Store(false)
}

// fill makes the file: if need be byte by byte, of what no file system can make
// smaller.
func (r *reserve) fill() error {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err = allocate(f, reserveSize); err != nil && !errors.Is(err, syscall.ENOSPC) {
		_, err = io.CopyN(f, rand.Reader, reserveSize)
	}
	return errors.Join(err, f.Close())
}

// giveUp frees the room, and reports whether there was some.
func (r *reserve) giveUp(now time.Time) bool {
	r.low.Store(true)
	r.next = now.Add(reservePause)
	return os.Remove(r.path) == nil
}
