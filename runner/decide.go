package runner

import (
	"cmp"
	"slices"
	"time"
)

// Slot is one or several due instants of one task, to be decided together.
type Slot struct {
	Task        string
	Epoch       int       // of the cursor
	First, Last time.Time // Last is the one that runs
	Prev        time.Time // the one before Last; zero if N is 1
	N           int       // how many, First and Last included
	Cause       Cause     // CauseSchedule, CauseCatchup or CauseStart
	Missed      string    // not "": too late to run, and why
	Each        bool      // one of several that run one after another, whatever overlap says
}

// Batch is what was decided: all of it but Stops goes into one transaction with
// the cursor, and only then does anything start.
type Batch struct {
	Runs  []Run    // new runs, State Queued
	Folds []Run    // rows that stand for slots which are not executed
	Ends  []End    // waiting runs that end without having started
	Claim []string // ids of runs, new or waiting, that start at once
	Stops []End    // runs under way, to be stopped so that they end like this
}

// End is the outcome that a run is given from outside.
type End struct {
	ID      string
	Outcome Outcome
	Why     string
}

// UnqueuedCapacity bounds what may wait of one task that names no queue.
const UnqueuedCapacity = 1000

// Decide says what becomes of each slot, and which of the runs that wait, those
// of the slots among them, start now. Without slots it answers what a freed
// worker takes next. It changes nothing: the caller writes the batch down and
// then applies it to the view.
func Decide(slots []Slot, v *View, now time.Time) Batch {
	d := decision{v: v, now: now, queued: map[string]int{}, gone: map[string]bool{}}
	slots = slices.Clone(slots)
	slices.SortStableFunc(slots, func(a, b Slot) int {
		return cmp.Or(-cmp.Compare(v.policy(a.Task).Priority, v.policy(b.Task).Priority), a.Last.Compare(b.Last), cmp.Compare(a.Task, b.Task))
	})
	d.batch.Runs = slices.Grow(d.batch.Runs, len(slots))
	for _, s := range slots {
		d.slot(s)
	}
	d.claim()
	d.refuse()
	return d.batch
}

// decision is the work of one Decide.
type decision struct {
	v      *View
	now    time.Time
	batch  Batch
	queued map[string]int  // by lane: how many waiting runs the batch adds or takes
	gone   map[string]bool // waiting runs that the batch ends
}

// slot applies overlap to one slot.
func (d *decision) slot(s Slot) {
	p := d.v.policy(s.Task)
	if s.Missed != "" {
		d.fold(s, s.N, Missed, s.Missed, "")
		return
	}
	id := SlotID(s.Task, s.Last, s.Epoch)
	live, waiting := d.v.live[s.Task], slotRuns(d.v.waiting[s.Task])
	switch {
	case s.Each, p.Overlap == OverlapAllow:
	case p.Overlap == OverlapQueue:
		if len(waiting) > 0 {
			d.fold(s, s.N, Skipped, "overlap: a run waits already", waiting[0].ID)
			return
		}
	case p.Overlap == OverlapReplace:
		for _, r := range waiting {
			d.batch.Ends = append(d.batch.Ends, End{r.ID, Replaced, replacedBy(id)})
			d.queued[r.Queue]--
			d.gone[r.ID] = true
		}
		for _, r := range live {
			d.batch.Stops = append(d.batch.Stops, End{r.ID, Replaced, replacedBy(id)})
		}
	default:
		if len(live) > 0 {
			d.fold(s, s.N, Skipped, "overlap: still running", live[0].ID)
			return
		}
		if len(waiting) > 0 {
			d.fold(s, s.N, Skipped, "overlap: still waiting", waiting[0].ID)
			return
		}
	}
	d.batch.Runs = append(d.batch.Runs, Run{
		ID: id, Task: s.Task, Cause: s.Cause, State: Queued,
		Scheduled: s.Last, Queued: d.now, Queue: p.Queue, Priority: p.Priority,
	})
	d.queued[p.Queue]++
	if s.N > 1 {
		rest := s
		rest.Last = s.Prev
		d.fold(rest, s.N-1, Skipped, "coalesced: a newer slot was due too", id)
	}
}

func replacedBy(id string) string { return "replaced by " + id }

// fold adds a row for n slots of s that are not executed.
func (d *decision) fold(s Slot, n int, o Outcome, why, by string) {
	d.batch.Folds = append(d.batch.Folds, Run{
		ID: SlotID(s.Task, s.First, s.Epoch), Task: s.Task, Cause: s.Cause, Outcome: o, Why: why, By: by,
		Scheduled: s.First, Finished: d.now, First: s.First, Last: s.Last, Count: n,
	})
}

// claim takes, in the order of the lanes, all that can start now.
func (d *decision) claim() {
	ready := slices.Clone(d.batch.Runs)
	for _, runs := range d.v.waiting {
		for _, r := range runs {
			if !d.gone[r.ID] {
				ready = append(ready, r)
			}
		}
	}
	slices.SortFunc(ready, laneOrder)
	total, busy, taken := d.v.total, map[string]int{}, map[string]bool{}
	for _, r := range ready {
		if d.v.MaxRunning > 0 && total >= d.v.MaxRunning {
			return
		}
		if q, ok := d.v.Queues[r.Queue]; ok && d.v.running[r.Queue]+busy[r.Queue] >= q.Workers {
			continue
		}
		if d.v.policy(r.Task).Overlap != OverlapAllow && (len(d.v.live[r.Task]) > 0 || taken[r.Task]) {
			continue
		}
		d.batch.Claim = append(d.batch.Claim, r.ID)
		total++
		busy[r.Queue]++
		taken[r.Task] = true
		d.queued[r.Queue]--
	}
}

// refuse turns the newest of the new runs that would have to wait in a lane
// without room into skipped slots.
func (d *decision) refuse() {
	claimed := map[string]bool{}
	for _, id := range d.batch.Claim {
		claimed[id] = true
	}
	for i := len(d.batch.Runs) - 1; i >= 0; i-- {
		r := d.batch.Runs[i]
		if claimed[r.ID] || !d.full(r) {
			continue
		}
		d.batch.Runs = slices.Delete(d.batch.Runs, i, i+1)
		d.queued[r.Queue]--
		// What it was to replace stays.
		stays := func(e End) bool { return e.Why == replacedBy(r.ID) }
		d.batch.Ends = slices.DeleteFunc(d.batch.Ends, stays)
		d.batch.Stops = slices.DeleteFunc(d.batch.Stops, stays)
		d.batch.Folds = append(d.batch.Folds, Run{
			ID: r.ID, Task: r.Task, Cause: r.Cause, Outcome: Skipped, Why: "queue full: " + cmp.Or(r.Queue, "too many wait"),
			Scheduled: r.Scheduled, Finished: d.now, First: r.Scheduled, Last: r.Scheduled, Count: 1,
		})
	}
}

// full reports whether more wait in the lane of r than may.
func (d *decision) full(r Run) bool {
	if q, ok := d.v.Queues[r.Queue]; ok {
		return d.v.queued[r.Queue]+d.queued[r.Queue] > q.Capacity
	}
	return len(d.v.waiting[r.Task]) >= UnqueuedCapacity
}

// laneOrder is the order in which waiting runs start: by priority, then by
// instant, slots before requests of the same instant, then by id.
func laneOrder(a, b Run) int {
	request := func(r Run) int {
		if r.Cause == CauseManual || r.Cause == CauseChain {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Scheduled.Compare(b.Scheduled),
		cmp.Compare(request(a), request(b)), cmp.Compare(a.ID, b.ID))
}

// slotRuns returns those of the runs that came of slots.
func slotRuns(runs []Run) []Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return r.Cause == CauseManual || r.Cause == CauseChain })
}
