package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"rota/runner"
)

// Claim implements [Ledger].
func (m *Memory) Claim(ctx context.Context, ids []string) ([]Lease, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.claim(ids), nil
}

func (m *Memory) claim(ids []string) []Lease {
	var leases []Lease
	now := m.o.Now()
	for _, id := range ids {
		r := m.rows[id]
		if r == nil || r.token != "" {
			continue
		}
		switch s := r.run.State; {
		case s == runner.Running:
		case s == runner.Queued, s == runner.Delayed && !r.run.Scheduled.After(now):
			r.run.Started = now
			r.run.Attempts++
			m.step(r, runner.Transition{Time: now, State: runner.Running})
		default:
			continue
		}
		r.token = rand.Text()
		leases = append(leases, Lease{Run: r.copy(), Token: r.token})
	}
	return leases
}

// leased returns the row of a lease; the caller must hold the lock.
func (m *Memory) leased(l Lease) (*row, error) {
	if r := m.rows[l.Run.ID]; r != nil && l.Token != "" && r.token == l.Token {
		return r, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrFenced, l.Run.ID)
}

// Renew implements [Ledger]. Here a lease lasts as long as the process.
func (m *Memory) Renew(ctx context.Context, l Lease) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	_, err := m.leased(l)
	return err
}

// Note implements [Ledger].
func (m *Memory) Note(ctx context.Context, l Lease, t runner.Transition) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.leased(l)
	if err != nil {
		return err
	}
	if t.State == "" || t.Outcome != "" {
		return fmt.Errorf("note on %s: it must have a state and no outcome", l.Run.ID)
	}
	m.step(r, t)
	return nil
}

// Finish implements [Ledger].
func (m *Memory) Finish(ctx context.Context, l Lease, res runner.Result) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.leased(l)
	if err != nil {
		return err
	}
	if res.Outcome == "" {
		return fmt.Errorf("end of %s: it must have an outcome", l.Run.ID)
	}
	r.run.Exit, r.run.Signal, r.run.Error = res.Exit, res.Signal, res.Error
	r.run = r.copy() // so that Exit is ours
	m.step(r, runner.Transition{Time: res.Finished, Outcome: res.Outcome, Why: res.Why})
	return nil
}

// Shift implements [Ledger].
func (m *Memory) Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r := m.find(id)
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if (t.State == "") == (t.Outcome == "") {
		return fmt.Errorf("shift of %s: there must be a state or an outcome, not both", id)
	}
	if r.token != "" || r.run.State != from || from == "" {
		return fmt.Errorf("%w: %s is %s", ErrConflict, id, r.where())
	}
	m.step(r, t)
	return nil
}

// Cancel implements [Ledger].
func (m *Memory) Cancel(ctx context.Context, id, why string) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r := m.find(id)
	if r == nil {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if !r.waits() {
		return fmt.Errorf("%w: %s is %s", ErrConflict, id, r.where())
	}
	m.step(r, runner.Transition{Outcome: runner.Cancelled, Why: why})
	return nil
}

// where returns the state or the outcome, for people.
func (r *row) where() string { return cmp.Or(string(r.run.State), string(r.run.Outcome)) }

// Get implements [Ledger].
func (m *Memory) Get(ctx context.Context, id string) (runner.Run, []runner.Transition, error) {
	if err := m.lock(ctx); err != nil {
		return runner.Run{}, nil, err
	}
	defer m.mu.Unlock()
	r := m.find(id)
	if r == nil {
		return runner.Run{}, nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return r.copy(), slices.Clone(r.steps), nil
}

// List implements [Ledger].
func (m *Memory) List(ctx context.Context, f Filter) ([]runner.Run, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var rows []*row
	for task, h := range m.tasks {
		if f.Task != "" && f.Task != task {
			continue
		}
		for _, r := range h.rows {
			if len(f.States) == 0 || slices.Contains(f.States, r.run.State) {
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(b.number, a.number) })
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	runs := make([]runner.Run, len(rows))
	for i, r := range rows {
		runs[i] = r.copy()
	}
	return runs, nil
}

// OpenLog implements [Ledger].
func (m *Memory) OpenLog(ctx context.Context, id string) (io.ReadCloser, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	known := m.rows[id] != nil // so that no id leads astray in the file system
	m.mu.Unlock()
	if !known || m.o.LogPath == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	f, err := os.Open(m.o.LogPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no output", ErrNotFound, id)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Prune implements [Ledger].
func (m *Memory) Prune(ctx context.Context, keep int) (int, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	var errs []error
	total := 0
	for _, h := range m.tasks {
		n, err := m.forget(h, keep)
		total += n
		errs = append(errs, err)
	}
	return total, errors.Join(errs...)
}
