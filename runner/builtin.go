package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"io"

	"rota/runner/internal/process"
)

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
	return ok && process.AnyMayHang(a.files()...)
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
	in.Stdin, in.StdinFile = "", ""
	l, err := in.launch()
	if err == nil {
		l.BuiltIn, err = json.Marshal(builtInSpec{encodedAction{action}, in})
	}
	if err != nil {
		return &process.StartError{Err: err}
	}
	l.Terminal = in.terminal
	l.Settings.Dir = cmp.Or(l.Settings.Dir, "/") // it names its files from there
	return in.run(ctx, l, out)
}
