package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit is the error of a command that did not end well by itself.
type Exit struct {
	Code   int    // of a process that exited
	Signal string // "KILL"; of one that was ended by a signal
}

func (e *Exit) Error() string {
	if e.Signal != "" {
		return "killed by " + e.Signal
	}
	return fmt.Sprintf("exit %d", e.Code)
}

// AskedError is the error of a command that was stopped without a signal and then
// ended by itself.
type AskedError struct {
	Cause error // of the stop
	End   error // as without the stop: nil or an [*Exit]
}

func (a *AskedError) Error() string { return a.Cause.Error() }
func (a *AskedError) Unwrap() error { return a.Cause }

// StartError is the error of a command that never began.
type StartError struct{ Err error }

func (s *StartError) Error() string { return "could not start: " + s.Err.Error() }
func (s *StartError) Unwrap() error { return s.Err }

// startFailed is the error of a command that never began: the cause of ctx, if
// that ended it, else its own.
func startFailed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return err
	}
	return &StartError{err}
}

// endError is the error of a run whose process has exited; stopped is why it was stopped.
func (l Launch) endError(s syscall.WaitStatus, stopped error) error {
	switch {
	case stopped == nil:
		return exitError(s)
	case l.Termination.Signal == 0 && s.Exited():
		return &AskedError{stopped, exitError(s)}
	}
	return stopped
}

// exitError turns the status of a process into an error; nil for exit 0.
func exitError(s syscall.WaitStatus) error {
	switch {
	case s.Signaled():
		return &Exit{Signal: strings.TrimPrefix(unix.SignalName(s.Signal()), "SIG")}
	case s.ExitStatus() != 0:
		return &Exit{Code: s.ExitStatus()}
	}
	return nil
}
