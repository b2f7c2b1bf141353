package runner

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
	"slices"
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

// shimSpec is what the daemon tells a shim.
type shimSpec struct {
	Version  int
	Dir      runDir
	StateDir string
	Trust    bool // as in Options
	Launch   Launch
	Input    []byte // of the run
	Action   encodedAction
}

// runShim is the life of a shim: it carries one forked run, in a session of its
// own, and leaves the result in the run's folder. It returns the exit code of
// the process, which tells the daemon nothing: the file does.
func runShim() int {
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
	var result Result
	switch err := s.Dir.begin(); {
	case errors.Is(err, fs.ErrExist): // a later daemon was first
		fmt.Fprintln(os.Stderr, "begin:", err)
		return 1
	case err != nil:
		result = couldNotStart(err)
	default:
		result = s.carry(term)
	}
	if err := s.Dir.finish(result); err != nil {
		fmt.Fprintln(os.Stderr, "end:", err)
		return 1
	}
	awaitWipes()
	return 0
}

// heed stops the run at a signal. It ends the grace when a daemon says so, or
// at a second signal that comes from nobody it knows: a daemon that has taken
// over may ask for a stop again.
func (s *shimSpec) heed(term <-chan os.Signal, cancel context.CancelCauseFunc, kill chan<- struct{}) {
	for first := true; ; first = false {
		<-term
		why := stop(NewEnd("", Lost, Said("stopped by SIGTERM from outside")))
		asked := s.Dir.read("stop", &why) == nil
		if first {
			cancel(&why)
		}
		if _, err := os.Stat(s.Dir.path("kill")); err == nil || !first && !asked {
			close(kill)
			return
		}
	}
}

// carry executes the run.
func (s *shimSpec) carry(term <-chan os.Signal) Result {
	s.Launch.Task.Action = s.Action.Action
	s.Launch.Task, s.Launch.Run.Input = inOwnProcess(s.Launch.Task), string(s.Input)
	_ = unix.SetNonblock(shimEchoFD, true)
	echo := os.NewFile(shimEchoFD, "echo")
	defer echo.Close()
	a := newAttempt(s.Launch, s.StateDir, s.Trust, hostName(), echoTo(echo))
	a.in.begun = func(p *process) {
		if proc, err := procOf(p.pid); err == nil {
			_ = s.Dir.write("pid", proc, false)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	kill := make(chan struct{})
	a.in.kill = kill
	go s.heed(term, cancel, kill)
	result, _ := a.run(ctx)
	return result
}

// echoTo passes lines on to a daemon as long as there is one that reads. A
// reader that is slow is waited for, one that has stopped is not: what it would
// have got is counted.
func echoTo(f *os.File) func([]byte) {
	const patience = time.Second
	var rest []byte // of a line that was not taken whole
	dropped, stalled := 0, false
	send := func(line []byte) bool {
		wait := patience
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
		if dropped > 0 && !send(fmt.Appendf(nil, "[rota] %d lines were dropped here: nobody read them\n", dropped)) {
			dropped++
			return
		}
		dropped = 0
		if !send(append(line[:len(line):len(line)], '\n')) {
			dropped++
		}
	}
}

// inOwnProcess is the task with a built-in action in a process of its own, in the
// surroundings that the task asks for. A command has one already.
func inOwnProcess(t *Task) *Task {
	switch t.Action.(type) {
	case *Command, *builtIn:
		return t
	}
	own := *t
	own.Action = &builtIn{t.Action}
	return &own
}

// needsProcess reports whether a built-in action must not run in this process: it
// has the rights of a user, or works on files that may not answer. A log is a line
// in the log of rota, whoever the user is.
func (t *Task) needsProcess() bool {
	if _, log := t.Action.(*Log); log {
		return false
	}
	if t.User != "" || t.Group != "" {
		return true
	}
	a, ok := t.Action.(interface{ files() []string })
	if !ok {
		return false
	}
	far := mountTable.Far()
	return slices.ContainsFunc(a.files(), func(path string) bool { return path != "" && isFar(path, far) })
}

// builtIn runs an action as a process.
type builtIn struct{ action Action }

// Run returns the error of the action as if it had run here.
func (b *builtIn) Run(ctx context.Context, in Input, out io.Writer) error {
	action := b.action
	if m, ok := action.(*Mail); ok {
		// The password is rota's own, from [smtp]: the user sends by it, but
		// never sees it.
		asked := *m
		var err error
		if asked.Server, err = m.Server.Ask(); err != nil {
			return err
		}
		action = &asked
	}
	failure, err := newMemfd("failure")
	if err != nil {
		return &startFailure{err}
	}
	defer failure.Close()
	in.alone, in.Stdin, in.StdinFile = true, "", ""
	err = runProgram(ctx, in, out, func(p *program) {
		p.Argv = []string{helperName}
		p.BuiltIn, p.Input, p.failure = &encodedAction{action}, in, failure
	})
	var exit *Exit
	if errors.As(err, &exit) && exit.Code == builtInFailed {
		text, _ := io.ReadAll(io.NewSectionReader(failure, 0, 64<<10))
		if len(text) > 0 {
			return errors.New(string(text))
		}
	}
	return err
}
