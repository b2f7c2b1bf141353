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

// Hook is the event of a hook or notification, and its run.
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
	More    int    // further events that this one represents

	// Of notifications only.
	Text string    // on a line, for people
	Time time.Time // when it happened, also when delivery is retried
	URL  string    // of the page with details; "": none is known
}

// NewHook returns the hook of a run that has ended, with at most the last tail bytes of
// its output.
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

// Notify runs an action outside of any run, as a notification: its templates use in.Hook,
// a missing parameter is empty, and neither its output nor its error shows more of a URL
// than the host, as the rest may be a secret.
func Notify(ctx context.Context, a Action, in Input, out io.Writer) (err error) {
	in.notification = true
	in.note = func(text string) { fmt.Fprintln(out, text) }
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(out, "panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return a.Run(ctx, in, out)
}

// CheckHook returns what is wrong with an action that is a notification.
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
