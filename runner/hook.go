package runner

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// Hook is what a hook is about: an event, and the run that it is of.
type Hook struct {
	Event   string // "failure", "recover", …
	Task    string
	Run     string // the run's id; "": the event is of no run
	Outcome Outcome
	Exit    *int // as in Run
	Took    time.Duration
	Why     string
	Tail    string // the end of its output
	Output  string // the file with its output; "": there is none
	More    int    // events that this one speaks for besides itself

	// Of notifications only.
	Text string    // on a line, for people
	Time time.Time // when it happened; that it is tried again changes nothing
	URL  string    // where a page tells more of it; "": none is known
}

// NewHook returns what a hook knows of a run that has ended; of its output at
// most the last tail bytes.
func NewHook(event string, r Run, stateDir string, tail int) *Hook {
	h := &Hook{Event: event, Task: r.Task, Run: r.ID, Outcome: r.Outcome, Exit: r.Exit, Why: r.Why, Tail: r.Error}
	h.Took, _ = r.Took()
	if r.Attempts == 0 {
		return h
	}
	path := runlog.Store{StateDir: stateDir}.Log(r.ID, r.Attempts)
	if text, err := logTail(path, tail); err == nil {
		h.Output = path
		h.Tail = cmp.Or(text, h.Tail)
	}
	return h
}

// logTail reads the last lines of a log, without stamps, that have at most limit
// bytes.
func logTail(path string, limit int) (string, error) {
	f, info, err := process.OpenRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return runlog.Tail(f, info.Size(), limit)
}

// Tell does an action outside of any run, as a notification: its templates know
// what in.Hook holds, a parameter that is not there is empty, and neither its
// output nor its error names more of a URL than the host, as the rest may be a
// secret.
func Tell(ctx context.Context, a Action, in Input, out io.Writer) (err error) {
	in.tells = true
	in.note = func(text string) { fmt.Fprintln(out, text) }
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(out, "panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return a.Run(ctx, in, out)
}

// CheckHook tells what is wrong with an action that is a notification.
func CheckHook(a Action) []Problem {
	switch a := a.(type) {
	case *HTTP:
		return a.check(hookFields)
	case *Mail:
		return a.check(hookFields)
	case interface{ Check() []Problem }:
		return a.Check()
	}
	return nil
}
