// Package ledger remembers: runs, events, the state of tasks and how far the
// schedule is written down. The daemon starts nothing that is not written here
// first. It knows runs as records only, not how they are made or shown.
package ledger

import (
	"context"
	"errors"
	"io"
	"time"

	"rota/runner"
)

// Cursor says: every slot up to (Epoch, Through) is written down, as decided by
// Revision of the file. The zero Cursor is that of a ledger never used.
type Cursor struct {
	Epoch    int       `json:"epoch"`
	Through  time.Time `json:"through"`
	Revision string    `json:"revision"`
}

// Lease is the right to execute a run, until it is finished or taken away.
type Lease struct {
	Run   runner.Run
	Token string // differs at each claim; a stale one is fenced off
}

// The errors a caller can act on. Each may be wrapped.
var (
	ErrStale     = errors.New("the cursor has moved") // read it and decide again
	ErrQueueFull = errors.New("the queue is full")    // nothing was written
	ErrExists    = errors.New("the id is taken by another run")
	ErrNotFound  = errors.New("no such run")
	ErrFenced    = errors.New("the lease is not valid any more") // stop the run
	ErrConflict  = errors.New("changed by someone else")         // of a compare and set
)

// TaskState is what is remembered of a task beside its runs. Its zero value is
// that of a task never seen. Version grows by one at each SetTask.
type TaskState struct {
	Version int                  `json:"version"`
	Seen    map[string]time.Time `json:"seen,omitempty"` // first sight of each trigger, by its text
}

// Event is something that happened to rota itself.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`           // "start", "stop", "reload", "clock step", …
	Task string    `json:"task,omitempty"` // "": all of rota
	Who  string    `json:"who,omitempty"`
	Text string    `json:"text,omitempty"`
}

// Filter selects runs; its zero value selects all.
type Filter struct {
	Task   string
	States []runner.State // nil: any, ended ones too
	Limit  int            // 0: no limit
}

// Ledger is the memory of rota. Every method may be called from several
// goroutines; each either happens whole or not at all.
type Ledger interface {
	// Now is the time that slots are measured by.
	Now(ctx context.Context) (time.Time, error)
	// Cursor returns how far the slots are written down.
	Cursor(ctx context.Context) (Cursor, error)
	// Advance writes the new cursor and the batch in one go and returns the
	// leases of what the batch claims, in its order. A run or row whose id is
	// there already is left alone and not claimed; a fold joins its task's
	// newest row if that is a fold of the same outcome and why. ErrStale if
	// the cursor is not prev, ErrQueueFull if a queue has no room: neither
	// writes anything.
	Advance(ctx context.Context, prev, next Cursor, b runner.Batch) ([]Lease, error)
	// Submit adds a run asked for. The same id with the same content is that
	// run; with another content it is ErrExists.
	Submit(ctx context.Context, run runner.Run) (runner.Run, error)
	// Claim takes waiting runs by id for execution; those that wait no more
	// are left out.
	Claim(ctx context.Context, ids []string) ([]Lease, error)
	// Renew keeps a lease.
	Renew(ctx context.Context, l Lease) error
	// Note adds a transition to a run under way.
	Note(ctx context.Context, l Lease, t runner.Transition) error
	// Finish writes the outcome and ends the lease.
	Finish(ctx context.Context, l Lease, r runner.Result) error
	// Shift moves a run that nobody leases from one state to another or to an
	// outcome. ErrConflict if it is in another state.
	Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error
	// Task returns what is remembered of a task.
	Task(ctx context.Context, name string) (TaskState, error)
	// SetTask writes next if the task's version is still prev's, else ErrConflict.
	SetTask(ctx context.Context, name string, prev, next TaskState) error
	// Event adds to the history of rota itself.
	Event(ctx context.Context, e Event) error
	// Events returns the newest n events, oldest first.
	Events(ctx context.Context, n int) ([]Event, error)
	// Watch sends events as they come. It is a hint: a slow reader loses some.
	Watch(ctx context.Context) (<-chan Event, error)
	// Get returns a run and its transitions, oldest first. A slot's id inside
	// a folded row finds that row. ErrNotFound if there is none.
	Get(ctx context.Context, id string) (runner.Run, []runner.Transition, error)
	// List returns runs, the newest first.
	List(ctx context.Context, f Filter) ([]runner.Run, error)
	// Cancel ends a waiting run as cancelled. ErrConflict if it does not wait.
	Cancel(ctx context.Context, id, why string) error
	// OpenLog opens the output of a run to be read. ErrNotFound if it has none.
	OpenLog(ctx context.Context, id string) (io.ReadCloser, error)
	// Prune forgets ended runs beyond the newest keep of each task and returns
	// how many. What waits or runs is never removed.
	Prune(ctx context.Context, keep int) (int, error)
	// Close ends the use of the ledger.
	Close() error
}
