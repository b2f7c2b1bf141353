package engine

import (
	"context"
	"errors"
	"maps"

	"rota/internal/ledger"
)

// changeState changes and records the state of a task, or of a queue under its
// [ledger.QueueName], together with events.
func (eng *Engine) changeState(ctx context.Context, name string, f func(*ledger.TaskState), events ...ledger.Event) error {
	for range 2 {
		prev := eng.states[name]
		next := prev
		f(&next)
		_, err := eng.commitServing(ctx, ledger.Change{States: []ledger.StateChange{{Name: name, Prev: prev, Next: next, Events: events}}})
		if errors.Is(err, ledger.ErrConflict) {
			// Another process was first: apply f to its state.
			if eng.states[name], err = eng.ledger.Task(ctx, name); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		next.Version = prev.Version + 1
		eng.states[name] = next
		eng.publishEvents(events...)
		return nil
	}
	return ledger.ErrConflict
}

// event records an event of rota itself.
func (eng *Engine) event(ctx context.Context, e ledger.Event) {
	if _, err := eng.ledger.Commit(ctx, ledger.Change{Events: []ledger.Event{e}}); err != nil {
		eng.log.Error("cannot record an event", "kind", e.Kind, "error", err)
	}
	eng.publishEvents(e)
}

// taskStates returns the states of all tasks and queues. Their values are replaced on a
// change, and never modified.
func (eng *Engine) taskStates(ctx context.Context) (all map[string]ledger.TaskState, err error) {
	err = eng.read(ctx, func() error { all = maps.Clone(eng.states); return nil })
	return all, err
}
