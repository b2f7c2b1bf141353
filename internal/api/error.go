package api

import (
	"errors"
	"fmt"
)

// Code is the kind of an error: the same on the wire, in Go and, as the exit code of a
// command, in a shell.
type Code string

// The codes. An error without a code is Failed.
const (
	Failed    Code = "failed"
	Usage     Code = "usage"     // the request is not valid
	File      Code = "file"      // jobs.toml is not valid
	NotFound  Code = "not_found" // no such task or run
	NoDaemon  Code = "no_daemon" // no daemon answers
	Forbidden Code = "forbidden" // the caller lacks the right
	Conflict  Code = "conflict"  // held, running, id taken
	NotNow    Code = "not_now"   // try again: queue full, no result yet
)

// Error is the error of a call that failed.
type Error struct {
	Code    Code      `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`     // what to do; "": no hint
	Faults  []Fault   `json:"errors,omitempty"`   // the faults of the file, for Code File
	NotDone []NotDone `json:"not_done,omitempty"` // for a call with several names, the names that failed
}

// Fault is a fault of the file.
type Fault struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; absent: the file as a whole
	Column  int    `json:"column,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Text    string `json:"text,omitempty"` // the text for people, with the line and a caret
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Errorf returns an Error. hint may be "".
func Errorf(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// CodeOf returns the code of an error; "" for nil.
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
