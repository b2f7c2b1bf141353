package ledgertest

import (
	"context"

	"rota/internal/ledger"
	"rota/runner"
)

// Short is a ledger with a method for each part of a change that is committed by
// itself, for tests.
type Short struct{ ledger.Ledger }

// Advance commits a batch with a move of the cursor and changes of states.
func (s Short) Advance(ctx context.Context, from, to ledger.Cursor, b runner.Batch, states ...ledger.StateChange) ([]ledger.Lease, error) {
	done, err := s.Commit(ctx, ledger.Change{Cursor: &ledger.CursorMove{From: from, To: to}, Batch: b, States: states})
	return done.Leases, err
}

// Submit commits one request.
func (s Short) Submit(ctx context.Context, run runner.Run) (runner.Run, error) {
	done, err := s.Commit(ctx, ledger.Change{Requests: []runner.Run{run}})
	if err != nil {
		return runner.Run{}, err
	}
	return done.Requests[0], nil
}

// Claim commits claims alone.
func (s Short) Claim(ctx context.Context, ids []string) ([]ledger.Lease, error) {
	done, err := s.Commit(ctx, ledger.Change{Batch: runner.Batch{Claim: ids}})
	return done.Leases, err
}

// Note commits one note.
func (s Short) Note(ctx context.Context, l ledger.Lease, t runner.Transition) error {
	_, err := s.Commit(ctx, ledger.Change{Notes: []ledger.Note{{Lease: l, To: t}}})
	return err
}

// Finish commits the end of a run and what is asked for because of it.
func (s Short) Finish(ctx context.Context, l ledger.Lease, r runner.Result, next ...runner.Run) error {
	_, err := s.Commit(ctx, ledger.Change{Ends: []ledger.End{{Lease: l, Result: r, Next: next}}})
	return err
}

// FinishAnd is Finish with a change of a state.
func (s Short) FinishAnd(ctx context.Context, l ledger.Lease, r runner.Result, c ledger.StateChange, next ...runner.Run) error {
	_, err := s.Commit(ctx, ledger.Change{Ends: []ledger.End{{Lease: l, Result: r, Next: next}}, States: []ledger.StateChange{c}})
	return err
}

// Shift commits one move.
func (s Short) Shift(ctx context.Context, id string, from runner.State, t runner.Transition) error {
	_, err := s.Commit(ctx, ledger.Change{Moves: []ledger.Move{{ID: id, From: from, To: t}}})
	return err
}

// Cancel commits the cancelling of a run.
func (s Short) Cancel(ctx context.Context, id string, why runner.Reason) error {
	_, err := s.Commit(ctx, ledger.Change{Moves: []ledger.Move{ledger.Cancel(id, why)}})
	return err
}

// SetTask commits a change of a state, and the events that go with it.
func (s Short) SetTask(ctx context.Context, name string, prev, next ledger.TaskState, events ...ledger.Event) error {
	_, err := s.Commit(ctx, ledger.Change{States: []ledger.StateChange{{Name: name, Prev: prev, Next: next, Events: events}}})
	return err
}

// Event commits one event.
func (s Short) Event(ctx context.Context, e ledger.Event) error {
	_, err := s.Commit(ctx, ledger.Change{Events: []ledger.Event{e}})
	return err
}
