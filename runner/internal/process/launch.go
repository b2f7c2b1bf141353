package process

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"

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
	stopped := l.awaitExit(ctx, proc, files)
	switch {
	case stopped != nil:
		files.requestStop()
		if leader, err := readStat(proc.pid); err == nil {
			t.seen = map[int]uint64{proc.pid: leader.started}
		}
		if r.StillAlive = t.end(l.Termination, l.Kill); len(r.StillAlive) > 0 {
			go l.abandon(proc, pipe, copied)
			return stopped
		}
	case l.StopLeftovers:
		if r.Stopped = t.members(); len(r.Stopped) > 0 {
			files.requestStop()
			r.StillAlive = t.end(l.Termination, l.Kill)
		}
	}
	<-proc.exited
	status, used, err := proc.reap()
	r.usage = used
	open := pipe.finish(copied, out)
	if stopped == nil && err == nil && !l.StopLeftovers && (open || syscall.Kill(-proc.pid, 0) == nil) {
		r.LeftBehind = t.members()
	}
	if open {
		go l.ignore(pipe)
	}
	l.forget()
	if err != nil {
		return cmp.Or(stopped, fmt.Errorf("wait: %w", err))
	}
	return l.endError(status, stopped)
}

// awaitExit waits until the process has exited, which it may be asked to do, or for the end
// of ctx, whose cause it returns.
func (l Launch) awaitExit(ctx context.Context, proc *proc, files *runFiles) (stopped error) {
	for ask := l.Ask; ; ask = nil {
		select {
		case <-proc.exited:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ask:
			files.requestStop()
		}
	}
}

// abandon discards what a process that did not die of KILL still writes, until it has ended.
func (l Launch) abandon(proc *proc, p *pipe, copied <-chan struct{}) {
	<-proc.exited
	_, _, _ = proc.reap()
	l.forget()
	if p.finish(copied, io.Discard) {
		l.ignore(p)
	}
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
		r.Size, r.NoResult = files.takeResult(l.ResultTo, l.ResultMax)
	}
	if len(r.LeftBehind)+len(r.StillAlive) > 0 {
		files.limitResult(l)
	}
	files.close()
}
