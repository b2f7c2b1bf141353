// Package hungtest mounts a file system that never answers, as a network file
// system whose server is gone, for tests of what must go on all the same. It
// needs root and /dev/fuse.
package hungtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FS is a mounted file system that never answers.
type FS struct {
	Dir     string
	fd      int
	release func() error
}

// Mount mounts a file system that never answers over a directory. Every call that
// looks up, reads or lists something below it, or that asks for the directory
// itself by stat or chdir, waits until [FS.Release], which the end of the test
// calls at the latest, or until its process is killed. A test that waits for one of
// them would never end; so it is released after a minute. The test is skipped
// where there is no FUSE, or no right to mount.
func Mount(t testing.TB, dir string) *FS {
	t.Helper()
	f, err := mount(dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENODEV) {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(time.Minute, func() { _ = f.Release() })
	t.Cleanup(func() {
		tooLong.Stop()
		if err := f.Release(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func mount(dir string) (*FS, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, fmt.Errorf("mount point %s: %v", dir, err) // not wrapped: a fault of the test
	}
	// Should the test be killed, the kernel closes this and all who wait go on.
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("hung", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("mount at %s: %w", dir, err)
	}
	f := &FS{Dir: dir, fd: fd, release: sync.OnceValue(func() error {
		// Whoever waits is told that nobody is there any more.
		return errors.Join(unix.Close(fd), unix.Unmount(dir, unix.MNT_DETACH))
	})}
	if err := f.answerInit(); err != nil {
		return nil, errors.Join(err, f.Release())
	}
	return f, nil
}

// answerInit answers the first request of the kernel, so that the next ones are
// sent. They are never read: who waits for an answer to what was read cannot even
// be killed.
func (f *FS) answerInit() error {
	const (
		header     = 40 // of a request: length, opcode, unique, …
		opcodeInit = 26
		answer     = 16 + 64 // its header and the body
	)
	request := make([]byte, 64<<10)
	n, err := unix.Read(f.fd, request)
	if err != nil {
		return fmt.Errorf("read the request to begin: %w", err)
	}
	word := binary.NativeEndian
	if op := word.Uint32(request[4:]); n < header+8 || op != opcodeInit {
		return fmt.Errorf("the first request is of kind %d and %d bytes", op, n)
	}
	a := make([]byte, answer)
	word.PutUint32(a, answer)
	copy(a[8:16], request[8:16])    // unique
	copy(a[16:24], request[40:48])  // the version, as the kernel has it
	word.PutUint32(a[24:], 64<<10)  // max_readahead
	word.PutUint32(a[28:], 1<<18)   // FUSE_PARALLEL_DIROPS: who waits for one who waits could not be killed
	word.PutUint16(a[32:], 12)      // max_background
	word.PutUint16(a[34:], 9)       // congestion_threshold
	word.PutUint32(a[36:], 128<<10) // max_write
	if _, err := unix.Write(f.fd, a); err != nil {
		return fmt.Errorf("answer the request to begin: %w", err)
	}
	return nil
}

// Asked returns when somebody waits for an answer of the file system, which may be
// at once, or at the end of ctx with its error.
func (f *FS) Asked(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}}, 50)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case n > 0:
			return nil
		}
	}
	return ctx.Err()
}

// Release lets all who wait go on, with an error, and unmounts the file system.
func (f *FS) Release() error { return f.release() }
