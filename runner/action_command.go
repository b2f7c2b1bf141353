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
		p.argv = c.Argv
		if c.Text != "" {
			p.argv = append(slices.Clone(in.Process.Shell), c.Text)
		}
		p.setup = newSetup(in.Process)
	})
}

// runProgram runs what fill puts into the program, in the surroundings that
// the task asks for.
func runProgram(ctx context.Context, in Input, out io.Writer, fill func(*program)) error {
	p, secrets, err := in.program()
	if err != nil {
		return &startFailure{err}
	}
	fill(&p)
	if o, ok := out.(*Output); ok {
		o.Mask(secrets)
	}
	stdin, err := openStdin(in.Process.Stdin)
	if err != nil {
		return &startFailure{err}
	}
	defer stdin.Close()
	pipe, err := newPipe(p.as)
	if err != nil {
		return &startFailure{err}
	}
	p.files = [3]int{int(stdin.Fd()), pipe.write, pipe.write}
	if in.terminal {
		p.files, p.shared = [3]int{0, 1, 2}, true
	}
	proc, err := p.start()
	pipe.closeWrite()
	if err != nil {
		pipe.close()
		return &startFailure{err}
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

// program prepares what all the programs of a run have in common.
func (in Input) program() (program, []string, error) {
	p := program{dir: in.Process.Dir}
	var err error
	if in.Process.User != "" || in.Process.Group != "" {
		name := cmp.Or(in.Process.User, strconv.Itoa(os.Getuid()))
		if p.as, err = lookupUser(name, in.Process.Group); err != nil {
			return p, nil, err
		}
	}
	if p.dir == "" {
		p.dir = in.Process.Base
		if in.Process.User != "" {
			p.dir = p.as.home
		}
	}
	as := p.as
	if in.Process.User == "" {
		as = nil // a group alone changes no surroundings
	}
	env, err := newEnvironment(in, as)
	if err != nil {
		return p, nil, err
	}
	p.env = env.list()
	if p.as.isSelf() {
		p.as = nil // nothing to change, which without root is all that works
	}
	return p, env.secrets, nil
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

// openStdin returns what a command reads: /dev/null, or the text.
func openStdin(text string) (*os.File, error) {
	if text == "" {
		return os.Open(os.DevNull)
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("stdin: %w", err)
	}
	f := os.NewFile(uintptr(fd), "stdin")
	_, err = f.WriteString(text)
	_, err2 := f.Seek(0, io.SeekStart)
	if err := errors.Join(err, err2); err != nil {
		f.Close()
		return nil, fmt.Errorf("stdin: %w", err)
	}
	return f, nil
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
