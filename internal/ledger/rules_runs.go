package ledger

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"

	"rota/runner"
)

// claim implements [Ledger].
func (u rules) claim(ids []string) ([]Lease, error) {
	var leases []Lease
	now := instant(u.o.Now())
	for _, id := range ids {
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
			r.run.Started = now
			r.run.Attempts++
			if u.o.Users != nil {
				r.run.User = u.o.Users(r.run)
			}
			if err := u.step(r, runner.Transition{Time: now, State: runner.Running}); err != nil {
				return nil, err
			}
		default:
			continue
		}
		l := Lease{Run: r.copy(), Token: rand.Text()}
		u.lease(id, l.Token)
		leases = append(leases, l)
	}
	return leases, nil
}

// leased returns the row of a lease.
func (u rules) leased(l Lease) (*row, error) {
	if l.Token != "" && u.token(l.Run.ID) == l.Token {
		if r, err := u.find(l.Run.ID); r != nil || err != nil {
			return r, err
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrFenced, l.Run.ID)
}

// note implements [Ledger].
func (u rules) note(l Lease, t runner.Transition) error {
	r, err := u.leased(l)
	if err != nil {
		return err
	}
	if t.State == "" || t.Outcome != "" {
		return fmt.Errorf("note on %s: it must have a state and no outcome", l.Run.ID)
	}
	return u.step(r, t)
}

// finish implements [Ledger].
func (u rules) finish(l Lease, res runner.Result, next []runner.Run) error {
	r, err := u.leased(l)
	if err != nil {
		return err
	}
	for _, run := range next {
		if err := checkAsked(run); err != nil {
			return err
		}
	}
	if res.Outcome == "" {
		return fmt.Errorf("end of %s: it must have an outcome", l.Run.ID)
	}
	r.run.Exit, r.run.Signal, r.run.Error, r.run.Result = res.Exit, res.Signal, res.Error, res.Result
	r.run = r.copy() // so that Exit is ours
	if err := u.step(r, runner.Transition{Time: res.Finished, Outcome: res.Outcome, Reason: res.Reason, Why: res.Why}); err != nil {
		return err
	}
	for _, run := range next {
		if _, err := u.submit(run); err != nil && !errors.Is(err, ErrExists) && !errors.Is(err, ErrQueueFull) {
			return err
		}
	}
	return nil
}

// shift implements [Ledger].
func (u rules) shift(id string, from runner.State, t runner.Transition) error {
	r, err := u.known(id)
	if err != nil {
		return err
	}
	if (t.State == "") == (t.Outcome == "") {
		return fmt.Errorf("shift of %s: there must be a state or an outcome, not both", id)
	}
	if u.token(r.run.ID) != "" || r.run.State != from || from == "" {
		return fmt.Errorf("%w: %s is %s", ErrConflict, id, r.where())
	}
	return u.step(r, t)
}

// cancel implements [Ledger].
func (u rules) cancel(id string, why runner.Reason) error {
	r, err := u.known(id)
	if err != nil {
		return err
	}
	if !r.waits() {
		return fmt.Errorf("%w: %s is %s", ErrConflict, id, r.where())
	}
	return u.step(r, runner.Transition{Outcome: runner.Cancelled}.Because(why))
}

// known returns the row that an id stands for, or ErrNotFound.
func (u rules) known(id string) (*row, error) {
	r, err := u.find(id)
	if err == nil && r == nil {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return r, err
}
