package runner

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"rota/internal/runlog"
	"rota/runner/internal/process"
)

// Command runs a program: either Text by the shell of the task or, if it begins with "#!",
// by the interpreter named there; or Argv.
type Command struct {
	Text string   `json:",omitempty"`
	Argv []string `json:",omitempty"`
}

// Exit is the error of a command that did not end well by itself.
type Exit = process.Exit

// Check implements the check of an action's values.
func (c *Command) Check() []Problem {
	switch {
	case c.Text != "" && c.Argv != nil, c.Text == "" && len(c.Argv) == 0:
		return []Problem{{Msg: "nothing to run", Hint: `write command = "text for the shell" or command = ["program", "argument"]`}}
	case c.Argv != nil && c.Argv[0] == "":
		return []Problem{{Msg: "the program has no name", Hint: `write command = ["program", "argument"]`}}
	case strings.Contains(c.Text, "\x00") || slices.ContainsFunc(c.Argv, func(a string) bool { return strings.Contains(a, "\x00") }):
		return []Problem{{Msg: "a command cannot hold a NUL byte"}}
	case c.IsScript() && (len(interpreterOf(c.Text)) == 0 || !filepath.IsAbs(interpreterOf(c.Text)[0])):
		return []Problem{{Msg: "the #! line names no interpreter by its path", Hint: "write #!/usr/bin/env NAME"}}
	}
	return nil
}

// IsScript reports whether the text is for an interpreter of its own.
func (c *Command) IsScript() bool { return strings.HasPrefix(c.Text, "#!") }

// interpreterOf returns the interpreter of a script and, as the kernel reads a "#!" line, at
// most one argument.
func interpreterOf(script string) []string {
	line, _, _ := strings.Cut(strings.TrimPrefix(script, "#!"), "\n")
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, " \t")
	switch {
	case line == "":
		return nil
	case end < 0:
		return []string{line}
	}
	return []string{line[:end], strings.TrimLeft(line[end:], " \t")}
}

// Run starts the command, passes on its output and waits for its end. If ctx
// ends first the command and all that it started are stopped, and the error is
// the cause of ctx.
func (c *Command) Run(ctx context.Context, in Input, out io.Writer) error {
	l, err := in.launch()
	if err != nil {
		return &process.StartError{Err: err}
	}
	l.Argv = c.Argv
	switch {
	case c.IsScript():
		l.Argv, l.Script = interpreterOf(c.Text), c.Text
	case c.Text != "":
		l.Argv = append(slices.Clone(in.Process.Shell), c.Text)
	}
	l.Stdin, l.StdinFile, l.Terminal = in.Stdin, in.StdinFile, in.terminal
	if l.Files = !in.notification; l.Files {
		if l.ResultMax = in.ResultMax; !in.terminal {
			l.ResultTo = runlog.Store{StateDir: in.StateDir}.Result(in.Run)
		}
	}
	return in.run(ctx, l, out)
}

// SignalKnown reports whether name is the name of a signal without SIG, or
// "none".
func SignalKnown(name string) bool { return process.SignalKnown(name) }

// WrongReference finds the first invalid ${…} in a value of env: where it is and what is
// wrong; msg "": none.
func WrongReference(value string) (start, end int, msg, hint string) {
	return process.WrongReference(value)
}

// StopAsked reports to a command, from its environment, whether rota has asked it to
// stop. It needs no daemon.
func StopAsked(environ func(string) string) (bool, error) { return process.StopAsked(environ) }

// BootID is the id of this boot of the machine; "" if the kernel has none.
func BootID() string { return process.BootID() }
