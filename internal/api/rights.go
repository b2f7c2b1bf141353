package api

import (
	"cmp"
	"slices"
)

// Scope is a set of rights. Each scope includes all scopes before it.
type Scope string

// The scopes; the zero Scope has no rights. MayOwn is for the user that a task runs as, and
// cannot be granted by the file.
const (
	MayRead    Scope = "read"    // see tasks and runs, their output and results
	MayRequest Scope = "request" // request runs, and cancel pending ones
	MayOwn     Scope = "own"     // stop runs, hold and release
	MayControl Scope = "control" // all calls of a Service
)

// scopes lists the scopes, each after those that it includes.
var scopes = []Scope{"", MayRead, MayRequest, MayOwn, MayControl}

// Allows reports whether s includes need.
func (s Scope) Allows(need Scope) bool {
	return slices.Index(scopes, s) >= slices.Index(scopes, need)
}

// Grant is a scope over some tasks.
type Grant struct {
	May   Scope
	Tasks func(name string) bool // nil: all tasks, and rota as a whole
	Run   func(Run) bool         // the runs of these tasks; nil: all
	OfRun bool                   // the grant of a run over its own task, by its token
}

// Caller is the caller of a Service with its rights: the largest scope of all grants that
// apply.
type Caller struct {
	Who     string // as in [As]
	Account string // the account for limits; "": Who
	Own     bool   // the caller is root, or the user that rota runs as
	Grants  []Grant

	Credential string // identifies the token that gives the grants, with its rights; "" if the peer gives them
}

// Share returns the name under which limits count the caller; "" for root and the user that
// rota runs as.
func (c Caller) Share() string {
	if c.Own {
		return ""
	}
	return cmp.Or(c.Account, c.Who)
}

// Over returns the scope of the caller over a task; "" if the caller may not see a task of
// that name.
func (c Caller) Over(task string) Scope {
	return c.Most(func(g Grant) bool { return g.Tasks == nil || g.Tasks(task) })
}

// OverRun returns the scope of the caller over a run.
func (c Caller) OverRun(r Run) Scope {
	return c.Most(func(g Grant) bool { return (g.Tasks == nil || g.Tasks(r.Task)) && (g.Run == nil || g.Run(r)) })
}

// OverAll returns the scope of the caller over rota as a whole.
func (c Caller) OverAll() Scope {
	return c.Most(func(g Grant) bool { return g.Tasks == nil })
}

// Most returns the largest scope of the grants for which which returns true.
func (c Caller) Most(which func(Grant) bool) Scope {
	most := 0
	for _, g := range c.Grants {
		if which(g) {
			most = max(most, slices.Index(scopes, g.May))
		}
	}
	return scopes[most]
}

// RunsAs returns a function that reports whether is returns true for the user of a run; ""
// is the user that rota runs as. It is true for summary rows, whose slots were not executed.
func RunsAs(is func(user string) bool) func(Run) bool {
	return func(r Run) bool { return r.IsSummary() || is(r.User) }
}
