package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/escape"
	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// attempt is one execution of a run, in this or another process.
type attempt struct {
	task  *Task
	in    Input
	out   *runlog.Output
	notes notes

	resultSize int64 // bytes of the result
	resultErr  error // why one could not be kept; nil: it could, or there was none
	usage      Usage
}

// stop is the cause of a context that ends an attempt from outside: it gives
// the run its outcome.
type stop End

func (s *stop) Error() string { return cmp.Or(s.Why, string(s.Outcome)) }

// errTimeout is the cause of a context that ends an attempt for its time.
var errTimeout = errors.New("time-out")

// errStuck is the error of an action that did not return after its time-out.
var errStuck = errors.New("did not return at its time-out")

// run executes the attempt and closes its output. It returns even if the action does not;
// returned is closed when that does.
func (a *attempt) run(ctx context.Context) (result Result, returned <-chan struct{}) {
	if a.task.Timeout > 0 {
		var cancel context.CancelFunc
		ahead := max(0, time.Until(a.in.Started)) // of one that is recorded before it is due
		ctx, cancel = context.WithTimeoutCause(ctx, a.task.Timeout+ahead, errTimeout)
		defer cancel()
	}
	a.in.note = a.notes.add
	a.in.result = func(size int64, err error) { a.resultSize, a.resultErr = size, err }
	a.in.used = func(u Usage) { a.usage = u }
	back := make(chan struct{})
	if a.alwaysReturns() {
		err := a.act(ctx)
		close(back)
		a.out.Close()
		return a.result(err), back
	}
	done := make(chan error, 1)
	go func() {
		defer close(back)
		done <- a.act(ctx)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		late, kill := time.After(a.task.KillAfter), a.in.kill
		select {
		case err = <-done:
		case <-late:
			err = fmt.Errorf("%w: %w", context.Cause(ctx), errStuck)
		case <-kill:
			err = fmt.Errorf("%w: %w", context.Cause(ctx), errStuck)
		}
	}
	a.out.Close()
	return a.result(err), back
}

// alwaysReturns reports whether the action is sure to return: a command ends its process.
// Any other has some time to return after its context has ended.
func (a *attempt) alwaysReturns() bool {
	switch a.task.Action.(type) {
	case *Command, *builtIn:
		return true
	}
	return false
}

// act runs the action; a panic in it is an error.
func (a *attempt) act(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(a.out, "panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if !a.alwaysReturns() { // what has a process waits once that is prepared
		if err := process.AwaitBegin(ctx, a.in.begin); err != nil {
			return err
		}
	}
	return a.task.Action.Run(ctx, a.in, a.out)
}

// result turns the error of the action into the end of the run.
func (a *attempt) result(err error) Result {
	r, why := Result{Outcome: OK, Finished: time.Now()}, Reason{}
	var exit *Exit
	var from *stop
	var asked *process.AskedError
	if errors.As(err, &asked) && errors.As(asked.Cause, &from) && from.Reason.Code == ReasonRotaStopped {
		err = asked.End // it ended by itself
	}
	switch {
	case errors.As(err, &from):
		if r.Outcome, why = from.Outcome, from.Reason; why.IsZero() {
			why = TextReason(from.Why)
		}
	case errors.Is(err, errTimeout) && a.task.TimeoutOK && !errors.Is(err, errStuck):
		why = Reason{Code: ReasonTimeoutOK, Span: a.task.Timeout}
	case errors.Is(err, errTimeout):
		r.Outcome, why = TimedOut, Reason{Code: ReasonTimeout, Span: a.task.Timeout}
	case errors.As(err, &exit) && exit.Signal != "":
		r.Outcome, r.Signal, why = Failed, exit.Signal, Reason{Code: ReasonSignal, Detail: exit.Signal}
	case err == nil, errors.As(err, &exit):
		code := 0
		if exit != nil {
			code = exit.Code
		}
		if _, ok := a.task.Action.(*Command); ok {
			r.Exit = &code
		}
		if !slices.Contains(a.task.SuccessExit, code) && (exit != nil || r.Exit != nil) {
			r.Outcome, why = Failed, Reason{Code: ReasonExit, Next: code}
		}
	default:
		r.Outcome, why = Failed, Reason{Code: ReasonError, Detail: firstLine(err.Error())}
		var never *process.StartError
		if errors.As(err, &never) {
			why = Reason{Code: ReasonNotStarted, Detail: firstLine(never.Err.Error())}
		}
	}
	if r.Outcome == Failed || r.Outcome == TimedOut {
		r.Error = a.out.Tail()
		if r.Error == "" && r.Outcome == Failed && err != nil && exit == nil {
			r.Error = err.Error()
		}
	}
	r.Usage = a.usage
	if r.Result = a.resultSize; a.resultErr != nil {
		text := "no result: " + a.resultErr.Error()
		a.notes.add(text)
		r.Error = strings.TrimPrefix(r.Error+"\n"+text, "\n")
	}
	if err := a.out.Failed(); err != nil {
		a.notes.add("its output could not be kept: " + err.Error())
	}
	if errors.Is(err, errStuck) {
		r.Stuck = true
		a.notes.add("the action has not returned yet")
	}
	why.Notes = a.notes.all()
	return r.Because(why)
}

// notes collects what belongs in the record of a run.
type notes struct {
	mu    sync.Mutex
	texts []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts = append(n.texts, text)
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.texts)
}

// firstLine bounds a text that becomes part of a line of the log.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return escape.Short(s, 200)
}

// hostName is the name of this machine; "localhost" if it has none.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
