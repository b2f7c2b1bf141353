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

// table is where rows are kept. A method that only asks changes nothing; what
// find and newest return is changed by put alone.
type table interface {
	find(id string) (*row, error)             // the row that an id stands for; nil: none
	newest(task, parent string) (*row, error) // the row of the task with that parent, or none, that was written last; nil: none
	put(r *row) error                         // a new row, or a changed one
	queued(queue string) int                  // how many runs wait in the queue
	token(id string) string                   // of the lease of a run; "": nobody leases it
	lease(id, token string)                   // gives out a lease, or with "" ends it
}

// rules is what happens to rows, wherever they are kept. A change that is refused
// is undone by whoever keeps them.
type rules struct {
	table
	o Options
}

// commit does what a change says of runs.
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
	rows := inOrder(b)
	for _, run := range rows {
		if err := check(run); err != nil {
			return nil, err
		}
	}
	if err := u.room(b); err != nil {
		return nil, err
	}
	for _, e := range b.Ends {
		r, err := u.find(e.ID)
		if err != nil {
			return nil, err
		}
		if r != nil && r.run.ID == e.ID && r.waits() {
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
	if err := checkAsked(run); err != nil {
		return runner.Run{}, err
	}
	run = kept(run)
	switch r, err := u.find(run.ID); {
	case err != nil:
		return runner.Run{}, err
	case r != nil && r.run.ID == run.ID && r.replaceable(run):
		if err := u.replace(r, run); err != nil {
			return runner.Run{}, err
		}
		return r.copy(), nil
	case r != nil && !same(r.run, run):
		return runner.Run{}, fmt.Errorf("%w: %s", ErrExists, run.ID)
	case r != nil:
		return r.copy(), nil
	}
	if run.State == runner.Queued && u.full(run.Queue, 1) {
		return runner.Run{}, fmt.Errorf("%w: %s", ErrQueueFull, run.Queue)
	}
	r, err := u.add(run)
	if err != nil {
		return runner.Run{}, err
	}
	return r.copy(), nil
}

// same reports whether two runs with one id ask for the same.
func same(a, b runner.Run) bool {
	if a.Task != b.Task || a.Cause != b.Cause || a.Content != b.Content {
		return false
	}
	return a.Content != "" || a.Scheduled.Equal(b.Scheduled) && a.On == b.On && a.Input == b.Input && maps.Equal(a.Params, b.Params)
}

// replaceable reports whether a recurring request may become the one asked for.
func (r *row) replaceable(run runner.Run) bool {
	if run.State != runner.Recurring || r.run.On == "" {
		return false
	}
	return r.run.State == "" || r.run.State == runner.Recurring && !same(r.run, run)
}

// replace lets a recurring request ask for something else.
func (u rules) replace(r *row, run runner.Run) error {
	run.Queued = cmp.Or(r.run.Queued, run.Queued)
	why := "changed"
	if r.run.State == "" {
		why = "asked for again"
	}
	r.run, r.asked = run, true
	return u.step(r, runner.Transition{State: runner.Recurring, Why: why, On: run.On})
}

// inOrder returns what b adds in the order of the slots, so that a summary finds
// the row before it.
func inOrder(b runner.Batch) []runner.Run {
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

// check refuses what cannot be a row.
func check(run runner.Run) error {
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

// checkTimes refuses times of a run that nobody could be told of: a list with one of
// them could not be written as JSON.
func checkTimes(id string, times ...time.Time) error {
	for _, t := range times {
		if !tellable(t.UnixMicro()) {
			return fmt.Errorf("run %s: a time in the year %d is out of range", id, t.UTC().Year())
		}
	}
	return nil
}

// checkAsked refuses what cannot be asked for.
func checkAsked(run runner.Run) error {
	if err := check(run); err != nil {
		return err
	}
	if run.State == "" {
		return fmt.Errorf("run %s: a run asked for must have a state", run.ID)
	}
	return nil
}

// room returns ErrQueueFull if after the batch more runs would wait in a queue
// than before it and than may. What is over the capacity already, as after a
// reload, does not stop a batch that adds nothing.
func (u rules) room(b runner.Batch) error {
	more := map[string]int{}     // by queue
	fresh := map[string]string{} // the queue of each new run that waits, by id
	gone := map[string]bool{}    // runs that wait no more
	leaves := func(id string) error {
		r, err := u.find(id)
		if r != nil && r.run.State == runner.Queued && !gone[id] {
			gone[id] = true
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
			if !gone[id] {
				gone[id] = true
				more[queue]--
			}
			continue
		}
		if err := leaves(id); err != nil {
			return err
		}
	}
	for queue, n := range more {
		if n > 0 && u.full(queue, n) {
			return fmt.Errorf("%w: %s", ErrQueueFull, queue)
		}
	}
	return nil
}

// full reports whether a queue has no room for more runs.
func (u rules) full(queue string, more int) bool {
	capacity := u.o.Queues(queue)
	return capacity > 0 && u.queued(queue)+more > capacity
}

// add writes a row, unless its id is there already, and returns the row that
// its id stands for from now on.
func (u rules) add(run runner.Run) (*row, error) {
	if r, err := u.find(run.ID); r != nil || err != nil {
		return r, err
	}
	run = kept(run)
	s := slotOf(run.ID)
	if run.IsSummary() {
		r, err := u.newest(run.Task, run.Parent)
		if err != nil {
			return nil, err
		}
		if r != nil && r.absorb(run, s) {
			return r, u.put(r)
		}
	}
	r := &row{slot: s, run: run}
	return r, u.step(r, runner.Transition{
		Time:  cmp.Or(run.Finished, run.Started, run.Queued),
		State: run.State, Outcome: run.Outcome, Reason: run.Reason, Why: run.Why,
	})
}

// step moves a row on; t has a state or an outcome.
func (u rules) step(r *row, t runner.Transition) error {
	if t.Time.IsZero() {
		t.Time = u.o.Now()
	}
	if err := checkTimes(r.run.ID, t.Time, t.Until); err != nil {
		return err
	}
	t.Time, t.Until = instant(t.Time), instant(t.Until)
	r.run.State, r.run.Outcome, r.run.Reason, r.run.Why = t.State, t.Outcome, t.Reason, t.Why
	r.steps = append(r.steps, t)
	switch t.State {
	case runner.Queued:
		r.run.Queued = t.Time
	case runner.Delayed:
		r.run.NotBefore = cmp.Or(t.Until, r.run.NotBefore)
	case runner.Recurring:
		if t.On != "" && t.On != r.run.On {
			r.run.On, r.asked = t.On, true
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
