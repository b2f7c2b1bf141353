package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// proc is a started program that leads a process group of its own. Its end
// is seen without reaping it, so that its group cannot be mistaken for another
// one as long as it is being signalled.
type proc struct {
	pid       int
	fd        int           // its pidfd
	pidfd     *os.File      // the same in the poller of the Go runtime; nil: it is not there
	exited    chan struct{} // closed when the process has ended, if it is watched
	ownMemory int64         // bytes of memory that rota itself had when it started the process
	// When it was started, in ticks since boot: not before earliest, nor after latest. At
	// latest it was there, ended or not, so no other process of its id was started then.
	earliest, latest uint64
}

// fork starts a program and holds it by a descriptor.
func fork(path string, argv []string, attr *syscall.ProcAttr) (*proc, error) {
	pidfd := -1
	if attr.Sys == nil {
		attr.Sys = &syscall.SysProcAttr{}
	}
	attr.Sys.PidFD = &pidfd
	earliest := ticksSinceBoot()
	pid, err := syscall.ForkExec(path, argv, attr)
	latest := ticksSinceBoot()
	if err != nil {
		return nil, err
	}
	if pidfd < 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, errors.New("this kernel has no pidfd: rota needs Linux 5.4 or newer")
	}
	p := &proc{pid: pid, fd: pidfd, exited: make(chan struct{}), ownMemory: ownPeak(), earliest: earliest, latest: latest}
	p.allowOOMKill()
	return p, nil
}

// ticksSinceBoot is the time as the kernel notes the start of a process: the ticks in /proc
// are 10 ms on every machine, whatever the kernel's own are.
func ticksSinceBoot() uint64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return uint64(now.Nano() / 10_000_000)
}

// watch waits for the end of the process in the background, unless it does already: one
// descriptor in the poller of the Go runtime, no thread. It returns exited.
func (p *proc) watch() <-chan struct{} {
	if p.pidfd != nil {
		return p.exited
	}
	_ = unix.SetNonblock(p.fd, true)
	p.pidfd = os.NewFile(uintptr(p.fd), "pidfd")
	conn, err := p.pidfd.SyscallConn()
	go func() {
		defer close(p.exited)
		if err != nil {
			return // then to reap it waits
		}
		_ = conn.Read(func(fd uintptr) bool {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
	}()
	return p.exited
}

// close gives up the descriptor.
func (p *proc) close() {
	if p.pidfd != nil {
		p.pidfd.Close()
		return
	}
	unix.Close(p.fd)
}

const (
	// soon is how long a run is waited for in a thread of its own, and soonMax how many are
	// at a time. Only after that it can be stopped.
	soon    = 5 * time.Millisecond
	soonMax = 4
	// afterLong is how many runs are not waited for in this way after one that took longer:
	// most likely they do, too.
	afterLong = 32
)

var (
	soonTurns = make(chan struct{}, soonMax)
	soonSkips atomic.Int32 // runs that are not waited for
)

// endsSoon waits a moment for the end of the process, of which nobody else knows yet, and
// reads its output, which it does not pass on, as that may wait for somebody. Many programs
// have ended by then, and the poller of the Go runtime, which wakes threads, takes more time
// for them than this thread that sleeps in a system call.
func (p *proc) endsSoon(output *pipe) bool {
	if soonSkips.Load() > 0 {
		soonSkips.Add(-1)
		return false
	}
	select {
	case soonTurns <- struct{}{}:
	default:
		return false
	}
	defer func() { <-soonTurns }()
	poll := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(output.fd), Events: unix.POLLIN}}
	deadline := time.Now().Add(soon)
	for left := soon; left > 0; left = time.Until(deadline) {
		n, err := unix.Poll(poll, int(left.Milliseconds())+1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		if n == 0 {
			break
		}
		ended, more := poll[0].Revents != 0, poll[1].Revents&unix.POLLIN != 0
		if poll[1].Revents != 0 && output.readEarly() {
			return false
		}
		if output.eof {
			poll[1] = unix.PollFd{Fd: -1}
		}
		if ended && !more {
			close(p.exited)
			return true
		}
	}
	soonSkips.Store(afterLong)
	return false
}

// usage is what a process has used, with all that it started and waited for.
type usage struct {
	CPU    time.Duration
	MaxRSS int64 // bytes that the largest of these processes had; 0: not known
}

// reap collects the status of a process of our own that has ended and gives up
// its id.
func (p *proc) reap() (syscall.WaitStatus, usage, error) {
	defer p.close()
	var status syscall.WaitStatus
	var used syscall.Rusage
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, &used)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return status, usage{}, err
		default:
			return status, p.usageOf(&used), nil
		}
	}
}

// usageOf reads what the kernel says. Between fork and exec a process has the memory of
// rota, and for the kernel that counts: what is no more than that says nothing.
func (p *proc) usageOf(r *syscall.Rusage) usage {
	u := usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	if peak := r.Maxrss << 10; peak > p.ownMemory {
		u.MaxRSS = peak
	}
	return u
}

// ownPeak is how many bytes of memory this process had at most.
func ownPeak() int64 {
	var own syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	return own.Maxrss << 10
}

// abandon waits for a process of our own in the background, for which nobody else
// waits.
func (p *proc) abandon() {
	<-p.watch()
	_, _, _ = p.reap()
}

// signal sends a signal to the process alone, by its descriptor: it can never
// reach another one that has the id by now.
func (p *proc) signal(sig syscall.Signal) error {
	if p.pidfd == nil {
		return unix.PidfdSendSignal(p.fd, sig, nil, 0)
	}
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	return errors.Join(err, failed)
}

// openProcess takes hold of a process that is not our child; its start time,
// in ticks since boot, tells it from a later one of the same id.
func openProcess(pid int, started uint64) (*proc, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	s, err := readStat(pid)
	if err != nil || s.started != started {
		unix.Close(fd)
		return nil, unix.ESRCH
	}
	return &proc{pid: pid, fd: fd, exited: make(chan struct{})}, nil
}

// oomProtected reports whether rota's own oom_score_adj, which its children
// inherit, is other than 0.
var oomProtected = sync.OnceValue(func() bool {
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	return err == nil && strings.TrimSpace(string(text)) != "0"
})

// allowOOMKill lets the kernel end the process when memory runs out, even if rota itself is
// protected from that.
func (p *proc) allowOOMKill() {
	if oomProtected() {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.pid), []byte("0"), 0)
	}
}

// newMemfd returns an empty file in memory.
func newMemfd(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// memfd returns a file in memory that holds a text.
func memfd(name string, text []byte) (*os.File, error) {
	f, err := newMemfd(name)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
