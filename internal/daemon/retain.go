package daemon

import (
	"context"
	"time"

	"rota/internal/ledger"
)

// retainEvery is how long retention rests at least: what runs every second is
// not looked through every second.
const retainEvery = time.Minute

// retain removes, in the background, what need not be kept: at the start, and
// then whenever runs have ended. It returns when ctx ends.
func (l *loop) retain(ctx context.Context) {
	for {
		removed, err := l.ledger.Retain(ctx, ledger.Retention{Task: l.keeps, Total: l.inForce.Load().Total})
		l.kept.Store(removed.Left)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.log.Error("cannot remove what need not be kept any more", "error", err)
		case removed.Runs+removed.Folds+removed.Outputs > 0:
			l.log.Debug("removed what need not be kept any more", "runs", removed.Runs, "folds", removed.Folds, "outputs", removed.Outputs, "bytes", removed.Bytes, "left", removed.Left)
		}
		rest := time.NewTimer(retainEvery)
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
		select {
		case <-l.grown:
		case <-ctx.Done():
			return
		}
	}
}

// keeps is how much of a task's past is kept; of one that is no more, as of one
// that says nothing.
func (l *loop) keeps(task string) ledger.Keep {
	c := l.inForce.Load()
	keep := c.Keep
	if t, ok := c.Tasks[task]; ok {
		keep = t.Keep
	}
	return ledger.Keep{Runs: keep.Runs, Outputs: keep.Outputs, Bytes: keep.Bytes, Age: keep.Age, AtLeast: keep.AtLeast}
}
