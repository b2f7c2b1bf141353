package api

import (
	"cmp"
	"slices"
)

// Scope is how much somebody may do. Each holds all that stands before it.
type Scope string

// The scopes; the zero Scope is nothing. MayOwn is for the user whose tasks
// they are and cannot be given by the file.
const (
	MayRead    Scope = "read"    // see tasks and runs, their output and results
	MayRequest Scope = "request" // ask for runs, and cancel those that wait
	MayOwn     Scope = "own"     // stop runs, hold and release
	MayControl Scope = "control" // all that a Service can do
)

// scopes are in the order of what they hold.
var scopes = []Scope{"", MayRead, MayRequest, MayOwn, MayControl}

// Allows reports whether s holds need.
func (s Scope) Allows(need Scope) bool {
	return slices.Index(scopes, s) >= slices.Index(scopes, need)
}

// Grant is a scope over some tasks.
type Grant struct {
	May   Scope
	Tasks func(name string) bool // nil: over all, and over rota as a whole
	Run   func(Run) bool         // which runs of these tasks; nil: all
	OfRun bool                   // over its own task, by its token
}

// Caller is somebody and what they may do: the most that one of the grants
// allows.
type Caller struct {
	Who     string // as in [As]
	Account string // to which all that they do is counted; "": Who
	Own     bool   // it is root, or the user that rota runs as
	Grants  []Grant

	Credential string // the token that the grants rest on, with what it allows; "" if they rest on the peer
}

// Share names those with whom the caller shares what there is only so much of;
// "" are root and the user that rota runs as.
func (c Caller) Share() string {
	if c.Own {
		return ""
	}
	return cmp.Or(c.Account, c.Who)
}

// Over returns what the caller may do with a task; "" if to them there is none
// of that name.
func (c Caller) Over(task string) Scope {
	return c.Most(func(g Grant) bool { return g.Tasks == nil || g.Tasks(task) })
}

// OverRun returns what the caller may do with a run, other than by its task.
func (c Caller) OverRun(r Run) Scope {
	return c.Most(func(g Grant) bool { return (g.Tasks == nil || g.Tasks(r.Task)) && (g.Run == nil || g.Run(r)) })
}

// OverAll returns what the caller may do with rota as a whole.
func (c Caller) OverAll() Scope {
	return c.Most(func(g Grant) bool { return g.Tasks == nil })
}

// Most returns the most that the grants allow for which which holds.
func (c Caller) Most(which func(Grant) bool) Scope {
	most := 0
	for _, g := range c.Grants {
		if which(g) {
			most = max(most, slices.Index(scopes, g.May))
		}
	}
	return scopes[most]
}

// RunsAs returns a function for the runs that were made with the rights of a user
// for whom is holds; "" is the user that rota runs as. A summary row tells of slots
// that nobody ran.
func RunsAs(is func(user string) bool) func(Run) bool {
	return func(r Run) bool { return r.IsSummary() || is(r.User) }
}
