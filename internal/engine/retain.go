package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
)

const (
	// retainEvery is how long retention rests at least: what runs every second
	// is not looked through every second.
	retainEvery = time.Minute
	// retainAge is how long it rests at most: what nothing is added to grows old,
	// too.
	retainAge = 24 * time.Hour
	// manyEvents is after how many events retention looks, too: they are kept only
	// up to a number.
	manyEvents = 500
)

// retain removes, in the background, what need not be kept: at the start, and
// then whenever runs have ended, or the file may want less. It returns when ctx ends.
func (eng *Engine) retain(ctx context.Context) {
	for {
		removed, err := eng.ledger.Retain(ctx, ledger.Retention{Task: eng.retentionOf, Total: eng.inForce.Load().Total})
		eng.kept.Store(removed.Left)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			eng.log.Error("cannot remove what need not be kept any more", "error", err)
		case removed.Runs+removed.Summaries+removed.Outputs > 0:
			eng.log.Debug("removed what need not be kept any more", "runs", removed.Runs, "summaries", removed.Summaries, "outputs", removed.Outputs, "bytes", removed.Bytes, "left", removed.Left)
		}
		rest := time.NewTimer(retainEvery)
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
		rest.Reset(retainAge)
		select {
		case <-eng.retentionRequested:
			rest.Stop()
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
	}
}

// requestRetention has retention look at what is kept.
func (eng *Engine) requestRetention() {
	select {
	case eng.retentionRequested <- struct{}{}:
	default:
	}
}

// retentionOf is how much of a task's past is kept; of one that is no more, as of one
// that says nothing.
func (eng *Engine) retentionOf(task string) ledger.Keep {
	c := eng.inForce.Load()
	keep := c.Keep
	if t, ok := c.Tasks[task]; ok {
		keep = t.Keep
	}
	return ledger.Keep{Runs: keep.Runs, Outputs: keep.Outputs, Bytes: keep.Bytes, Age: keep.Age, AtLeast: keep.AtLeast}
}
