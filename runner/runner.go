package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// Options is what a Runner needs from its surroundings.
type Options struct {
	StateDir string // where logs and the directories of forked runs are
	// Trust accepts, for tasks that run as root, an env_file and secrets that
	// others can change: in a container those of a volume belong to whoever made
	// the image.
	Trust bool
	// Done is called with the end of a run, from the goroutine of the run; if it
	// returns no error, the end is recorded.
	Done func(Run, Result) error
	// Returned is called with a run that had ended before its action returned, once
	// that returns.
	Returned func(id string)
	// Echo gets the output of all runs line by line, without line ends; may be nil.
	Echo func(Run, []byte)
	// Log is given what the action log says, and at which level ("" is info);
	// nil: nobody wants it.
	Log func(run Run, level, text string)
}

// Runner executes runs. It knows only those under way.
type Runner struct {
	o       Options
	host    string
	mu      sync.Mutex
	live    map[string]*liveRun
	asked   chan struct{} // closed by AskAll
	askOnce sync.Once
	shims   process.Shims
	places  places
	wg      sync.WaitGroup // of the runs that share the life of this process
}

// Launch is a run that was claimed, and what it needs to begin.
type Launch struct {
	Run         Run // Attempts is the number of this one, from 1
	Task        *Task
	LastSuccess time.Time
	Hook        *Hook             // what the hook is about that caused the run; nil: none did
	Vars        map[string]string // variables that rota adds: ROTA_SOCKET, ROTA_PARENT, …
	Begin       <-chan struct{}   `json:"-"` // closed when it is to begin, all else being ready; nil: at once
	Token       string            // by which the run acts on its own task: a secret, kept nowhere; "": none
}

// liveRun is the handle of a run under way.
type liveRun struct {
	stop func(*stop)
	kill func()
	mode Mode
}

// modes is how each mode starts a run: each returns at once.
var modes = map[Mode]func(*Runner, context.Context, Launch){
	Sequential: (*Runner).startHere,
	Threaded:   (*Runner).startHere,
	Forked:     (*Runner).startForked,
}

// New returns a Runner without runs.
func New(o Options) *Runner {
	return &Runner{o: o, host: hostName(), live: map[string]*liveRun{}, asked: make(chan struct{}), places: newPlaces()}
}

// Start begins a run and returns at once; its end goes to Options.Done, what
// could not be started included. The end of ctx makes the Runner forget forked
// runs; it stops nothing.
func (r *Runner) Start(ctx context.Context, l Launch) {
	start, ok := modes[l.Task.Mode]
	if !ok {
		r.refuse(l.Run, fmt.Errorf("no mode %q", l.Task.Mode))
		return
	}
	start(r, ctx, l)
}

// startHere runs in a goroutine of this process.
func (r *Runner) startHere(_ context.Context, l Launch) {
	// Not a child of the caller's context: a run ends by Stop alone, so that
	// there is always an outcome and a reason.
	ctx, cancel := context.WithCancelCause(context.Background())
	kill := make(chan struct{})
	r.add(l.Run.ID, &liveRun{
		stop: func(s *stop) { cancel(s) },
		kill: sync.OnceFunc(func() { close(kill) }),
		mode: l.Task.Mode,
	})
	r.wg.Go(func() {
		defer cancel(nil)
		free := r.places.await(ctx, l)
		defer free()
		a := newAttempt(l, r.o.StateDir, r.o.Trust, r.host, r.echo(l.Run))
		a.in.askStop, a.in.kill, a.in.inTable, a.in.begin, a.in.started = r.asked, kill, true, l.Begin, free
		if r.o.Log != nil {
			a.in.log = func(level, text string) { r.o.Log(l.Run, level, text) }
		}
		result, returned := a.run(ctx)
		r.remove(l.Run.ID)
		_ = r.o.Done(l.Run, result)
		if result.Stuck {
			go func() {
				<-returned
				r.o.Returned(l.Run.ID)
			}()
		}
	})
}

// newAttempt prepares the execution of a run.
func newAttempt(l Launch, stateDir string, trusting bool, host string, echo func([]byte)) *attempt {
	if l.Task.needsProcess() {
		l.Task = inOwnProcess(l.Task)
	}
	params := l.Task.Params
	if len(l.Run.Params) > 0 {
		params = maps.Clone(params)
		if params == nil {
			params = map[string]string{}
		}
		maps.Copy(params, l.Run.Params)
	}
	return &attempt{
		task: l.Task,
		in: Input{
			Task: l.Task.Name, Run: l.Run.ID, Scheduled: l.Run.Scheduled, Started: l.Run.Started, Attempt: l.Run.Attempts,
			Cause: l.Run.Cause, Trace: l.Run.Trace, Host: host, Zone: l.Task.Zone, Params: params, Process: l.Task.Process, Policy: l.Task.Policy,
			StateDir: stateDir, Trust: trusting, LastSuccess: l.LastSuccess, Hook: l.Hook,
			Stdin: l.Run.Input, StdinFile: l.Run.InputFile, ResultMax: l.Task.ResultMax, Vars: l.Vars, Token: l.Token,
		},
		out: runlog.NewOutput(runlog.Store{StateDir: stateDir}.Log(l.Run.ID, l.Run.Attempts), l.Task.Output, echo),
	}
}

// refuse ends a run that could not be started.
func (r *Runner) refuse(run Run, err error) {
	r.wg.Go(func() {
		_ = r.o.Done(run, couldNotStart(err))
	})
}

// couldNotStart is the end of a run that never began.
func couldNotStart(err error) Result {
	return Result{Outcome: Failed, Finished: time.Now(), Error: err.Error()}.Because(Reason{Code: ReasonNotStarted, Detail: firstLine(err.Error())})
}

// Stop makes a run under way end with the outcome and reason of e. It returns
// at once and reports whether there is such a run.
func (r *Runner) Stop(e End) bool {
	r.mu.Lock()
	l, ok := r.live[e.ID]
	r.mu.Unlock()
	if ok {
		s := stop(e)
		l.stop(&s)
	}
	return ok
}

// StopAll stops every run but the forked ones.
func (r *Runner) StopAll(o Outcome, why Reason) {
	for _, id := range r.ownRuns() {
		r.Stop(NewEnd(id, o, why))
	}
}

// AskAll asks every command, except those of forked runs, to end by itself: [StopAsked]
// reports it from now on. A run that does has its own outcome.
func (r *Runner) AskAll() { r.askOnce.Do(func() { close(r.asked) }) }

// Kill ends the grace of a run that is being stopped, or will be.
func (r *Runner) Kill(id string) {
	r.mu.Lock()
	l, ok := r.live[id]
	r.mu.Unlock()
	if ok {
		l.kill()
	}
}

// KillAll ends the grace of every run that is being stopped, but the forked ones.
func (r *Runner) KillAll() {
	for _, id := range r.ownRuns() {
		r.Kill(id)
	}
}

// Wait returns when no run but forked ones is under way, or ctx ends; it
// reports whether all are done.
func (r *Runner) Wait(ctx context.Context) bool {
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// ownRuns returns the ids of the runs that end with this process.
func (r *Runner) ownRuns() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id, l := range r.live {
		if l.mode != Forked {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (r *Runner) add(id string, l *liveRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[id] = l
}

func (r *Runner) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, id)
}

// echo returns the function that gets the lines of a run's output; nil: none.
func (r *Runner) echo(run Run) func([]byte) {
	if r.o.Echo == nil {
		return nil
	}
	return func(line []byte) { r.o.Echo(run, line) }
}
