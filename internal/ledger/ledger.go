// Package ledger remembers: runs, events, the state of tasks and how far the
// schedule is written down. The daemon starts nothing that is not written here
// first. It knows runs as records only, not how they are made or shown.
package ledger

import (
	"cmp"
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
	// Boot names the start of the machine whose at_start slots are recorded.
	Boot string `json:"boot,omitempty"`
	// Reach is the latest time that any epoch came to, before this one; zero: this
	// one is the first.
	Reach time.Time `json:"reach,omitzero"`
}

// kept returns the cursor as a ledger keeps it.
func (c Cursor) kept() Cursor {
	c.Through, c.Reach = instant(c.Through), instant(c.Reach)
	return c
}

// is reports whether two cursors are at the same place, as a ledger keeps them.
func (c Cursor) is(d Cursor) bool {
	return c.Epoch == d.Epoch && c.Revision == d.Revision && instant(c.Through).Equal(instant(d.Through))
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

// EventData is what an event says, each kind in fields of its own. Events of
// earlier versions have none.
type EventData struct {
	Said    string        `json:"said,omitempty"`    // of "hold": the reason that was given
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

// Reader is what a ledger tells. What it returns is the caller's own.
type Reader interface {
	// Cursor returns how far the slots are written down.
	Cursor(ctx context.Context) (Cursor, error)
	// Task returns what is remembered of a task.
	Task(ctx context.Context, name string) (TaskState, error)
	// Tasks returns what is remembered of every task that ever was set.
	Tasks(ctx context.Context) (map[string]TaskState, error)
	// Past returns what the ended runs of a task say of it.
	Past(ctx context.Context, task string) (Past, error)
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
	// started, the one started last; else, of those that wait, the one written
	// last. IsSummary rows, and runs that ended without a start, do not count.
	Newest(ctx context.Context, tasks ...string) (map[string]runner.Run, error)
	// OpenLog opens the output of the last attempt of a run to be read.
	// ErrNotFound if it has none.
	OpenLog(ctx context.Context, id string) (io.ReadCloser, error)
	// OpenResult opens the result of a run to be read. ErrNotFound if it has
	// none.
	OpenResult(ctx context.Context, id string) (io.ReadCloser, error)
	// Close ends the use of the ledger; no other method works after it.
	Close() error
}

// Ledger is the memory of rota. Every method may be called from several
// goroutines; each either happens whole or not at all, and not at all if its
// context is done before it began. What it returns is the caller's own. Times
// are kept in UTC, to the microsecond.
type Ledger interface {
	Reader
	// Now is the time that slots are measured by, without a monotonic reading.
	Now(ctx context.Context) (time.Time, error)
	// Advance writes the new cursor and the batch in one go: first its ends,
	// then its runs and summaries in the order of their slots, then its claims,
	// whose leases it returns in the order of b.Claim. ErrStale if the cursor
	// is not prev, ErrQueueFull if more runs would wait in a queue than may:
	// neither writes anything.
	//
	// A run or row whose id [Reader.Get] finds is left alone, and so is the end
	// or the claim of a run that waits no more. A summary joins the newest row of
	// its task with its parent if that is a summary of the same outcome, why, by
	// and epoch. b.Stops is not the ledger's business.
	//
	// With it come changes of the states of tasks, as by SetTask: ErrConflict if one
	// is of another version writes nothing.
	Advance(ctx context.Context, prev, next Cursor, b runner.Batch, changes ...StateChange) ([]Lease, error)
	// Submit adds a run asked for and returns it. The same id with the same
	// task, cause and content is the run that there is, however far it got;
	// with others it is ErrExists. Content is run.Content or, where that is
	// "", the instant, trigger, params and input. ErrQueueFull if it would wait
	// in a queue that has no room.
	//
	// A recurring request may be asked for again with another content, or once
	// it has ended: that changes what it asks for, and lets it stand again.
	Submit(ctx context.Context, run runner.Run) (runner.Run, error)
	// Claim takes runs for execution: those queued, those delayed whose time,
	// NotBefore or else Scheduled, has come, and those running that nobody
	// leases, which are adopted as they are. All others are left out.
	Claim(ctx context.Context, ids []string) ([]Lease, error)
	// Renew keeps a lease. It, Note and Finish return ErrFenced if the lease
	// has ended. All leases end when the ledger of one machine is closed.
	Renew(ctx context.Context, l Lease) error
	// Note adds a transition to a run under way. A state other than running
	// ends the lease: the run waits again. A zero time is now.
	Note(ctx context.Context, l Lease, t runner.Transition) error
	// Finish writes the outcome and ends the lease. A zero time is now. With it
	// comes what is asked for because of it, as by Submit; what that would
	// refuse because of its id or its queue is left out.
	Finish(ctx context.Context, l Lease, r runner.Result, next ...runner.Run) error
	// FinishAnd is Finish and SetTask in one go. ErrConflict and ErrFenced write
	// nothing.
	FinishAnd(ctx context.Context, l Lease, r runner.Result, c StateChange, next ...runner.Run) error
	// Shift moves a run that nobody leases from one state to another or to an
	// outcome, also from a state to the same with another time or trigger; a
	// zero time is now. ErrConflict if it is leased or in another state,
	// ErrNotFound if there is none.
	Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error
	// SetTask writes next, at the version after prev's, and the events that go
	// with it, if the task's version is still prev's, else ErrConflict.
	SetTask(ctx context.Context, name string, prev, next TaskState, events ...Event) error
	// Event adds to the history of rota itself. A zero time is now.
	Event(ctx context.Context, e Event) error
	// Watch sends events as they come, until ctx is done or the ledger closed;
	// then it closes the channel. It is a hint: a slow reader loses some.
	Watch(ctx context.Context) (<-chan Event, error)
	// Cancel ends a waiting run, in whatever state it waits, as cancelled.
	// ErrConflict if it does not wait, ErrNotFound if there is none.
	Cancel(ctx context.Context, id string, why runner.Reason) error
	// Forget removes, with all that belongs to them, the ended runs and summarized
	// rows that f selects, and returns how many. It goes by small steps: what
	// it has removed when it fails stays removed.
	Forget(ctx context.Context, f Filter) (int, error)
	// Retain removes what need not be kept any more, the oldest first. It goes
	// by small steps, like Forget.
	Retain(ctx context.Context, r Retention) (Removed, error)
}
