package ledger

import (
	"time"

	"rota/runner"
)

// Change is what one commit writes: all of it, or nothing. Its zero value writes
// nothing. The parts are applied in the order of the fields, so that a later part
// sees the changes of an earlier one.
type Change struct {
	// Cursor moves the cursor: ErrStale if it is not at the start of the move. Nil: it
	// is not moved.
	Cursor *CursorMove
	// Batch is the decisions on slots and pending runs: first its ends, then
	// its runs and summaries in the order of their slots, then its claims, whose
	// leases the commit returns in the order of Batch.Claim. ErrQueueFull if more
	// runs would wait in a queue than may.
	//
	// A run or row whose id [Reader.Get] finds is left alone, and so is the end or
	// the claim of a run that is not pending any more. A summary joins the newest row of its
	// task with its parent if that is a summary of the same outcome, why, by and
	// epoch. Batch.Stops is not the ledger's business.
	//
	// Claimed are runs that are queued, those that are delayed and whose time,
	// NotBefore or else Scheduled, has come, and those running without a lease,
	// which are adopted as they are. All others are ignored.
	Batch runner.Batch
	// Requests are requested runs; the commit returns them. The same
	// id with the same task, cause and content is the run that there is, however far
	// it got; with others it is ErrExists. Content is run.Content or, where that is
	// "", the instant, trigger, params and input. ErrQueueFull if one would wait in
	// a queue that has no room.
	//
	// A recurring request may be asked for again with another content, or once it
	// has ended: that changes what it asks for, and lets it recur again.
	Requests []runner.Run
	Moves    []Move
	Notes    []Note
	Ends     []End
	States   []StateChange // ErrConflict if one is of another version
	Events   []Event       // added to the history of rota itself; a zero time is now
	// Notices are added to the outbox; the commit returns them with their numbers.
	Notices []Notice
	// Delivered are the numbers of the notices that leave the outbox. One that is
	// not in the outbox is ignored.
	Delivered []int64
	// CanWait lets the commit wait some milliseconds for others, while many runs are under
	// way: each commit makes the disk write.
	CanWait bool
	// WhileWaiting is called, unless it is nil, by the goroutine that commits, while the change
	// waits for the disk: it must return when done is closed. A ledger that never waits does
	// not call it. It is not part of what is written.
	WhileWaiting func(done <-chan struct{})
}

// Committed is what a commit returns.
type Committed struct {
	Leases   []Lease      // of what was claimed
	Requests []runner.Run // one for each of the change, as it is in the ledger
	Notices  []Notice     // one for each of the change, with its number
}

// CursorMove moves the cursor on.
type CursorMove struct{ From, To Cursor }

// Move takes a run without a lease from one state to another or to an outcome,
// or from a state to the same with another time or trigger; a zero time is now.
// ErrConflict if it is leased, in another state or a request for something else,
// ErrNotFound if there is none.
type Move struct {
	ID      string
	From    runner.State // "": any in which it is pending
	Content string       // of the request, as in runner.Run; "": any
	To      runner.Transition
}

// Cancel is the move that cancels a pending run in any state.
func Cancel(id string, why runner.Reason) Move {
	return Move{ID: id, To: runner.Transition{Outcome: runner.Cancelled}.Because(why)}
}

// Note adds a transition to a run under way. A state other than running ends the
// lease: the run is pending again. A zero time is now. ErrFenced if the lease has ended.
type Note struct {
	Lease Lease
	To    runner.Transition
	// Ended is the result of an attempt that is followed by another one: its exit code,
	// signal and error are the run's until the next attempt starts. nil: they are kept.
	Ended *runner.Result
}

// End is the outcome of a run under way, and ends its lease. A zero time is now.
// Next are the runs that it triggers, like Requests; those that would be refused because
// of their id or their queue are ignored. ErrFenced if the lease has ended.
type End struct {
	Lease  Lease
	Result runner.Result
	Next   []runner.Run
}

// Notice is a pending notification or ping, until it is delivered or given up.
type Notice struct {
	Number int64      `json:"-"` // assigned by the ledger; increasing
	Target string     `json:"target,omitempty"`
	Kind   string     `json:"kind"`
	Text   string     `json:"text,omitempty"`
	Time   time.Time  `json:"time"`
	Run    runner.Run `json:"run,omitzero"` // the run it is about, as it was then; zero: none
}

// normalize returns the notice as a ledger stores it.
func (n Notice) normalize() Notice {
	n.Time, n.Run = normalizeTime(n.Time), normalizeRun(n.Run)
	return n
}
