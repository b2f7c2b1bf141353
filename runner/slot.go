package runner

import (
	"cmp"
	"time"
)

// Slot is one or several due instants of one task, or of one recurring request,
// to be decided together.
type Slot struct {
	Task        string
	User        string    // whose rights the task has; "": those of rota
	Epoch       int       // of the cursor
	First, Last time.Time // Last is the one that runs
	Prev        time.Time // the one before Last; zero if N is 1
	N           int       // how many, First and Last included
	Cause       Cause     // CauseSchedule, CauseCatchup or CauseStart
	Missed      Reason    // not zero: too late to run, and why
	Skip        Reason    // not zero: skipped on purpose, and why
	Each        bool      // one of several that run one after another, whatever overlap says
	Wait        time.Time // its run waits until then; zero: it may start at once
	Of          *Run      // the recurring request whose trigger came due; nil: the task's own did
}

// id returns the id of the run of one of the instants.
func (s *Slot) id(at time.Time) string {
	if s.Of != nil {
		return RecurringID(s.Of.ID, at, s.Epoch)
	}
	if s.Cause == CauseStart {
		return RecurringID(StartOf(s.Task), at, s.Epoch)
	}
	return SlotID(s.Task, at, s.Epoch)
}

// run returns the run of the slot, which is to wait in that queue.
func (s *Slot) run(id, queue string, priority int, now time.Time) Run {
	r := Run{
		ID: id, Task: s.Task, Cause: s.Cause, State: Queued,
		Scheduled: s.Last, Queued: now, Queue: queue, Priority: priority, User: s.User,
	}
	if !s.Wait.IsZero() {
		r.State, r.NotBefore = Delayed, s.Wait
	}
	if of := s.Of; of != nil {
		r.Parent, r.Who, r.Params, r.Input, r.InputFile = of.ID, of.Who, of.Params, of.Input, of.InputFile
	}
	return r
}

// summary returns a row for n instants, the first ones, that are not executed.
func (s *Slot) summary(n int, o Outcome, why Reason, by string, now time.Time) Run {
	r := Run{
		ID: s.id(s.First), Task: s.Task, Cause: s.Cause, Outcome: o, By: by,
		Scheduled: s.First, Finished: now, First: s.First, Last: s.Last, Count: n,
	}
	if s.Of != nil {
		r.Parent = s.Of.ID
	}
	if n < s.N {
		r.Last = s.Prev
	}
	r.Because(why)
	return r
}

// ofSlot reports whether the run came of a trigger of its task, ofRecurring
// whether of one of a recurring request; what is neither is a request.
func (r *Run) ofSlot() bool { return r.triggered() && r.Parent == "" }

func (r *Run) ofRecurring() bool { return r.triggered() && r.Parent != "" }

func (r *Run) triggered() bool { return r.Cause != CauseManual && r.Cause != CauseChain }

// requestRank is 1 for requests and 0 for slots of tasks.
func (r *Run) requestRank() int {
	if r.ofSlot() {
		return 0
	}
	return 1
}

func (s *Slot) requestRank() int {
	if s.Of == nil {
		return 0
	}
	return 1
}

// startOrder is the order in which waiting runs start: by priority, then by
// instant, slots of tasks before requests of the same instant, then by id.
func startOrder(a, b *Run) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Scheduled.Compare(b.Scheduled),
		cmp.Compare(a.requestRank(), b.requestRank()), cmp.Compare(a.ID, b.ID))
}
