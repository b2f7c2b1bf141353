package api

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"rota/internal/escape"
	"rota/runner"
)

// Request is a request for a run. At most one of At, In and On is given.
type Request struct {
	Task   string            `json:"task"`
	Key    string            `json:"id,omitempty"` // [A-Za-z0-9._-]{1,64}; "": a new one
	Params map[string]string `json:"params,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	In     time.Duration     `json:"in,omitempty"` // "5s"
	On     string            `json:"on,omitempty"` // a trigger of its own: a recurring request
	Held   bool              `json:"held,omitempty"`
	Again  bool              `json:"again,omitempty"`       // join a pending run, if there is one
	Force  bool              `json:"force,omitempty"`       // even if the task is held
	Trace  string            `json:"traceparent,omitempty"` // the trace that its run belongs to; "": a new one
}

// Limits of the parameters of a request; larger data belongs in its input.
const (
	maxParams = 256
	maxParam  = 64 << 10 // bytes of one; the kernel accepts twice that in an environment
)

var (
	taskName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$`)
	runKey   = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,96}$`) // also the keys of slots, and of slots of a recurring request
	givenKey = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Check returns an error if the request is not valid by itself. The daemon checks it
// against its task.
func (r Request) Check() error {
	switch {
	case !IsTask(r.Task):
		return Errorf(NotFound, "", "no task %q", short(r.Task))
	case r.Key != "" && !givenKey.MatchString(r.Key) || dots(r.Key):
		return Errorf(Usage, "use up to 64 letters, digits, dots, underscores and hyphens", "%q cannot be the id of a run", short(r.Key))
	case given(!r.At.IsZero(), r.In != 0, r.On != "") > 1:
		return Errorf(Usage, "", "at, in and on exclude each other")
	case r.Trace != "" && !runner.IsTrace(r.Trace):
		return Errorf(Usage, "", "%q is not a traceparent of W3C Trace Context", short(r.Trace))
	case len(r.Params) > maxParams:
		return Errorf(Usage, "give them as input", "%d parameters are more than %d", len(r.Params), maxParams)
	}
	if err := cmp.Or(CheckTime("the time", r.At), CheckSpan("the time until the run", r.In)); err != nil {
		return err
	}
	for name, value := range r.Params {
		if strings.ContainsRune(name+value, 0) {
			return Errorf(Usage, "give it as input", "the parameter %q contains a NUL byte, which an environment variable cannot", short(name))
		}
		if len(name)+len(value) > maxParam {
			return Errorf(Usage, "give it as input", "the parameter %q is longer than %d KiB", short(name), maxParam>>10)
		}
	}
	return nil
}

// IsTask reports whether a text can be the name of a task.
func IsTask(name string) bool { return taskName.MatchString(name) }

// IsRunKey reports whether a text can be the key of a run: a given one, that of a slot, or
// that of a recurring request.
func IsRunKey(key string) bool { return runKey.MatchString(key) && !dots(key) }

// dots reports whether a key means a directory in paths and addresses.
func dots(key string) bool { return key == "." || key == ".." }

// short shortens a text from outside so that a message can quote it.
func short(s string) string { return escape.Cut(s, 80) }

// given returns how many of the values are true.
func given(what ...bool) (n int) {
	for _, is := range what {
		if is {
			n++
		}
	}
	return n
}
