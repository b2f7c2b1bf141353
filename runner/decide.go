package runner

import (
	"cmp"
	"slices"
	"time"
)

// Batch is a decision: all of it but Stops is recorded in one transaction with the cursor,
// and only then does anything start.
type Batch struct {
	Runs      []Run    // new runs, State Queued, or Delayed if their slot says so
	Summaries []Run    // summary rows of slots that are not executed
	Ends      []End    // waiting runs that end without having started
	Claim     []string // ids of runs, new or waiting, that start at once
	// Ahead is an instant to come: what is claimed of its slots starts then. Zero: the
	// batch is not recorded ahead of time.
	Ahead time.Time
	Stops []End // runs under way, to be stopped, with the outcome of each
}

// End is the outcome of a run that is ended from outside.
type End struct {
	ID      string
	Outcome Outcome
	Reason  Reason
	Why     string // the same as a text
}

// NewEnd returns an End.
func NewEnd(id string, o Outcome, why Reason) End { return End{id, o, why, why.String()} }

// UnqueuedCapacity bounds the waiting runs of a task that has no queue.
const UnqueuedCapacity = 1000

// Decide decides on each slot, and which of the waiting runs, including those of the slots,
// start now. Without slots it decides what a free worker takes next. It changes nothing:
// the caller records the batch and then applies it to the view.
func Decide(slots []Slot, v *View, now time.Time) Batch {
	d := decision{v: v, now: now, tasks: make(map[string]*taskView, len(slots)), queued: map[string]int{}, ended: map[string]bool{}}
	due := make([]dueSlot, len(slots))
	for i := range slots {
		s := &slots[i]
		due[i] = dueSlot{s, d.task(s.Task), 0}
		if due[i].priority = due[i].task.priority; s.Of != nil {
			due[i].priority = s.Of.Priority
		}
	}
	slices.SortStableFunc(due, func(a, b dueSlot) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), a.Last.Compare(b.Last), cmp.Compare(a.requestRank(), b.requestRank()), cmp.Compare(a.Task, b.Task))
	})
	// The capacity is enough, so that pointers to the elements stay valid.
	d.batch.Runs = make([]Run, 0, len(slots))
	d.newRuns = make([]pendingRun, 0, len(slots))
	for _, s := range due {
		d.slot(s)
	}
	d.claim()
	d.refuse()
	return d.batch
}

// decision is the state of one Decide.
type decision struct {
	v       *View
	now     time.Time
	batch   Batch
	tasks   map[string]*taskView
	newRuns []pendingRun    // batch.Runs
	queued  map[string]int  // by queue: how many waiting runs the batch adds or takes
	ended   map[string]bool // waiting runs that the batch ends
}

// dueSlot is a slot with its task.
type dueSlot struct {
	*Slot
	task     *taskView
	priority int
}

// taskView is one task in the view of a decision.
type taskView struct {
	overlap  Overlap
	queue    string
	priority int

	hold    Reason // why it is held
	held    bool
	live    []Run
	waiting []Run
	newSlot string // the slot of its own that the batch adds last
	added   int    // how many waiting runs the batch adds
	claimed bool   // the batch claims a run of it
}

// task looks a task up, once.
func (d *decision) task(name string) *taskView {
	t, ok := d.tasks[name]
	if !ok {
		p := d.v.policy(name)
		t = &taskView{overlap: p.Overlap, queue: p.Queue, priority: p.Priority, live: d.v.live[name], waiting: d.v.waiting[name]}
		t.hold, t.held = d.v.heldBy(name)
		d.tasks[name] = t
	}
	return t
}

// slot decides whether one slot becomes a run.
func (d *decision) slot(s dueSlot) {
	switch {
	case !d.v.known(s.Task): // it is of a recurring request
		d.summarize(s.Slot, s.N, Skipped, Reason{Code: ReasonTaskGone}, "")
		return
	case !s.Skip.IsZero():
		d.summarize(s.Slot, s.N, Skipped, s.Skip, "")
		return
	case s.task.held:
		// Before missed: held time is not missed time.
		d.summarize(s.Slot, s.N, Skipped, s.task.hold, "")
		return
	case !s.Missed.IsZero():
		d.summarize(s.Slot, s.N, Missed, s.Missed, "")
		return
	}
	id := s.id(s.Last)
	if !s.Wait.IsZero() { // overlap is decided when its time has come
		d.batch.Runs = append(d.batch.Runs, s.run(id, s.task.queue, s.priority, d.now))
		return
	}
	if s.task.newSlot != id { // else two triggers name one instant
		if !s.Each && s.task.overlap != OverlapAllow && !d.overlap(s, id) {
			return
		}
		d.add(s, id)
	}
	if s.N > 1 {
		d.summarize(s.Slot, s.N-1, Skipped, Reason{Code: ReasonCoalesced}, id)
	}
}

// add adds the run of a slot.
func (d *decision) add(s dueSlot, id string) {
	d.batch.Runs = append(d.batch.Runs, s.run(id, s.task.queue, s.priority, d.now))
	d.newRuns = append(d.newRuns, pendingRun{Run: &d.batch.Runs[len(d.batch.Runs)-1], task: s.task})
	d.queued[s.task.queue]++
	if s.task.added++; s.Of == nil {
		s.task.newSlot = id
	}
}

// overlap applies the overlap policy if the task has a waiting or running run, and reports
// whether the slot becomes a run.
func (d *decision) overlap(s dueSlot, id string) bool {
	t := s.task
	switch {
	case s.Of != nil:
		// It waits its turn as a request does, but not beside one of its own.
		return !d.joins(s, ReasonOverlapRequest, func(r *Run) bool { return r.ofRecurring() && r.Parent == s.Of.ID })
	case t.newSlot != "":
		d.summarize(s.Slot, s.N, Skipped, Reason{Code: ReasonOverlapInstant}, t.newSlot)
		return false
	case t.overlap == OverlapQueue:
		return !d.joins(s, ReasonOverlapQueued, (*Run).ofSlot)
	case t.overlap == OverlapReplace:
		d.replace(t, id)
	case len(t.live) > 0:
		d.summarize(s.Slot, s.N, Skipped, Reason{Code: ReasonOverlapRunning}, t.live[0].ID)
		return false
	default:
		return !d.joins(s, ReasonOverlapWaiting, func(*Run) bool { return true })
	}
	return true
}

// joins summarizes a slot under the first waiting run of its task that matches.
func (d *decision) joins(s dueSlot, why ReasonCode, like func(*Run) bool) bool {
	for i := range s.task.waiting {
		if r := &s.task.waiting[i]; like(r) {
			d.summarize(s.Slot, s.N, Skipped, Reason{Code: why}, r.ID)
			return true
		}
	}
	return false
}

// replace ends the waiting slot of a task and stops its running runs for a newer slot.
// Where nothing may start, running runs continue.
func (d *decision) replace(t *taskView, id string) {
	for i := range t.waiting {
		if r := &t.waiting[i]; r.ofSlot() {
			d.batch.Ends = append(d.batch.Ends, NewEnd(r.ID, Replaced, Reason{Code: ReasonReplaced, By: id}))
			d.queued[r.Queue]--
			d.ended[r.ID] = true
			t.added--
		}
	}
	if d.v.closed(t.queue) {
		return
	}
	for _, r := range t.live {
		d.batch.Stops = append(d.batch.Stops, NewEnd(r.ID, Replaced, Reason{Code: ReasonReplaced, By: id}))
	}
}

// summarize adds a row for n instants of s that are not executed.
func (d *decision) summarize(s *Slot, n int, o Outcome, why Reason, by string) {
	d.batch.Summaries = append(d.batch.Summaries, s.summary(n, o, why, by, d.now))
}
