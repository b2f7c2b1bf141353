package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"rota/runner"
)

// table stores rows. A method that reads changes nothing; only put changes the rows that
// find and newest return.
type table interface {
	find(id string) (*row, error)             // the row with that id; nil: none
	newest(task, parent string) (*row, error) // the row of the task with that parent, or none, that was written last; nil: none
	put(r *row) error                         // a new row, or a changed one
	queued(queue string) int                  // how many runs are queued there
	token(id string) string                   // of the lease of a run; "": it has none
	lease(id, token string)                   // grants a lease, or ends it with ""
}

// rules applies changes to rows, whatever stores them. The table undoes a change that is
// refused.
type rules struct {
	table
	o Options
}

// commit applies the parts of a change that concern runs.
func (u rules) commit(c Change) (done Committed, err error) {
	if done.Leases, err = u.advance(c.Batch); err != nil {
		return done, err
	}
	for _, run := range c.Requests {
		known, err := u.submit(run)
		if err != nil {
			return done, err
		}
		done.Requests = append(done.Requests, known)
	}
	for _, m := range c.Moves {
		if err := u.move(m); err != nil {
			return done, err
		}
	}
	for _, n := range c.Notes {
		if err := u.note(n); err != nil {
			return done, err
		}
	}
	for _, e := range c.Ends {
		if err := u.finish(e); err != nil {
			return done, err
		}
	}
	return done, nil
}

// advance writes a batch, and returns the leases it asks for.
func (u rules) advance(b runner.Batch) ([]Lease, error) {
	rows := slotOrder(b)
	for _, run := range rows {
		if err := checkRun(run); err != nil {
			return nil, err
		}
	}
	if err := u.checkCapacity(b); err != nil {
		return nil, err
	}
	for _, e := range b.Ends {
		r, err := u.find(e.ID)
		if err != nil {
			return nil, err
		}
		if r != nil && r.run.ID == e.ID && r.isPending() {
			if err := u.step(r, runner.Transition{Outcome: e.Outcome, Reason: e.Reason, Why: e.Why}); err != nil {
				return nil, err
			}
		}
	}
	for _, run := range rows {
		if _, err := u.add(run); err != nil {
			return nil, err
		}
	}
	return u.claim(b)
}

// submit adds a request: see [Change.Requests].
func (u rules) submit(run runner.Run) (runner.Run, error) {
	if err := checkRequest(run); err != nil {
		return runner.Run{}, err
	}
	run = normalizeRun(run)
	switch r, err := u.find(run.ID); {
	case err != nil:
		return runner.Run{}, err
	case r != nil && r.run.ID == run.ID && r.mayReplace(run):
		if err := u.replace(r, run); err != nil {
			return runner.Run{}, err
		}
		return r.export(), nil
	case r != nil && !sameRequest(r.run, run):
		return runner.Run{}, fmt.Errorf("%w: %s", ErrExists, run.ID)
	case r != nil:
		return r.export(), nil
	}
	if run.State == runner.Queued && u.queueFull(run.Queue, 1) {
		return runner.Run{}, fmt.Errorf("%w: %s", ErrQueueFull, run.Queue)
	}
	r, err := u.add(run)
	if err != nil {
		return runner.Run{}, err
	}
	return r.export(), nil
}

// sameRequest reports whether two runs with one id are the same request.
func sameRequest(a, b runner.Run) bool {
	if a.Task != b.Task || a.Cause != b.Cause || a.Content != b.Content {
		return false
	}
	return a.Content != "" || a.Scheduled.Equal(b.Scheduled) && a.On == b.On && a.Input == b.Input && maps.Equal(a.Params, b.Params)
}

// mayReplace reports whether run may replace the recurring request.
func (r *row) mayReplace(run runner.Run) bool {
	if run.State != runner.Recurring || r.run.On == "" {
		return false
	}
	return r.run.State == "" || r.run.State == runner.Recurring && !sameRequest(r.run, run)
}

// replace changes the content of a recurring request.
func (u rules) replace(r *row, run runner.Run) error {
	run.Queued = cmp.Or(r.run.Queued, run.Queued)
	why := "changed"
	if r.run.State == "" {
		why = "requested again"
	}
	r.run, r.requestChanged = run, true
	return u.step(r, runner.Transition{State: runner.Recurring, Why: why, On: run.On})
}

// slotOrder returns the rows of a batch in the order of their slots, so that a summary
// finds the row before it.
func slotOrder(b runner.Batch) []runner.Run {
	rows := slices.Concat(b.Summaries, b.Runs)
	at := func(r runner.Run) time.Time {
		if r.IsSummary() {
			return r.First
		}
		return r.Scheduled
	}
	slices.SortStableFunc(rows, func(a, b runner.Run) int { return at(a).Compare(at(b)) })
	return rows
}

// checkRun refuses a run that cannot be a row.
func checkRun(run runner.Run) error {
	if task, key := runner.SplitID(run.ID); task != run.Task || task == "" || key == "" {
		return fmt.Errorf("run %q of task %q: the id must be TASK/SLOT or TASK/KEY", run.ID, run.Task)
	}
	if (run.State == "") == (run.Outcome == "") {
		return fmt.Errorf("run %s: there must be a state or an outcome, not both", run.ID)
	}
	if run.IsSummary() && run.Outcome == "" {
		return fmt.Errorf("run %s: a summary row must have an outcome", run.ID)
	}
	return checkTimes(run.ID, run.Scheduled, run.Queued, run.Started, run.Finished, run.First, run.Last, run.NotBefore)
}

// checkTimes refuses times that JSON cannot hold: a list of runs with one of them could
// not be written.
func checkTimes(id string, times ...time.Time) error {
	for _, t := range times {
		if !inJSONRange(t.UnixMicro()) {
			return fmt.Errorf("run %s: a time in the year %d is out of range", id, t.UTC().Year())
		}
	}
	return nil
}

// checkRequest refuses a run that cannot be requested.
func checkRequest(run runner.Run) error {
	if err := checkRun(run); err != nil {
		return err
	}
	if run.State == "" {
		return fmt.Errorf("run %s: a requested run must have a state", run.ID)
	}
	return nil
}

// checkCapacity returns ErrQueueFull if the batch would grow a queue beyond its capacity. A
// queue that is over its capacity already, as after a reload, does not refuse a batch
// that adds nothing to it.
func (u rules) checkCapacity(b runner.Batch) error {
	more := map[string]int{}     // by queue
	fresh := map[string]string{} // the queue of each new queued run, by id
	removed := map[string]bool{} // runs that leave their queue
	leaves := func(id string) error {
		r, err := u.find(id)
		if r != nil && r.run.State == runner.Queued && !removed[id] {
			removed[id] = true
			more[r.run.Queue]--
		}
		return err
	}
	for _, e := range b.Ends {
		if err := leaves(e.ID); err != nil {
			return err
		}
	}
	for _, run := range b.Runs {
		if _, twice := fresh[run.ID]; twice || run.State != runner.Queued {
			continue
		}
		switch r, err := u.find(run.ID); {
		case err != nil:
			return err
		case r == nil:
			fresh[run.ID] = run.Queue
			more[run.Queue]++
		}
	}
	for _, id := range b.Claim {
		if queue, ok := fresh[id]; ok {
			if !removed[id] {
				removed[id] = true
				more[queue]--
			}
			continue
		}
		if err := leaves(id); err != nil {
			return err
		}
	}
	for queue, n := range more {
		if n > 0 && u.queueFull(queue, n) {
			return fmt.Errorf("%w: %s", ErrQueueFull, queue)
		}
	}
	return nil
}

// queueFull reports whether a queue has no room for so many more runs.
func (u rules) queueFull(queue string, more int) bool {
	capacity := u.o.Queues(queue)
	return capacity > 0 && u.queued(queue)+more > capacity
}

// add writes a row, unless its id exists, and returns the row of that id.
func (u rules) add(run runner.Run) (*row, error) {
	if r, err := u.find(run.ID); r != nil || err != nil {
		return r, err
	}
	run = normalizeRun(run)
	s := slotOf(run.ID)
	if run.IsSummary() {
		r, err := u.newest(run.Task, run.Parent)
		if err != nil {
			return nil, err
		}
		if r != nil && r.merge(run, s) {
			return r, u.put(r)
		}
	}
	r := &row{slot: s, run: run}
	return r, u.step(r, runner.Transition{
		Time:  cmp.Or(run.Finished, run.Started, run.Queued),
		State: run.State, Outcome: run.Outcome, Reason: run.Reason, Why: run.Why,
	})
}

// step applies a transition, to a state or an outcome, to a row.
func (u rules) step(r *row, t runner.Transition) error {
	if t.Time.IsZero() {
		t.Time = u.o.Now()
	}
	if err := checkTimes(r.run.ID, t.Time, t.Until); err != nil {
		return err
	}
	t.Time, t.Until = normalizeTime(t.Time), normalizeTime(t.Until)
	r.run.State, r.run.Outcome, r.run.Reason, r.run.Why = t.State, t.Outcome, t.Reason, t.Why
	r.transitions = append(r.transitions, t)
	switch t.State {
	case runner.Queued:
		r.run.Queued = t.Time
	case runner.Delayed:
		r.run.NotBefore = cmp.Or(t.Until, r.run.NotBefore)
	case runner.Recurring:
		if t.On != "" && t.On != r.run.On {
			r.run.On, r.requestChanged = t.On, true
		}
		r.run.NotBefore = cmp.Or(t.Until, r.run.NotBefore)
	case "":
		r.run.Finished = t.Time
	}
	if t.State != runner.Running {
		u.lease(r.run.ID, "")
	}
	return u.put(r)
}

// ErrClosed is the error of every method after Close.
var ErrClosed = errors.New("the ledger is closed")
