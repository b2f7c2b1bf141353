package ledger

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"

	"rota/runner"
)

// claim grants leases: see [Change.Batch].
func (u rules) claim(b runner.Batch) ([]Lease, error) {
	var leases []Lease
	now := normalizeTime(u.o.Now())
	for _, id := range b.Claim {
		r, err := u.find(id)
		if err != nil {
			return nil, err
		}
		if r == nil || r.run.ID != id || u.token(id) != "" {
			continue
		}
		switch s := r.run.State; {
		case s == runner.Running:
		case s == runner.Queued, s == runner.Delayed && !cmp.Or(r.run.NotBefore, r.run.Scheduled).After(now):
			started := now
			if b.Ahead.After(now) && r.run.Scheduled.Equal(b.Ahead) {
				started = b.Ahead
			}
			r.run.Started = started
			r.run.Attempts++
			r.run.Exit, r.run.Signal, r.run.Error, r.run.Usage = nil, "", "", runner.Usage{} // of the attempt before
			if r.run.Trace == "" {
				r.run.Trace = runner.NewTrace()
			}
			if u.o.Users != nil {
				r.run.User = u.o.Users(r.run)
			}
			if err := u.step(r, runner.Transition{Time: started, State: runner.Running}); err != nil {
				return nil, err
			}
		default:
			continue
		}
		l := Lease{Run: r.export(), Token: rand.Text()}
		u.lease(id, l.Token)
		leases = append(leases, l)
	}
	return leases, nil
}

// leasedRow returns the row of a lease.
func (u rules) leasedRow(l Lease) (*row, error) {
	if l.Token != "" && u.token(l.Run.ID) == l.Token {
		if r, err := u.find(l.Run.ID); r != nil || err != nil {
			return r, err
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrFenced, l.Run.ID)
}

// note adds a transition to a run under way.
func (u rules) note(n Note) error {
	r, err := u.leasedRow(n.Lease)
	if err != nil {
		return err
	}
	if n.To.State == "" || n.To.Outcome != "" {
		return fmt.Errorf("note on %s: it must have a state and no outcome", n.Lease.Run.ID)
	}
	if n.Ended != nil {
		r.run.Exit, r.run.Signal, r.run.Error, r.run.Usage = n.Ended.Exit, n.Ended.Signal, n.Ended.Error, n.Ended.Usage
		r.run = r.export() // so that Exit is not shared
	}
	return u.step(r, n.To)
}

// finish ends a run under way.
func (u rules) finish(e End) error {
	r, err := u.leasedRow(e.Lease)
	if err != nil {
		return err
	}
	for _, run := range e.Next {
		if err := checkRequest(run); err != nil {
			return err
		}
	}
	res := e.Result
	if res.Outcome == "" {
		return fmt.Errorf("end of %s: it must have an outcome", e.Lease.Run.ID)
	}
	r.run.Exit, r.run.Signal, r.run.Error, r.run.Result, r.run.Usage = res.Exit, res.Signal, res.Error, res.Result, res.Usage
	r.run = r.export() // so that Exit is not shared
	if err := u.step(r, runner.Transition{Time: res.Finished, Outcome: res.Outcome, Reason: res.Reason, Why: res.Why}); err != nil {
		return err
	}
	for _, run := range e.Next {
		if _, err := u.submit(run); err != nil && !errors.Is(err, ErrExists) && !errors.Is(err, ErrQueueFull) {
			return err
		}
	}
	return nil
}

// move moves a run without a lease.
func (u rules) move(m Move) error {
	r, err := u.mustFind(m.ID)
	if err != nil {
		return err
	}
	if (m.To.State == "") == (m.To.Outcome == "") {
		return fmt.Errorf("move of %s: there must be a state or an outcome, not both", m.ID)
	}
	if u.token(r.run.ID) != "" || (m.From == "" && !r.isPending()) || (m.From != "" && r.run.State != m.From) {
		return fmt.Errorf("%w: %s is %s", ErrConflict, m.ID, r.stateOrOutcome())
	}
	if m.Content != "" && m.Content != r.run.Content {
		return fmt.Errorf("%w: %s was requested with other content", ErrConflict, m.ID)
	}
	return u.step(r, m.To)
}

// mustFind returns the row of an id, or ErrNotFound.
func (u rules) mustFind(id string) (*row, error) {
	r, err := u.find(id)
	if err == nil && r == nil {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return r, err
}
