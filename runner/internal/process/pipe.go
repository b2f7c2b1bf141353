package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipe carries the output of a process.
type pipe struct {
	fd    int      // to read from
	read  *os.File // the same in the poller of the Go runtime; nil: it is not there
	write int      // passed to the process; -1 once closed here
	eof   bool     // it was read to its end
	early []byte   // what was read before copyTo
}

// newPipe makes a pipe that a process of another user may open again by name,
// as /dev/stderr.
func newPipe(as *Account) (*pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	if as != nil {
		_ = unix.Fchown(fds[1], int(as.UID), int(as.GID))
	}
	// Only our end is non-blocking: the other end shares its flags with the
	// process.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return &pipe{fd: fds[0], write: fds[1]}, nil
}

// file is the end to read from, in the poller of the Go runtime.
func (p *pipe) file() *os.File {
	if p.read == nil {
		p.read = os.NewFile(uintptr(p.fd), "output")
	}
	return p.read
}

func (p *pipe) closeWrite() {
	if p.write >= 0 {
		unix.Close(p.write)
		p.write = -1
	}
}

func (p *pipe) close() {
	p.closeWrite()
	p.closeRead()
}

func (p *pipe) closeRead() {
	if p.read != nil {
		p.read.Close()
		return
	}
	unix.Close(p.fd)
}

// copyTo passes on what is written to the pipe until its end, or until finish
// stops it. The channel is then closed.
func (p *pipe) copyTo(out io.Writer) <-chan struct{} {
	done := make(chan struct{})
	if p.eof && len(p.early) == 0 {
		close(done)
		return done
	}
	if !p.eof {
		p.file() // before others use it
	}
	go func() {
		defer close(done)
		if len(p.early) > 0 {
			_, _ = out.Write(p.early)
			p.early = nil
		}
		if p.eof {
			return
		}
		conn, err := p.read.SyscallConn()
		for err == nil && !p.eof {
			p.eof, err = copySome(conn, out)
		}
	}()
	return done
}

// readEarly reads what is in the pipe, for copyTo; full is true if there is more than is kept.
func (p *pipe) readEarly() (full bool) {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	n, err := unix.Read(p.fd, buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil:
		return true
	case n == 0:
		p.eof = true
	default:
		p.early = append(p.early, buf[:n]...)
	}
	return len(p.early) >= len(buf)
}

// buffers are those for outputs. Most runs write little, so that many share a few.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copySome waits for output and passes it on. Only while there is some it has a buffer.
func copySome(conn syscall.RawConn, out io.Writer) (eof bool, err error) {
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		buf := buffers.Get().(*[32 << 10]byte)
		defer buffers.Put(buf)
		n, err := unix.Read(int(fd), buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.EINTR):
		case err != nil:
			failed = err
		case n == 0:
			eof = true
		default:
			_, _ = out.Write(buf[:n])
		}
		return true
	})
	return eof, errors.Join(err, failed)
}

// finish is called when the process has ended: it passes on what lies in the
// pipe at this moment. If another process still holds the pipe open, open tells so:
// then discard is to be called.
func (p *pipe) finish(copied <-chan struct{}, out io.Writer) (open bool) {
	if p.read != nil {
		_ = p.read.SetReadDeadline(time.Now())
	}
	<-copied
	if p.eof {
		p.closeRead()
		return false
	}
	_ = p.file().SetReadDeadline(time.Time{})
	if conn, err := p.read.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { copyWaiting(int(fd), out) })
	}
	ended := p.ended(0)
	if !ended {
		awaitForks()
		ended = p.ended(execGrace)
	}
	if ended {
		p.read.Close()
	}
	return !ended
}

// execGrace is how long a process that has begun may have what it closes as it becomes its
// program: rota goes on a moment before that.
const execGrace = 20 * time.Millisecond

// awaitForks waits for the processes that rota is just starting: each has all descriptors
// of rota, and with them the pipes of other runs, until it has become its program.
func awaitForks() {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
}

const (
	// discardMax is how many bytes are thrown away in one go, and discardPause the
	// time between two: who writes without end waits for it, and costs next to nothing.
	discardMax   = 1 << 20
	discardPause = 100 * time.Millisecond
)

// discard throws away what is written to the pipe, so that who still writes does not
// die of SIGPIPE, until nobody has it open any more.
func (p *pipe) discard(l *leftover) {
	defer p.read.Close()
	defer l.done()
	if conn, err := p.read.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, discardMax) })
	}
	buf := make([]byte, 32<<10)
	for {
		for n := 0; n < discardMax; {
			m, err := p.read.Read(buf)
			if l.wrote(int64(m)); err != nil {
				return
			}
			if n += m; m < len(buf) {
				break
			}
		}
		<-time.After(discardPause)
	}
}

// copyWaiting passes on as much as lies in a pipe when it is called, and does not
// wait for it: who has the pipe open may read from it as well, and leave less.
func copyWaiting(fd int, out io.Writer) {
	waiting, _ := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if waiting <= 0 {
		return
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for waiting > 0 {
		n, err := unix.Read(fd, buf[:min(waiting, len(buf))])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		_, _ = out.Write(buf[:n])
		waiting -= n
	}
}

// ended reports whether nobody can write to the pipe any more, now or within some time.
func (p *pipe) ended(within time.Duration) bool {
	ended := true
	if conn, err := p.read.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) {
			poll := []unix.PollFd{{Fd: int32(fd)}} // the end is told without being asked for
			if n, err := unix.Poll(poll, int(within.Milliseconds())); err != nil || n == 0 || poll[0].Revents&unix.POLLHUP == 0 {
				ended = false
				return
			}
			waiting, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			ended = err == nil && waiting == 0
		})
	}
	return ended
}
