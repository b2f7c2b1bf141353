package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command runs a program: Text by the shell of the task, or Argv as it is. It
// has exactly one of the two.
type Command struct {
	Text string   `json:",omitempty"`
	Argv []string `json:",omitempty"`
}

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

// Check implements the check of an action's values.
func (c *Command) Check() []Problem {
	switch {
	case c.Text != "" && c.Argv != nil, c.Text == "" && len(c.Argv) == 0:
		return []Problem{{Msg: "nothing to run", Hint: `write command = "text for the shell" or command = ["program", "argument"]`}}
	case c.Argv != nil && c.Argv[0] == "":
		return []Problem{{Msg: "the program has no name", Hint: `write command = ["program", "argument"]`}}
	case strings.Contains(c.Text, "\x00") || slices.ContainsFunc(c.Argv, func(a string) bool { return strings.Contains(a, "\x00") }):
		return []Problem{{Msg: "a command cannot hold a NUL byte"}}
	}
	return nil
}

// Run starts the command, passes on its output and waits for its end. If ctx
// ends first the command and all that it started are stopped, and the error is
// the cause of ctx.
func (c *Command) Run(ctx context.Context, in Input, out io.Writer) error {
	return runProgram(ctx, in, out, func(p *program) {
		p.Argv = c.Argv
		if c.Text != "" {
			p.Argv = append(slices.Clone(in.Process.Shell), c.Text)
		}
	})
}

// runProgram runs what fill puts into the program, in the surroundings that
// the task asks for. What comes before the process and after it is under ctx, or
// is bounded.
func runProgram(ctx context.Context, in Input, out io.Writer, fill func(*program)) error {
	p, x, err := in.program(ctx)
	defer in.done(x)
	if err != nil {
		return startFailed(ctx, err)
	}
	fill(&p)
	stdin, err := in.stdin(p.As)
	if err != nil {
		stdin.Close()
		return &startFailure{fmt.Errorf("stdin: %w", err)}
	}
	defer stdin.Close()
	pipe, err := newPipe(p.As)
	if err != nil {
		return &startFailure{err}
	}
	p.files = [3]int{int(stdin.Fd()), pipe.write, pipe.write}
	screen := noTerminal
	if in.terminal {
		if screen, err = p.inTerminal(); err != nil {
			pipe.close()
			return &startFailure{fmt.Errorf("terminal: %w", err)}
		}
	}
	defer screen.close()
	proc, secrets, err := p.start(ctx)
	pipe.closeWrite()
	screen.begun()
	if err != nil {
		pipe.close()
		return startFailed(ctx, err)
	}
	if o, ok := out.(*Output); ok {
		o.Mask(secrets)
	}
	if p.lacks != "" {
		in.note(p.lacks)
	}
	if in.begun != nil {
		in.begun(proc)
	}
	copied := pipe.copyTo(out)
	f := family{group: proc.pid, run: in.Run, stateDir: in.StateDir}
	if p.shared {
		f.group = 0
	}
	if in.tells {
		f.run = "" // what names the run is the run's
	}

	var stopped error
	select {
	case <-proc.exited:
	case <-ctx.Done():
		stopped = context.Cause(ctx)
		if x != nil {
			x.ask()
		}
		if left := f.end(signalNumber(in.Policy.StopSignal), in.Policy.KillAfter, in.kill); len(left) > 0 {
			in.note("still alive after KILL: " + describe(left))
			go func() {
				<-proc.exited
				_, _ = proc.reap()
				pipe.finish(copied, io.Discard)
			}()
			return stopped
		}
		<-proc.exited
	}
	status, err := proc.reap()
	open := pipe.finish(copied, out)
	if stopped != nil {
		return stopped
	}
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	if open || syscall.Kill(-proc.pid, 0) == nil {
		if left := f.members(); len(left) > 0 {
			in.note("left behind: " + describe(left))
		}
	}
	return exitError(status)
}

// startFailed is the error of a command that never began: the cause of ctx, if
// that ended it, else its own.
func startFailed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return err
	}
	return &startFailure{err}
}

// program prepares what all the programs of a run have in common: all but what
// to start, and the exchange with it, if it has one.
func (in Input) program(ctx context.Context) (p program, x *exchange, err error) {
	p.Dir, p.Trust = in.Process.Dir, in.Trust
	if in.Process.User != "" || in.Process.Group != "" {
		name := cmp.Or(in.Process.User, strconv.Itoa(os.Getuid()))
		if p.As, err = lookupUser(ctx, name, in.Process.Group); err != nil {
			return p, nil, err
		}
	}
	switch {
	case p.Dir != "":
	case in.alone:
		p.Dir = "/" // a built-in names its files from there
	case in.Process.User != "":
		p.Dir = p.As.Home
	default:
		p.Dir = in.Process.Base
	}
	as := p.As
	if in.Process.User == "" {
		as = nil // a group alone changes no surroundings
	}
	env, err := newEnvironment(in, as)
	if err != nil {
		return p, nil, err
	}
	if p.As.isSelf() {
		p.As = nil // nothing to change, which without root is all that works
	}
	if !in.alone && !in.tells {
		if x, err = newExchange(in, p.As); err != nil {
			p.lacks = "it can have no result, nor be asked to stop: " + err.Error()
		} else {
			env.exchange(x, in.ResultMax)
		}
	}
	p.Env = *env
	p.needs(in.Process)
	return p, x, nil
}

// done ends the exchange with a command, and keeps what it gave.
func (in Input) done(x *exchange) {
	if x == nil {
		return
	}
	if in.ResultMax > 0 && !in.terminal {
		in.result(x.take(resultPath(in.StateDir, in.Run), in.ResultMax))
	}
	x.close()
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

// startFailure is the error of a command that never began.
type startFailure struct{ err error }

func (s *startFailure) Error() string { return "could not start: " + s.err.Error() }
func (s *startFailure) Unwrap() error { return s.err }

// stdin opens what a command reads: what the request gave, else what the task
// gives, else /dev/null.
func (in Input) stdin(as *account) (*os.File, error) {
	if in.StdinFile != "" {
		f, _, err := openRegular(in.StdinFile)
		if err == nil && as != nil {
			// It lies where only rota can go. But a command that opens its
			// stdin again, as /dev/stdin, must be able to read it.
			err = f.Chmod(0o644)
		}
		if err == nil {
			err = unix.SetNonblock(int(f.Fd()), false)
		}
		return f, err
	}
	text := cmp.Or(in.Stdin, in.Process.Stdin)
	if text == "" {
		return os.Open(os.DevNull)
	}
	f, err := newMemfd("stdin")
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(text)
	_, err2 := f.Seek(0, io.SeekStart)
	return f, errors.Join(err, err2)
}

// signalNumber is the number of a signal by its name without SIG; 0 for "none".
func signalNumber(name string) syscall.Signal {
	if name == "none" {
		return 0
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n
	}
	return syscall.SIGTERM
}

// SignalKnown reports whether name is the name of a signal without SIG, or
// "none".
func SignalKnown(name string) bool { return name == "none" || unix.SignalNum("SIG"+name) != 0 }
