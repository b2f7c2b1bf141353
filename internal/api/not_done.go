package api

import (
	"cmp"
	"context"
	"errors"
)

// NotDone is one of several names for which a call failed, and why.
type NotDone struct {
	Name    string `json:"name"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Failures collects the names for which a call failed.
type Failures struct {
	first error
	names []NotDone
}

// Add adds a name for which the call failed.
func (f *Failures) Add(name string, err error) {
	n := NotDone{Name: name, Code: CodeOf(err), Message: err.Error()}
	if e := (*Error)(nil); errors.As(err, &e) {
		n.Message, n.Hint = e.Message, e.Hint
	}
	f.first = cmp.Or(f.first, err)
	f.names = append(f.names, n)
}

// Join adds other failures.
func (f *Failures) Join(other Failures) {
	f.first = cmp.Or(f.first, other.first)
	f.names = append(f.names, other.names...)
}

// Err returns nil if nothing failed. Otherwise it returns the first failure and, for a call
// with several names, all names that failed.
func (f Failures) Err(names int) error {
	if names <= 1 || f.first == nil || errors.Is(f.first, context.Canceled) || errors.Is(f.first, context.DeadlineExceeded) {
		return f.first
	}
	n := f.names[0]
	return &Error{Code: n.Code, Message: n.Message, Hint: n.Hint, NotDone: f.names}
}
