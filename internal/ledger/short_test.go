package ledger

import (
	"context"

	"rota/runner"
)

// The methods below commit one part of a change each, as ledgertest.Short does, which
// the tests of this package cannot import.

// Advance commits a batch with a move of the cursor and changes of states.
func (s *SQLite) Advance(ctx context.Context, from, to Cursor, b runner.Batch, states ...StateChange) ([]Lease, error) {
	done, err := s.Commit(ctx, Change{Cursor: &CursorMove{From: from, To: to}, Batch: b, States: states})
	return done.Leases, err
}

// Submit commits one request.
func (s *SQLite) Submit(ctx context.Context, run runner.Run) (runner.Run, error) {
	done, err := s.Commit(ctx, Change{Requests: []runner.Run{run}})
	if err != nil {
		return runner.Run{}, err
	}
	return done.Requests[0], nil
}

// Claim commits claims alone.
func (s *SQLite) Claim(ctx context.Context, ids []string) ([]Lease, error) {
	done, err := s.Commit(ctx, Change{Batch: runner.Batch{Claim: ids}})
	return done.Leases, err
}

// Note commits one note.
func (s *SQLite) Note(ctx context.Context, l Lease, t runner.Transition) error {
	_, err := s.Commit(ctx, Change{Notes: []Note{{Lease: l, To: t}}})
	return err
}

// Finish commits the end of a run and what is asked for because of it.
func (s *SQLite) Finish(ctx context.Context, l Lease, r runner.Result, next ...runner.Run) error {
	_, err := s.Commit(ctx, Change{Ends: []End{{Lease: l, Result: r, Next: next}}})
	return err
}

// FinishAnd is Finish with a change of a state.
func (s *SQLite) FinishAnd(ctx context.Context, l Lease, r runner.Result, c StateChange, next ...runner.Run) error {
	_, err := s.Commit(ctx, Change{Ends: []End{{Lease: l, Result: r, Next: next}}, States: []StateChange{c}})
	return err
}

// Shift commits one move.
func (s *SQLite) Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error {
	_, err := s.Commit(ctx, Change{Moves: []Move{{ID: id, From: from, To: t}}})
	return err
}

// Cancel commits the cancelling of a run.
func (s *SQLite) Cancel(ctx context.Context, id string, why runner.Reason) error {
	_, err := s.Commit(ctx, Change{Moves: []Move{Cancel(id, why)}})
	return err
}

// SetTask commits a change of a state, and the events that go with it.
func (s *SQLite) SetTask(ctx context.Context, name string, prev, next TaskState, events ...Event) error {
	_, err := s.Commit(ctx, Change{States: []StateChange{{Name: name, Prev: prev, Next: next, Events: events}}})
	return err
}

// Event commits one event.
func (s *SQLite) Event(ctx context.Context, e Event) error {
	_, err := s.Commit(ctx, Change{Events: []Event{e}})
	return err
}
