package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"rota/config"
	"rota/internal/api"
	"rota/internal/daemon"
	"rota/internal/escape"
	"rota/internal/suggest"
)

// code is the exit code of the program.
type code int

// The exit codes. A command that runs a task to its end passes on the exit code of the
// task, and uses the last four.
const (
	exitOK code = iota
	exitFailed
	exitUsage
	exitFile
	exitUnknown
	exitNoDaemon
	exitForbidden
	exitConflict
	exitNotNow

	exitTimeout code = 124
	exitRota    code = 125
	exitSignal  code = 128 // and the number of the signal
)

// codes are the exit codes for the errors of the daemon or of the reader in its place.
var codes = map[api.Code]code{
	api.Failed:    exitFailed,
	api.Usage:     exitUsage,
	api.File:      exitFile,
	api.NotFound:  exitUnknown,
	api.NoDaemon:  exitNoDaemon,
	api.Forbidden: exitForbidden,
	api.Conflict:  exitConflict,
	api.NotNow:    exitNotNow,
}

// codeTexts explains the codes on the help page.
var codeTexts = []struct{ code, text string }{
	{"0", "ok"},
	{"1", "failed"},
	{"2", "usage: the command line is invalid"},
	{"3", "jobs.toml has errors, or cannot be read"},
	{"4", "no such task or run"},
	{"5", "no daemon answers"},
	{"6", "not permitted"},
	{"7", "conflict: held, running, or the id is taken"},
	{"8", "not now, try again: the queue is full, or there is no result yet"},
	{"124", "exec, run --wait: the task's time-out"},
	{"125", "exec, run --wait: it is not the task that failed"},
	{"128+n", "exec, run --wait: ended by signal n; else the task's own code"},
}

// exitStatus ends the program with a code and no message.
type exitStatus code

func (s exitStatus) Error() string { return fmt.Sprintf("exit %d", int(s)) }

// failure ends the program with a message.
type failure struct {
	code        code
	msg         string
	hint        string        // what to do; "": none
	faults      []api.Fault   // of the file
	notDone     []api.NotDone // of several names, those that failed
	interrupted bool          // the user ended it: not an error
}

func (f *failure) Error() string {
	if f.hint == "" {
		return f.msg
	}
	return f.msg + "; " + f.hint
}

func fail(c code, hint, format string, args ...any) *failure {
	return &failure{code: c, msg: fmt.Sprintf(format, args...), hint: hint}
}

// misuse is the failure of a command line; cmd is "" if no command is known.
func misuse(cmd, format string, args ...any) *failure {
	return fail(exitUsage, "try: "+strings.TrimSpace("rota help "+cmd), format, args...)
}

// noTask is the failure of a name that is not in the file.
func noTask(name string, c *config.Config) *failure {
	names := taskNames(c)
	hint := ""
	switch near := suggest.Nearest(name, names); {
	case near != "":
		hint = fmt.Sprintf("did you mean %q?", near)
	case len(names) == 0:
		hint = c.Path + " has no tasks"
	default:
		hint = tasksHint(c.Path)
	}
	return fail(exitUnknown, hint, "no task %q", name)
}

// tasksHint is what to do about a task that is not in a file.
func tasksHint(path string) string { return "see the tasks of " + path + ": rota list" }

// fromFile turns an error of loading the file into a failure.
func fromFile(path string, err error) error {
	var wrong *config.Errors
	if errors.As(err, &wrong) {
		return &failure{code: exitFile, msg: count(len(wrong.Faults), "error") + " in " + path, faults: apiFaults(wrong.Faults)}
	}
	return fail(exitFile, "", "%v", err)
}

// fromDaemon turns an error of the daemon into a failure.
func fromDaemon(path string, err error) error {
	var wrong *config.Errors
	var where *fs.PathError
	abs, _ := filepath.Abs(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, daemon.ErrRunning):
		return fail(exitConflict, "", "%v", err)
	case errors.As(err, &wrong), errors.As(err, &where) && (where.Path == path || where.Path == abs):
		return fromFile(path, err)
	}
	return fail(exitFailed, "", "%v", err)
}

// codeOf returns the exit code for an error.
func codeOf(err error) code {
	var s exitStatus
	var f *failure
	var e *api.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return code(s)
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &e):
		return cmp.Or(codes[e.Code], exitFailed)
	}
	return exitFailed
}

// asFailure returns the failure that an error is reported as.
func asFailure(err error) *failure {
	var f *failure
	var e *api.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &e):
		return &failure{code: codeOf(e), msg: e.Message, hint: e.Hint, faults: e.Faults, notDone: e.NotDone}
	}
	return &failure{code: exitFailed, msg: err.Error()}
}

// errorJSON is a failure for programs.
type errorJSON struct {
	Code    code          `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	Errors  []api.Fault   `json:"errors,omitempty"`
	NotDone []api.NotDone `json:"not_done,omitempty"`
}

// apiFaults converts faults of the file to their wire form.
func apiFaults(faults []config.Fault) []api.Fault {
	list := make([]api.Fault, len(faults))
	for i, f := range faults {
		list[i] = api.Fault{Message: f.Msg, File: f.File, Line: f.Line, Column: f.Col, Hint: f.Hint, Warning: f.Warning, Text: f.Render()}
	}
	return list
}

// withoutExcerpts removes the excerpts, for programs.
func withoutExcerpts(faults []api.Fault) []api.Fault {
	list := slices.Clone(faults)
	for i := range list {
		list[i].Text = ""
	}
	return list
}

// report prints an error on stderr: as text or, for programs, as one object.
func (s *session) report(err error, asJSON bool) {
	if errors.As(err, new(exitStatus)) {
		return // already printed
	}
	f := asFailure(err)
	if f.hint == "" && f.code == exitUnknown && strings.HasPrefix(f.msg, `no task "`) && s.status != nil && s.status.Config != "" {
		f.hint = tasksHint(s.status.Config)
	}
	if asJSON {
		s.json(s.err, map[string]errorJSON{"error": {f.code, f.msg, f.hint, withoutExcerpts(f.faults), f.notDone}})
		return
	}
	for _, fault := range f.faults {
		fmt.Fprintln(s.err, s.colorizePrefix(s.err, escape.Lines(fault.Text)))
	}
	if f.faults != nil {
		fmt.Fprintln(s.err, escape.Line(f.msg))
		return
	}
	for _, n := range f.notDone {
		text := n.Message
		if !strings.Contains(text, n.Name) {
			text = n.Name + ": " + text
		}
		if n.Hint != "" {
			text += "; " + n.Hint
		}
		fmt.Fprintln(s.err, s.colorizePrefix(s.err, "error: "+escape.Line(text)))
	}
	if f.notDone != nil {
		return
	}
	if f.interrupted {
		fmt.Fprintln(s.err, escape.Line(f.Error()))
		return
	}
	fmt.Fprintln(s.err, s.colorizePrefix(s.err, "error: "+escape.Line(cmp.Or(f.Error(), "failed"))))
}
