package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// shimSocketFD is the descriptor of the socket from which a shim receives runs. With each
// come three descriptors: of a file with its shimSpec, of the lock of its directory, and of
// a pipe back to the daemon, which is closed once the shim no longer executes the run.
const (
	shimSocketFD = 3
	shimFDs      = 3
)

// ShimRun is a forked run as its shim sees it.
type ShimRun struct {
	Attempt Attempt
	Err     error             // it cannot begin; nil: it has begun
	Context context.Context   // ends when the run is to stop, with a cause that StopCause made
	Kill    <-chan struct{}   // closed when a stop must not wait any longer
	Echo    func(line []byte) // passes on a line of its output; may be nil
	Record  string            // as in [Launch]
}

// ShimMain is what a shim does with a run.
type ShimMain struct {
	// Execute executes the run that what describes; end is its result.
	Execute func(what []byte, c ShimRun) (end any)
	// StopCause makes the cause of a stop from what the daemon wrote; nil: it is
	// none of a daemon's.
	StopCause func(stop []byte) error
}

// RunShim is the life of a shim: it executes forked runs, in a session of its own, and
// writes their ends to their directories. It returns the exit code of the process, which
// no daemon reads.
func RunShim(m ShimMain) int {
	syscall.CloseOnExec(shimSocketFD)
	// Caught and not ignored: what is ignored stays so in the commands.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR2)
	term, check := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	signal.Notify(check, checkSignal)
	c := shimProcess{main: m, runs: map[*servedRun]bool{}}
	go func() {
		for {
			select {
			case <-term:
				c.checkStops(true)
			case <-check:
				c.checkStops(false)
			}
		}
	}()
	var runs sync.WaitGroup
	for {
		fds, err := receive()
		if err != nil { // the daemon has ended, or needs this shim no more
			break
		}
		switch len(fds) {
		case 0:
			c.checkStops(false)
		case shimFDs:
			runs.Go(func() { c.serve(fds) })
		default: // the run is lost, as the daemon sees by the pipe
			fmt.Fprintln(os.Stderr, "receive:", syscall.EMFILE)
			for _, fd := range fds {
				syscall.Close(fd)
			}
		}
	}
	c.alone.Store(true)
	runs.Wait()
	AwaitWipes()
	return 0
}

// receive returns the descriptors that come with the next message of the daemon.
func receive() ([]int, error) {
	text, control := make([]byte, 1), make([]byte, unix.CmsgSpace(shimFDs*4))
	n, size, _, _, err := unix.Recvmsg(shimSocketFD, text, control, unix.MSG_CMSG_CLOEXEC)
	switch {
	case err == unix.EINTR:
		return receive()
	case err == nil && n == 0:
		err = io.EOF
	}
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return unix.ParseUnixRights(&messages[0])
}

// shimProcess is the state of this process as a shim.
type shimProcess struct {
	main  ShimMain
	alone atomic.Bool // there is no daemon that would record the end of a run at once

	mu   sync.Mutex
	runs map[*servedRun]bool
}

// servedRun is a run that this shim executes.
type servedRun struct {
	dir     Dir
	cancel  context.CancelCauseFunc
	kill    chan struct{}
	stopped bool
	killed  bool
}

// serve executes the run that came with these descriptors.
func (c *shimProcess) serve(fds []int) {
	spec, lock := os.NewFile(uintptr(fds[0]), "spec"), os.NewFile(uintptr(fds[1]), "lock")
	_ = unix.SetNonblock(fds[2], true)
	echo := os.NewFile(uintptr(fds[2]), "echo")
	defer lock.Close()
	defer echo.Close()
	var s shimSpec
	err := json.NewDecoder(spec).Decode(&s)
	spec.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "spec:", err)
		return
	}
	a, _ := s.Dir.Attempt()
	r := ShimRun{Attempt: a, Err: s.Dir.begin(), Record: s.Dir.path(reserved)}
	if errors.Is(r.Err, fs.ErrExist) { // a later daemon was first
		s.Dir.complain("begin: " + r.Err.Error())
		return
	}
	if s.Echo {
		r.Echo = echoTo(echo)
	}
	if err := s.Dir.finish(c.execute(&s, r), c.alone.Load()); err != nil {
		s.Dir.complain("end: " + err.Error())
	}
}

// execute executes a run.
func (c *shimProcess) execute(s *shimSpec, r ShimRun) (end any) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	run := &servedRun{dir: s.Dir, cancel: cancel, kill: make(chan struct{})}
	r.Context, r.Kill = ctx, run.kill
	c.mu.Lock()
	c.runs[run] = true
	c.checkStop(run)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.runs, run)
	}()
	return c.main.Execute(s.What, r)
}

// checkStops stops the runs with a stop file. Older daemons send TERM after they have
// written one. If there is none, TERM comes from elsewhere and stops all runs; a second one
// ends their grace.
func (c *shimProcess) checkStops(term bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := false
	for run := range c.runs {
		asked = c.checkStop(run) || asked
	}
	if term && !asked {
		for run := range c.runs {
			if run.stopped {
				run.endGrace()
			}
			run.stop(c.main.StopCause(nil))
		}
	}
}

// checkStop stops a run that has a stop file, and reports whether it has one.
func (c *shimProcess) checkStop(run *servedRun) bool {
	why, err := run.dir.Read("stop")
	if err != nil {
		return false
	}
	run.stop(c.main.StopCause(why))
	if _, missing := os.Stat(run.dir.path("kill")); missing == nil {
		run.endGrace()
	}
	return true
}

func (r *servedRun) stop(cause error) {
	r.cancel(cause) // the first cause counts
	r.stopped = true
}

func (r *servedRun) endGrace() {
	if !r.killed {
		r.killed = true
		close(r.kill)
	}
}

// echoTo passes lines on to a daemon as long as there is one that reads. A
// reader that is slow is waited for, one that has stopped is not: what it would
// have got is counted.
func echoTo(f *os.File) func([]byte) {
	const slow = time.Second
	var rest []byte // of a line that was not taken whole
	dropped, stalled := 0, false
	send := func(line []byte) bool {
		wait := slow
		if stalled {
			wait = time.Millisecond
		}
		_ = f.SetWriteDeadline(time.Now().Add(wait))
		n, err := f.Write(line)
		stalled = errors.Is(err, os.ErrDeadlineExceeded)
		if rest = nil; n > 0 && n < len(line) {
			rest = bytes.Clone(line[n:])
			return true // the rest follows
		}
		return n == len(line)
	}
	return func(line []byte) {
		if len(rest) > 0 && (!send(rest) || len(rest) > 0) {
			dropped++
			return
		}
		if dropped > 0 && !send(fmt.Appendf(nil, "[rota] %d lines were dropped here: no reader\n", dropped)) {
			dropped++
			return
		}
		dropped = 0
		if !send(append(line[:len(line):len(line)], '\n')) {
			dropped++
		}
	}
}
