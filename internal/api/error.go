package api

import (
	"errors"
	"fmt"
)

// Code says of what kind an error is, the same on the wire, in Go and, as the
// exit code of a command, in a shell.
type Code string

// The codes. An error that has none is Failed.
const (
	Failed    Code = "failed"
	Usage     Code = "usage"     // the question makes no sense as it is
	File      Code = "file"      // jobs.toml is wrong
	NotFound  Code = "not_found" // no such task or run
	NoDaemon  Code = "no_daemon" // no daemon answers
	Forbidden Code = "forbidden" // this caller may not
	Conflict  Code = "conflict"  // held, running, id taken
	NotNow    Code = "not_now"   // try again: queue full, no result yet
)

// Error is the answer of a call that failed.
type Error struct {
	Code    Code      `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`     // what to do; "": nothing
	Faults  []Fault   `json:"errors,omitempty"`   // of the file, if that is what is wrong
	NotDone []NotDone `json:"not_done,omitempty"` // of a call about several names, those that it failed with
}

// Fault is one complaint about the file.
type Fault struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; absent: the file as a whole
	Column  int    `json:"column,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Text    string `json:"text,omitempty"` // as it is shown, with the line and a caret
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Errorf makes an Error. Hint may be "".
func Errorf(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// CodeOf returns the code of an error; "" of nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return Failed
}
