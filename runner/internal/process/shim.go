package process

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Shims are the shims that a daemon has started. Starting one takes longer than starting a
// run, so each executes several; but not all, because the runs of a killed shim are lost.
type Shims struct {
	mu  sync.Mutex
	all []*shim
}

const (
	// maxShimRuns is how many runs a shim executes at most.
	maxShimRuns = 50
	// shimIdle is how long a shim without runs is kept.
	shimIdle = 10 * time.Second
)

// shim is a process that executes forked runs. While the socket is open the daemon may give
// it more; once that is closed it ends after the last of them.
type shim struct {
	proc   *proc
	socket *os.File
	errors *os.File // its stderr
	runs   int      // guarded by the mutex of Shims
	idle   *time.Timer
}

// give passes a run to a shim, as descriptors in the order that [RunShim] expects.
func (s *Shims) give(d Dir, fds ...int) (x *shim, err error) {
	for range 3 { // one that has room may have been killed
		if x, err = s.take(d); err != nil {
			return nil, err
		}
		if err = x.send(fds...); err == nil {
			return x, nil
		}
		s.release(x)
		s.drop(x)
	}
	return nil, err
}

// take returns a shim with room for one more run, and counts that.
func (s *Shims) take(d Dir) (*shim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(x *shim) bool { return x.runs < maxShimRuns })
	if i < 0 {
		a, _ := d.Attempt()
		x, err := startShim(a.StateDir)
		if err != nil {
			return nil, err
		}
		i, s.all = len(s.all), append(s.all, x)
		go func() {
			<-x.proc.watch()
			s.drop(x)
			_, _, _ = x.proc.reap()
		}()
	}
	x := s.all[i]
	if x.runs++; x.idle != nil {
		x.idle.Stop()
	}
	return x, nil
}

// release counts one run of a shim less.
func (s *Shims) release(x *shim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.runs--; x.runs > 0 {
		return
	}
	if !slices.Contains(s.all, x) {
		x.errors.Close()
		return
	}
	x.idle = time.AfterFunc(shimIdle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.runs == 0 {
			s.remove(x)
		}
	})
}

// drop removes a shim, which gets no more runs.
func (s *Shims) drop(x *shim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(x)
}

func (s *Shims) remove(x *shim) {
	s.all = slices.DeleteFunc(s.all, func(other *shim) bool { return other == x })
	x.socket.Close()
	if x.runs == 0 {
		x.errors.Close()
	}
}

// startShim starts a shim. label is its argument in the list of processes.
func startShim(label string) (*shim, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_ = unix.SetNonblock(ends[0], true)
	x := &shim{socket: os.NewFile(uintptr(ends[0]), "shim")}
	theirs := os.NewFile(uintptr(ends[1]), "shim")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer null.Close()
		x.errors, err = newMemfd("errors")
	}
	if err == nil {
		x.proc, err = fork(selfExe, []string{ShimName, label}, &syscall.ProcAttr{
			Dir: "/", Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
			Files: []uintptr{null.Fd(), null.Fd(), x.errors.Fd(), theirs.Fd()},
		})
	}
	if err != nil {
		x.socket.Close()
		x.errors.Close()
		return nil, err
	}
	x.proc.watch() // before others know of it
	return x, nil
}

// send passes a run to the shim, or without descriptors has it check its stop files.
func (x *shim) send(fds ...int) error {
	conn, err := x.socket.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	for range 1000 {
		var failed error
		err = conn.Write(func(fd uintptr) bool {
			failed = unix.Sendmsg(int(fd), []byte{0}, rights, nil, unix.MSG_NOSIGNAL)
			return failed != unix.EAGAIN
		})
		if err = errors.Join(err, failed); failed != unix.ETOOMANYREFS {
			return err
		}
		// The descriptors in flight are as many as rota may have open.
		<-time.After(10 * time.Millisecond)
	}
	return err
}

// complaints is what the shim wrote to stderr, as when it crashed.
func (x *shim) complaints() string {
	text, _ := io.ReadAll(io.NewSectionReader(x.errors, 0, 64<<10))
	return string(text)
}
