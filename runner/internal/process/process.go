package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// proc is a started program that leads a process group of its own. Its end
// is seen without reaping it, so that its group cannot be mistaken for another
// one as long as it is being signalled.
type proc struct {
	pid       int
	pidfd     *os.File
	exited    chan struct{} // closed when the process has ended
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
	p, err := watch(pid, pidfd)
	if err == nil {
		p.allowOOMKill()
		p.ownMemory, p.earliest, p.latest = ownPeak(), earliest, latest
	}
	return p, err
}

// ticksSinceBoot is the time as the kernel notes the start of a process: the ticks in /proc
// are 10 ms on every machine, whatever the kernel's own are.
func ticksSinceBoot() uint64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return uint64(now.Nano() / 10_000_000)
}

// watch waits for the end of a process in the background: one descriptor in the
// poller of the Go runtime, no thread.
func watch(pid, pidfd int) (*proc, error) {
	if err := unix.SetNonblock(pidfd, true); err != nil {
		unix.Close(pidfd)
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	p := &proc{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), exited: make(chan struct{})}
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		p.pidfd.Close()
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	go func() {
		defer close(p.exited)
		_ = conn.Read(func(fd uintptr) bool {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
	}()
	return p, nil
}

// usage is what a process has used, with all that it started and waited for.
type usage struct {
	CPU    time.Duration
	MaxRSS int64 // bytes that the largest of these processes had; 0: not known
}

// reap collects the status of a process of our own that has ended and gives up
// its id.
func (p *proc) reap() (syscall.WaitStatus, usage, error) {
	defer p.pidfd.Close()
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
	<-p.exited
	_, _, _ = p.reap()
}

// signal sends a signal to the process alone, by its descriptor: it can never
// reach another one that has the id by now.
func (p *proc) signal(sig syscall.Signal) error {
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
	return watch(pid, fd)
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
