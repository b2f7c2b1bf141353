// Package ledger stores runs, events, the state of tasks, and how far the schedule has
// been recorded. The daemon starts nothing that is not recorded here first. The package
// knows runs as records only, not how they are executed or shown.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"time"

	"rota/runner"
)

// Cursor means: every slot up to (Epoch, Through) is recorded, as decided with Revision
// of the file. The zero Cursor is that of a new ledger.
type Cursor struct {
	Epoch    int       `json:"epoch"`
	Through  time.Time `json:"through"`
	Revision string    `json:"revision"`
	// Boot names the start of the machine whose at_start slots are recorded.
	Boot string `json:"boot,omitempty"`
	// Reach is the latest time that any earlier epoch reached; zero: this epoch is the
	// first.
	Reach time.Time `json:"reach,omitzero"`
}

// normalize returns the cursor as a ledger stores it.
func (c Cursor) normalize() Cursor {
	c.Through, c.Reach = normalizeTime(c.Through), normalizeTime(c.Reach)
	return c
}

// samePosition reports whether two cursors have the same epoch, time and revision.
func (c Cursor) samePosition(d Cursor) bool {
	return c.Epoch == d.Epoch && c.Revision == d.Revision && normalizeTime(c.Through).Equal(normalizeTime(d.Through))
}

// Lease is the right to execute a run, until it is finished or taken away.
type Lease struct {
	Run   runner.Run // as it was when claimed
	Token string     // differs at each claim; a stale one is fenced off
}

// The errors a caller can act on. Each may be wrapped.
var (
	ErrStale     = errors.New("the cursor has moved") // read it and decide again
	ErrQueueFull = errors.New("the queue is full")    // nothing was written
	ErrExists    = errors.New("the id is taken by another run")
	ErrNotFound  = errors.New("no such run")
	ErrFenced    = errors.New("the lease is not valid any more")                     // stop the run
	ErrConflict  = errors.New("changed by someone else")                             // of a compare and set
	ErrDiskFull  = errors.New("the disk is full or failing")                         // nothing was written; it works again once there is room
	ErrDamaged   = errors.New("the ledger is damaged; the next start sets it aside") // nothing more can be written
	ErrVersion   = errors.New("the ledger is of another version of rota")
)

// Event is something that happened to rota itself.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`           // "start", "stop", "reload", "clock step", …
	Task string    `json:"task,omitempty"` // "": all of rota
	Who  string    `json:"who,omitempty"`
	Text string    `json:"text,omitempty"` // for people
	Data EventData `json:"data,omitzero"`  // the same for programs, which never read Text
}

// EventData is the data of an event; each kind uses its own fields. Events of earlier
// versions have none.
type EventData struct {
	Reason  string        `json:"said,omitempty"`    // of "hold": the reason that was given
	Until   time.Time     `json:"until,omitzero"`    // of "hold", "drain", "reschedule"
	Queue   string        `json:"queue,omitempty"`   // of "queue stop", "queue start"
	Expr    string        `json:"expr,omitempty"`    // of "reschedule": a trigger, "never" or "default"
	Slot    time.Time     `json:"slot,omitzero"`     // of "skip"
	By      time.Duration `json:"by,omitempty"`      // of "clock step"
	Refused string        `json:"refused,omitempty"` // of "reload": what is wrong with the file
	Change  string        `json:"change,omitempty"`  // of "reload" of a task: "added", "removed" or "changed"
	Detail  string        `json:"detail,omitempty"`  // of "changed"
}

// EventFilter selects events; its zero value selects all.
type EventFilter struct {
	Task  string    // of that task, and those without a task; "": all
	Kinds []string  // none: any
	Since time.Time // at or after it; zero: any
	Until time.Time // before it; zero: any
	Limit int       // that many of the newest; 0: no limit
}

// Filter selects runs; its zero value selects all.
type Filter struct {
	IDs      []string         // none: any
	Task     string           // "": of all tasks
	Parent   string           // "": of any, and of none
	States   []runner.State   // none, with no Outcomes: any
	Outcomes []runner.Outcome // beside States
	Since    time.Time        // that began at or after it: see [Began]; zero: any
	Before   time.Time        // that ended before it; zero: any
	Limit    int              // 0: no limit
	Brief    bool             // without parameters and inputs: see [runner.Run.Brief]

	Summaries bool // only summary rows

	// Of some tasks alone, of which one of these is asked for.
	Tasks  []string  // of one of these; none: of all
	Each   int       // of each of Tasks the last that many of those that started; 0: all
	Active time.Time // of Tasks what ended, or was due and skipped, at or after it, or runs or is queued; zero: all
}

// Began is the time that [Filter] has a run begin at: when its last attempt
// started or, of one that never did, its slot, and without a slot when it was
// queued. Of a summary row it is its last slot.
func Began(r runner.Run) time.Time { return cmp.Or(r.Last, r.Started, r.Scheduled, r.Queued) }

// Past is what is derived from the ended runs of a task.
type Past struct {
	Success  time.Time // the last end of a run that was ok; zero: there is none
	Failures int       // runs that ended since as failed, timeout or lost
}

// Reader reads a ledger. The caller owns what it returns.
type Reader interface {
	// Cursor returns how far the slots are recorded.
	Cursor(ctx context.Context) (Cursor, error)
	// Task returns the stored state of a task.
	Task(ctx context.Context, name string) (TaskState, error)
	// Tasks returns the stored states of all tasks that have one.
	Tasks(ctx context.Context) (map[string]TaskState, error)
	// Past returns what the ended runs of each of the tasks, or of all if none is
	// named, say of it. A task without ended runs is missing.
	Past(ctx context.Context, tasks ...string) (map[string]Past, error)
	// Events returns the newest events that f selects, oldest first.
	Events(ctx context.Context, f EventFilter) ([]Event, error)
	// Get returns a run and its transitions, oldest first. A slot's id inside
	// a summary row finds that row. ErrNotFound if there is none.
	Get(ctx context.Context, id string) (runner.Run, []runner.Transition, error)
	// Find returns what Get finds for the slot of a task, or of a recurring
	// request of that id, at an instant: that of the newest epoch.
	Find(ctx context.Context, of string, at time.Time) (runner.Run, []runner.Transition, error)
	// List returns runs, the newest first: those written last.
	List(ctx context.Context, f Filter) ([]runner.Run, error)
	// Newest returns for each of the tasks, or of all if none is named, its
	// newest run, if it has one: of those under way, else of those that were
	// started, the one started last; else, of those that are pending, the one written
	// last. IsSummary rows, and runs that ended without a start, do not count. They
	// are without parameters and inputs.
	Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error)
	// Outbox returns the undelivered notices, oldest first: at most
	// limit of them; 0: all.
	Outbox(ctx context.Context, limit int) ([]Notice, error)
	// Close ends the use of the ledger; no other method works after it.
	Close() error
}

// Ledger is where rota records what happens. Every method may be called from several
// goroutines; each is atomic, and has no effect if its context is done before it
// began. The caller owns what it returns. Times
// are stored in UTC, to the microsecond.
type Ledger interface {
	Reader
	// Now is the time that slots are measured by, without a monotonic reading.
	Now(ctx context.Context) (time.Time, error)
	// Commit writes a change. Its errors are ErrStale, ErrQueueFull, ErrExists,
	// ErrNotFound, ErrFenced, ErrConflict, ErrDiskFull, ErrDamaged and ErrClosed, and
	// one for what cannot be written at all; each means that nothing was written. All
	// leases end when the ledger of one machine is closed.
	Commit(ctx context.Context, c Change) (Committed, error)
	// Watch sends events as they come, until ctx is done or the ledger closed;
	// then it closes the channel. It is a hint: a slow reader loses some.
	Watch(ctx context.Context) (<-chan Event, error)
	// Forget removes, with all that belongs to them, the ended runs and summarized
	// rows that f selects, and returns how many. It goes by small steps: what
	// it has removed when it fails stays removed.
	Forget(ctx context.Context, f Filter) (int, error)
	// Retain removes what need not be kept any more, the oldest first. It goes
	// by small steps, like Forget.
	Retain(ctx context.Context, r Retention) (Removed, error)
}
