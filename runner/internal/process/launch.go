package process

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"rota/internal/become"
)

// Launch is a program to run, its surroundings, and how it is stopped.
type Launch struct {
	Attempt Attempt // that it is of; zero: it is of no run
	Argv    []string
	Script  string          // a file of it alone is the last argument; "": there is none
	BuiltIn json.RawMessage // instead of a program: what the function given to RunHelper understands

	Settings Settings
	Trust    bool              // files of rota's own tasks may be changed by others
	Vars     map[string]string // variables that tell of the run
	Token    string            // a secret variable, ROTA_TOKEN; "": none

	Stdin     string // what it reads; "": see StdinFile
	StdinFile string // the file that it reads; "": see Settings.Stdin
	Terminal  bool   // it gets rota's own stdin, stdout and stderr

	Files     bool   // it may leave a result, and is asked to stop by a file
	ResultMax int64  // bytes that its result may have; 0: none
	ResultTo  string // the file where its result is kept; "": nowhere

	Termination Termination
	// StopLeftovers: what lives when the program has ended by itself is stopped, too.
	StopLeftovers bool
	Begin         <-chan struct{} // closed when it is to be started, all else being ready; nil: at once
	// Started is called, perhaps more than once, when the program has started or its start
	// is left to a helper; nil: nobody waits for that. It need not be called after an error.
	Started func()
	Ask     <-chan struct{} // closed when it is to be asked to end by itself; nil: it is not
	Kill    <-chan struct{} // closed when a stop must not wait any longer
	Record  string          // in a shim, the file whose first line is its identity while it runs; "": see Listed
	Listed  bool            // its identity is kept in the table of processes while it runs
}

// Result is what is known of a process beside how it ended.
type Result struct {
	NoFiles    error    // why it could have no result, nor be asked to stop; nil: it could
	LeftBehind []Member // what lives after its normal end
	Stopped    []Member // what lived after its normal end, and was stopped
	StillAlive []Member // what lives after KILL
	Size       int64    // bytes of its result; 0: there is none
	NoResult   error    // why its result could not be kept; nil: it could, or there was none
	usage
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

// Run starts the program, passes on its output and waits for its end. If ctx ends
// first, the program and all that it started are stopped, and the error is the
// cause of ctx. What comes before the process and after it is under ctx, or is
// bounded. If out has a method Mask, it is given the values in the environment
// that are secret.
func (l Launch) Run(ctx context.Context, out io.Writer) (r Result, err error) {
	p, files, err := l.prepare(ctx)
	defer func() {
		if p.failure != nil {
			p.failure.Close()
		}
	}()
	defer l.finish(files, &r)
	if err != nil {
		return r, startFailed(ctx, err)
	}
	if err := AwaitBegin(ctx, l.Begin); err != nil {
		return r, err
	}
	turn := starterTurn{done: l.Started}
	if p.Rights == (become.Rights{}) && p.BuiltIn == nil {
		turn.await()
	} else {
		turn.end()
	}
	defer turn.end()
	stdin, err := l.openStdin(p.As)
	if err != nil {
		return r, &StartError{fmt.Errorf("stdin: %w", err)}
	}
	defer closeStdin(stdin)
	pipe, err := newPipe(p.As)
	if err != nil {
		return r, &StartError{err}
	}
	p.files = [3]int{int(stdin.Fd()), pipe.write, pipe.write}
	screen := noPTY
	if l.Terminal {
		if screen, err = p.inTerminal(); err != nil {
			pipe.close()
			return r, &StartError{fmt.Errorf("terminal: %w", err)}
		}
	}
	defer screen.close()
	proc, secrets, err := p.start(ctx, &turn)
	turn.end()
	pipe.closeWrite()
	screen.start()
	if err != nil {
		pipe.close()
		return r, startFailed(ctx, err)
	}
	if o, ok := out.(interface{ Mask([]string) }); ok {
		o.Mask(secrets)
	}
	r.NoFiles = p.filesErr
	l.record(proc)
	if err = l.await(ctx, proc, &p, pipe, out, files, &r); l.BuiltIn != nil {
		err = builtInError(p.failure, err)
	}
	return r, err
}

// AwaitBegin waits for the close of begin, which may be nil: there is nothing to wait for.
// If ctx ends first, the error is its cause.
func AwaitBegin(ctx context.Context, begin <-chan struct{}) error {
	if begin == nil {
		return nil
	}
	select {
	case <-begin:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// starters are the starts that happen at a time, of those that need no helper and so
// cannot wait for anybody. More would not be sooner: to start a process takes the longer
// the more descriptors rota has open, and each start has some.
var starters = make(chan struct{}, 2)

// starterTurn is the right to be one of them. The zero value is none.
type starterTurn struct {
	held bool
	done func() // called at its end; may be nil
}

func (t *starterTurn) await() {
	starters <- struct{}{}
	t.held = true
}

// end gives the turn to another, if it has not yet.
func (t *starterTurn) end() {
	if t.held {
		t.held = false
		<-starters
	}
	if t.done != nil {
		t.done()
	}
}

// await waits for the end of a process that has begun, or ends it.
func (l Launch) await(ctx context.Context, proc *proc, p *program, pipe *pipe, out io.Writer, files *runFiles, r *Result) error {
	if !proc.endsSoon(pipe) {
		proc.watch()
	}
	copied := pipe.copyTo(out)
	t := tree{group: proc.pid, attempt: l.Attempt, uid: p.As.id()}
	if p.shared && !p.grouped {
		t.group = 0
	}
	var stopped error
	ask := func() {
		if files != nil {
			files.ask()
		}
	}
	select {
	case <-proc.exited:
	case <-ctx.Done():
	case <-l.Ask:
		ask()
	}
	select {
	case <-proc.exited:
	case <-ctx.Done():
		stopped = context.Cause(ctx)
		ask()
		if leader, err := readStat(proc.pid); err == nil {
			t.seen = map[int]uint64{proc.pid: leader.started}
		}
		if r.StillAlive = t.end(l.Termination, l.Kill); len(r.StillAlive) > 0 {
			go func() {
				<-proc.exited
				_, _, _ = proc.reap()
				l.forget()
				if pipe.finish(copied, io.Discard) {
					l.ignore(pipe)
				}
			}()
			return stopped
		}
		<-proc.exited
	}
	if stopped == nil && l.StopLeftovers {
		if r.Stopped = t.members(); len(r.Stopped) > 0 {
			ask()
			r.StillAlive = t.end(l.Termination, l.Kill)
		}
	}
	var status syscall.WaitStatus
	var err error
	status, r.usage, err = proc.reap()
	open := pipe.finish(copied, out)
	if stopped == nil && err == nil && !l.StopLeftovers && (open || syscall.Kill(-proc.pid, 0) == nil) {
		r.LeftBehind = t.members()
	}
	if open {
		go l.ignore(pipe)
	}
	l.forget()
	switch {
	case stopped != nil && l.Termination.Signal == 0 && err == nil && status.Exited():
		return &AskedError{stopped, exitError(status)}
	case stopped != nil:
		return stopped
	case err != nil:
		return fmt.Errorf("wait: %w", err)
	}
	return exitError(status)
}

// ignore discards the output after the end of the run; a shim, which may end at any time,
// closes it.
func (l Launch) ignore(p *pipe) {
	if l.Record != "" {
		p.closeRead()
		return
	}
	p.discard(l.leftover("output"))
}

// startFailed is the error of a command that never began: the cause of ctx, if
// that ended it, else its own.
func startFailed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return err
	}
	return &StartError{err}
}

// prepare makes all that the process needs, and the files of the run, if it has
// some.
func (l Launch) prepare(ctx context.Context) (p program, files *runFiles, err error) {
	p.Argv, p.BuiltIn, p.Trust = l.Argv, l.BuiltIn, l.Trust
	if l.BuiltIn != nil {
		p.Argv = []string{HelperName}
		if p.failure, err = newMemfd("failure"); err != nil {
			return p, nil, err
		}
	}
	s := l.Settings
	if s.User != "" || s.Group != "" {
		name := cmp.Or(s.User, strconv.Itoa(os.Getuid()))
		if p.As, err = LookupUser(ctx, name, s.Group); err != nil {
			return p, nil, err
		}
	}
	switch {
	case s.Dir != "":
		p.Dir = s.Dir
	case s.User != "":
		p.Dir = p.As.Home
	default:
		p.Dir = s.Base
	}
	as := p.As
	if s.User == "" {
		as = nil // a group alone changes no surroundings
	}
	if p.Env, err = l.environment(as); err != nil {
		return p, nil, err
	}
	if p.As.isSelf() {
		p.As = nil // nothing to change, which without root is all that works
	}
	if l.Files || l.Script != "" {
		files, err = l.newFiles(p.As)
		switch {
		case err == nil && l.Files:
			p.Env.setFileVariables(files, l.ResultMax)
		case err != nil && l.Script == "":
			p.filesErr, err = err, nil
		}
		if err == nil && l.Script != "" {
			var path string
			path, err = files.placeScript(l.Script, p.As)
			p.Argv = append(slices.Clone(p.Argv), path)
		}
		if err != nil {
			return p, files, fmt.Errorf("the file of the script: %w", err)
		}
	}
	p.needs(s)
	return p, files, nil
}

// finish takes the result that a command gave, and removes its files.
func (l Launch) finish(files *runFiles, r *Result) {
	if files == nil {
		return
	}
	if l.ResultMax > 0 && l.ResultTo != "" {
		r.Size, r.NoResult = files.take(l.ResultTo, l.ResultMax)
	}
	if len(r.LeftBehind)+len(r.StillAlive) > 0 {
		files.bound(l)
	}
	files.close()
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

// openStdin opens what a command reads: what the request gave, else what the task
// gives, else /dev/null.
func (l Launch) openStdin(as *Account) (*os.File, error) {
	if l.StdinFile != "" {
		f, _, err := OpenRegular(l.StdinFile)
		if err != nil {
			return nil, err
		}
		if as != nil {
			// It lies where only rota can go. But a command that opens its
			// stdin again, as /dev/stdin, must be able to read it.
			err = f.Chmod(0o644)
		}
		if err == nil {
			err = unix.SetNonblock(int(f.Fd()), false)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	text := cmp.Or(l.Stdin, l.Settings.Stdin)
	if text == "" {
		return devNull()
	}
	return memfd("stdin", []byte(text))
}

// devNull is open as long as this process lives: each command that reads nothing gets it.
var devNull = sync.OnceValues(func() (*os.File, error) { return os.Open(os.DevNull) })

// closeStdin closes what openStdin has opened for one command.
func closeStdin(f *os.File) {
	if null, err := devNull(); err != nil || f != null {
		f.Close()
	}
}
