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

// How much disk space is reserved for the ledger, and when it is reserved again.
const (
	reserveSize    = 16 << 20
	reserveMinFree = 3 * reserveSize // must be free before it is reserved again
	reserveRetry   = 5 * time.Second // between two checks of the free space
)

// reserve is reserved disk space: a file that is removed when the disk is full, so that
// recording continues. Only the writer calls its methods.
type reserve struct {
	path string
	low  atomic.Bool // the space is released, or could not be reserved
	next time.Time   // when to try again
}

func newReserve(dir string) *reserve { return &reserve{path: filepath.Join(dir, "rota.reserve")} }

// exists reports whether the directory had a ledger before.
func (r *reserve) exists() bool {
	_, err := os.Stat(r.path)
	return err == nil
}

// take makes the file, unless it exists or there is no room.
func (r *reserve) take(now time.Time) {
	r.low.Store(true)
	if now.Before(r.next) {
		return
	}
	r.next = now.Add(reserveRetry)
	if info, err := os.Stat(r.path); err == nil && info.Size() == reserveSize {
		r.low.Store(false)
		return
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(r.path), &disk); err != nil || disk.Bavail*uint64(disk.Bsize) < reserveMinFree {
		return
	}
	if err := r.fill(); err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.low.Store(false)
}

// fill makes the file: where space cannot be allocated, of random bytes, which no file
// system compresses.
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

// release frees the space, and reports whether there was some.
func (r *reserve) release(now time.Time) bool {
	r.low.Store(true)
	r.next = now.Add(reserveRetry)
	return os.Remove(r.path) == nil
}
