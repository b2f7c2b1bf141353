package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rota/runner"
)

// Advance implements [Ledger].
func (m *Memory) Advance(ctx context.Context, prev, next Cursor, b runner.Batch) ([]Lease, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if c := m.cursor; c.Epoch != prev.Epoch || c.Revision != prev.Revision || !c.Through.Equal(prev.Through) {
		return nil, ErrStale
	}
	rows := inOrder(b)
	for _, run := range rows {
		if err := check(run); err != nil {
			return nil, err
		}
	}
	if err := m.room(b); err != nil {
		return nil, err
	}
	m.cursor = next
	for _, e := range b.Ends {
		if r := m.rows[e.ID]; r != nil && r.waits() {
			m.step(r, runner.Transition{Outcome: e.Outcome, Why: e.Why})
		}
	}
	for _, run := range rows {
		m.add(run)
	}
	return m.claim(b.Claim), nil
}

// Submit implements [Ledger].
func (m *Memory) Submit(ctx context.Context, run runner.Run) (runner.Run, error) {
	if err := m.lock(ctx); err != nil {
		return runner.Run{}, err
	}
	defer m.mu.Unlock()
	if err := check(run); err != nil {
		return runner.Run{}, err
	}
	if run.State == "" {
		return runner.Run{}, fmt.Errorf("run %s: a run asked for must have a state", run.ID)
	}
	if r := m.find(run.ID); r != nil {
		if r.run.Task != run.Task || r.run.Cause != run.Cause || !r.run.Scheduled.Equal(run.Scheduled) {
			return runner.Run{}, fmt.Errorf("%w: %s", ErrExists, run.ID)
		}
		return r.copy(), nil
	}
	if run.State == runner.Queued && m.full(run.Queue, 1) {
		return runner.Run{}, fmt.Errorf("%w: %s", ErrQueueFull, run.Queue)
	}
	m.add(run)
	return m.rows[run.ID].copy(), nil
}

// inOrder returns what b adds in the order of the slots, so that a fold finds
// the row before it.
func inOrder(b runner.Batch) []runner.Run {
	rows := slices.Concat(b.Folds, b.Runs)
	at := func(r runner.Run) time.Time {
		if r.Folded() {
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
	if run.Folded() && run.Outcome == "" {
		return fmt.Errorf("run %s: a folded row must have an outcome", run.ID)
	}
	return nil
}

// room returns ErrQueueFull if after the batch more runs would wait in a queue
// than before it and than may. What is over the capacity already, as after a
// reload, does not stop a batch that adds nothing.
func (m *Memory) room(b runner.Batch) error {
	more := map[string]int{}     // by queue
	fresh := map[string]string{} // the queue of each new run that waits, by id
	gone := map[string]bool{}    // runs that wait no more
	leaves := func(id string) {
		if r := m.rows[id]; r != nil && r.run.State == runner.Queued && !gone[id] {
			gone[id] = true
			more[r.run.Queue]--
		}
	}
	for _, e := range b.Ends {
		leaves(e.ID)
	}
	for _, run := range b.Runs {
		if _, twice := fresh[run.ID]; !twice && run.State == runner.Queued && m.find(run.ID) == nil {
			fresh[run.ID] = run.Queue
			more[run.Queue]++
		}
	}
	for _, id := range b.Claim {
		if queue, ok := fresh[id]; ok && !gone[id] {
			gone[id] = true
			more[queue]--
		}
		leaves(id)
	}
	for queue, n := range more {
		if n > 0 && m.full(queue, n) {
			return fmt.Errorf("%w: %s", ErrQueueFull, queue)
		}
	}
	return nil
}

// full reports whether a queue has no room for more runs.
func (m *Memory) full(queue string, more int) bool {
	capacity := m.o.Queues(queue)
	return capacity > 0 && m.queued[queue]+more > capacity
}
