package runner

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// View is the registry of all runs without an outcome, with the queues and the
// policies in force: the input of [Decide]. The engine owns it; it is not safe for use by
// several goroutines.
type View struct {
	Policy     func(task string) (Policy, bool) // the policy in force; false: no such task
	Queues     map[string]Queue
	MaxRunning int // 0: no limit

	// Held returns why a task is held; false: it is not. nil: no task is held.
	Held func(task string) (why Reason, held bool)
	// Binding reports whether a hold of a task is one that only a run with Binding
	// is forced through; nil: no hold is.
	Binding  func(task string) bool
	Stopped  func(queue string) bool // the queue starts nothing; nil: none is stopped
	Draining bool                    // nothing starts at all
	// NoRoom reports whether a task's runs need room on the disk to start, and there
	// is none: they wait for it. Nil: there is.
	NoRoom func(task string) bool
	// Ready tells whether the condition of a run holds that could start; nil: all do.
	Ready func(r *Run) Readiness

	live    map[string][]Run // by task
	waiting map[string][]Run // by task
	running map[string]int   // live runs, by queue
	queued  map[string]int   // waiting runs, by queue
	total   int              // live runs

	parked map[string]map[string]Run // by task and id: runs that are delayed, held or recurring
}

// Add adds a run by its state: Running is live, Queued waits for a worker; in any other
// state it is parked: it waits for a time or for a release, and takes no room in a queue.
// It replaces a parked run of that id.
func (v *View) Add(r Run) {
	v.unpark(r.Task, r.ID)
	if v.live == nil {
		v.live, v.waiting = map[string][]Run{}, map[string][]Run{}
		v.running, v.queued = map[string]int{}, map[string]int{}
	}
	switch r.State {
	case Delayed, Held, Recurring:
		if v.parked == nil {
			v.parked = map[string]map[string]Run{}
		}
		if v.parked[r.Task] == nil {
			v.parked[r.Task] = map[string]Run{}
		}
		v.parked[r.Task][r.ID] = r
		return
	}
	r.Queue = v.queueOf(r)
	switch r.State {
	case Running:
		v.live[r.Task] = append(v.live[r.Task], r)
		v.running[r.Queue]++
		v.total++
	case Queued:
		v.waiting[r.Task] = append(v.waiting[r.Task], r)
		v.queued[r.Queue]++
	}
}

// queueOf is the queue of a run; if that is not declared any more, its task's.
func (v *View) queueOf(r Run) string {
	if !v.known(r.Task) {
		return r.Queue // it may return, and the queue with it
	}
	if _, ok := v.Queues[r.Queue]; !ok && r.Queue != "" {
		return v.policy(r.Task).Queue
	}
	return r.Queue
}

// Requeue puts all runs into their queues again, after Queues or policies have
// changed.
func (v *View) Requeue() {
	all := append(v.Live(""), v.Waiting("")...)
	v.live, v.waiting, v.running, v.queued, v.total = nil, nil, nil, nil, 0
	for _, r := range all {
		v.Add(r)
	}
}

// Remove removes a run, and returns it; false: it was not there.
func (v *View) Remove(id string) (Run, bool) {
	task, _ := SplitID(id)
	if r, ok := take(v.live, task, id); ok {
		v.running[r.Queue]--
		v.total--
		return r, true
	}
	if r, ok := take(v.waiting, task, id); ok {
		v.queued[r.Queue]--
		return r, true
	}
	return v.unpark(task, id)
}

func (v *View) unpark(task, id string) (Run, bool) {
	r, ok := v.parked[task][id]
	if ok {
		if delete(v.parked[task], id); len(v.parked[task]) == 0 {
			delete(v.parked, task)
		}
	}
	return r, ok
}

// Parked returns the runs of a task or, for "", of all, that are in one of the
// states Delayed, Held and Recurring, or with states in one of those; by id.
func (v *View) Parked(task string, states ...State) []Run {
	var all []Run
	for name, runs := range v.parked {
		if task != "" && name != task {
			continue
		}
		for _, r := range runs {
			if len(states) == 0 || slices.Contains(states, r.State) {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b Run) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// ParkedAs returns a run that is in one state.
func (v *View) ParkedAs(id string, s State) (Run, bool) {
	task, _ := SplitID(id)
	r, ok := v.parked[task][id]
	if !ok || r.State != s {
		return Run{}, false
	}
	return r, true
}

// CountParked is how many runs of a task are parked.
func (v *View) CountParked(task string) int { return len(v.parked[task]) }

// Shift moves when the waiting runs were queued, after the clock was set by so much.
func (v *View) Shift(by time.Duration) {
	for _, runs := range v.waiting {
		for i := range runs {
			runs[i].Queued = runs[i].Queued.Add(by)
		}
	}
}

// CountQueued is how many runs wait for a worker of a queue; "": of none.
func (v *View) CountQueued(queue string) int { return v.queued[queue] }

// LiveByTask returns how many runs are under way of each task that has any.
func (v *View) LiveByTask() map[string]int {
	n := make(map[string]int, len(v.live))
	for task, runs := range v.live {
		n[task] = len(runs)
	}
	return n
}

// Find returns a run without an outcome, in whatever state.
func (v *View) Find(id string) (Run, bool) {
	task, _ := SplitID(id)
	if r, ok := v.parked[task][id]; ok {
		return r, true
	}
	for _, runs := range [][]Run{v.live[task], v.waiting[task]} {
		if i := slices.IndexFunc(runs, func(r Run) bool { return r.ID == id }); i >= 0 {
			return runs[i], true
		}
	}
	return Run{}, false
}

// Has reports whether there is a run without an outcome of a task, in whatever state.
func (v *View) Has(task string) bool {
	return len(v.live[task])+len(v.waiting[task])+len(v.parked[task]) > 0
}

// Apply updates the view after the batch was recorded: new runs, ended runs, and claimed
// runs as live.
func (v *View) Apply(b Batch, claimed []Run) {
	for _, r := range b.Runs {
		v.Add(r)
	}
	for _, e := range b.Ends {
		v.Remove(e.ID)
	}
	for _, r := range claimed {
		v.Remove(r.ID)
		v.Add(r)
	}
}

// Live returns the runs under way, those of one task or, for "", all.
func (v *View) Live(task string) []Run { return runsOf(v.live, task) }

// Waiting returns the runs that wait, those of one task or, for "", all.
func (v *View) Waiting(task string) []Run { return runsOf(v.waiting, task) }

// Pending yields the runs that have not started, in no order. They must not be changed.
func (v *View) Pending() iter.Seq[*Run] {
	return func(yield func(*Run) bool) {
		for _, runs := range v.waiting {
			for i := range runs {
				if !yield(&runs[i]) {
					return
				}
			}
		}
		for _, runs := range v.parked {
			for _, r := range runs {
				if !yield(&r) {
					return
				}
			}
		}
	}
}

func runsOf(m map[string][]Run, task string) []Run {
	if task != "" {
		return slices.Clone(m[task])
	}
	var all []Run
	for _, runs := range m {
		all = append(all, runs...)
	}
	slices.SortFunc(all, func(a, b Run) int { return startOrder(&a, &b) })
	return all
}

func (v *View) policy(task string) Policy {
	if v.Policy == nil {
		return Policy{}
	}
	p, _ := v.Policy(task)
	return p
}

// known reports whether a task exists. Nothing of an unknown task starts; the caller
// decides on its waiting runs.
func (v *View) known(task string) bool {
	if v.Policy == nil {
		return true
	}
	_, ok := v.Policy(task)
	return ok
}

// heldBy returns whether a task is held, and why.
func (v *View) heldBy(task string) (Reason, bool) {
	if v.Held == nil {
		return Reason{}, false
	}
	return v.Held(task)
}

// forced reports whether a run starts although its task is held.
func (v *View) forced(r *Run) bool {
	return r.Force && (r.Binding || v.Binding == nil || !v.Binding(r.Task))
}

// closed reports whether nothing may start in a queue for now.
func (v *View) closed(queue string) bool {
	return v.Draining || queue != "" && v.Stopped != nil && v.Stopped(queue)
}

// take removes the run with that id from m.
func take(m map[string][]Run, task, id string) (Run, bool) {
	i := slices.IndexFunc(m[task], func(r Run) bool { return r.ID == id })
	if i < 0 {
		return Run{}, false
	}
	r := m[task][i]
	if m[task] = slices.Delete(m[task], i, i+1); len(m[task]) == 0 {
		delete(m, task)
	}
	return r, true
}
