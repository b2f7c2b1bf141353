package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors that a shim inherits.
const (
	shimSpecFD = 3 + iota
	shimLockFD
	shimEchoFD // a pipe back to the daemon, or /dev/null
)

// Carried is a forked run as its shim sees it.
type Carried struct {
	Attempt Attempt
	Err     error             // it cannot begin; nil: it has begun
	Context context.Context   // ends when the run is to stop, with a cause that StopCause made
	Kill    <-chan struct{}   // closed when a stop must not wait any longer
	Echo    func(line []byte) // passes on a line of its output
	Record  string            // as in [Launch]
}

// ShimMain is what a shim does with its run.
type ShimMain struct {
	// Carry executes the run that what describes; end is its result.
	Carry func(what []byte, c Carried) (end any)
	// StopCause makes the cause of a stop from what the daemon wrote; nil: it is
	// none of a daemon's.
	StopCause func(stop []byte) error
}

// RunShim is the life of a shim: it carries one forked run, in a session of its
// own, and leaves the result in the directory of the run. It returns the exit code
// of the process, which tells the daemon nothing: the file does.
func RunShim(m ShimMain) int {
	for _, fd := range []int{shimSpecFD, shimLockFD, shimEchoFD} {
		syscall.CloseOnExec(fd)
	}
	// Caught and not ignored: what is ignored stays so in the command.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	term := make(chan os.Signal, 2)
	signal.Notify(term, syscall.SIGTERM)

	var s shimSpec
	if err := json.NewDecoder(os.NewFile(shimSpecFD, "spec")).Decode(&s); err != nil {
		fmt.Fprintln(os.Stderr, "spec:", err)
		return 1
	}
	a, _ := s.Dir.Attempt()
	c := Carried{Attempt: a, Err: s.Dir.begin(), Record: s.Dir.path("pid")}
	if errors.Is(c.Err, fs.ErrExist) { // a later daemon was first
		fmt.Fprintln(os.Stderr, "begin:", c.Err)
		return 1
	}
	if err := s.Dir.finish(s.carry(m, c, term)); err != nil {
		fmt.Fprintln(os.Stderr, "end:", err)
		return 1
	}
	AwaitWipes()
	return 0
}

// carry executes the run.
func (s *shimSpec) carry(m ShimMain, c Carried, term <-chan os.Signal) (end any) {
	_ = unix.SetNonblock(shimEchoFD, true)
	echo := os.NewFile(shimEchoFD, "echo")
	defer echo.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	kill := make(chan struct{})
	c.Context, c.Kill, c.Echo = ctx, kill, echoTo(echo)
	go s.handleStop(m, term, cancel, kill)
	return m.Carry(s.What, c)
}

// handleStop stops the run at a signal. It ends the grace when a daemon says so,
// or at a second signal that comes from nobody it knows: a daemon that has taken
// over may ask for a stop again.
func (s *shimSpec) handleStop(m ShimMain, term <-chan os.Signal, cancel context.CancelCauseFunc, kill chan<- struct{}) {
	for first := true; ; first = false {
		<-term
		why, err := os.ReadFile(s.Dir.path("stop"))
		if first {
			cancel(m.StopCause(why))
		}
		if _, missing := os.Stat(s.Dir.path("kill")); missing == nil || !first && err != nil {
			close(kill)
			return
		}
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
