package engine

import (
	"context"
	"time"

	"rota/internal/ledger"
)

const (
	// retainEvery is the least pause of retention: tasks that run every second are not
	// checked every second.
	retainEvery = time.Minute
	// retainAge is the longest pause: runs get too old also if no new ones are added.
	retainAge = 24 * time.Hour
	// manyEvents is the number of new events after which retention runs, too: their
	// number is limited.
	manyEvents = 500
)

// retain removes expired runs, outputs and events in the background: at the start, and then
// whenever runs have ended, or the file may keep less. It returns when ctx ends.
func (eng *Engine) retain(ctx context.Context) {
	for {
		removed, err := eng.ledger.Retain(ctx, ledger.Retention{Task: eng.retentionOf, Total: eng.inForce.Load().Total})
		eng.outputBytes.Store(removed.Left)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			eng.log.Error("cannot remove expired runs and outputs", "error", err)
		case removed.Runs+removed.Summaries+removed.Outputs > 0:
			eng.log.Debug("removed expired runs and outputs", "runs", removed.Runs, "summaries", removed.Summaries, "outputs", removed.Outputs, "bytes", removed.Bytes, "left", removed.Left)
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

// requestRetention requests that retention runs soon.
func (eng *Engine) requestRetention() { signal(eng.retentionRequested) }

// retentionOf returns the limits of retention of a task; of a removed task, the defaults.
func (eng *Engine) retentionOf(task string) ledger.Keep {
	c := eng.inForce.Load()
	keep := c.Keep
	if t, ok := c.Tasks.Find(task); ok {
		keep = t.Keep
	}
	return ledger.Keep{Runs: keep.Runs, Outputs: keep.Outputs, Bytes: keep.Bytes, Age: keep.Age, AtLeast: keep.AtLeast}
}
