package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
	"rota/schedule"
)

// rota daemon --once takes one turn over the slots that are due up to its start. It makes
// up for those since the last start, unless the file says otherwise, and ends when all
// runs have ended, including their retries.

// ErrRunsFailed is the error of a daemon with --once of which a run has failed.
var ErrRunsFailed = errors.New("a run has failed")

// onceTurn handles the moments that are due while a daemon with --once waits for its runs:
// their next attempts, and the end of their max_wait. Other moments are not handled.
func (eng *Engine) onceTurn(ctx context.Context, now time.Time) error {
	due := slices.DeleteFunc(eng.agenda.Due(now), func(d schedule.Due) bool { return !eng.isOnceKey(d.Key) })
	_, err := eng.handleMoments(ctx, due)
	return err
}

// isOnceKey reports whether --once handles the moment with this key.
func (eng *Engine) isOnceKey(key string) bool {
	if id, ok := strings.CutPrefix(key, attemptKey); ok {
		run, _ := eng.view.ParkedAs(id, runner.Delayed)
		return lastOutcome(run) != ""
	}
	return strings.HasPrefix(key, maxWaitKey) || strings.HasPrefix(key, conditionKey)
}

// nextOnceTurn returns when a daemon with --once has to act; zero: when a run ends.
func (eng *Engine) nextOnceTurn() time.Time {
	var first time.Time
	consider := func(key string) {
		if at := eng.agenda.Next(key); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, id := range eng.retrying() {
		consider(attemptKey + id)
	}
	for _, run := range eng.view.Waiting("") {
		consider(maxWaitKey + run.ID)
		consider(conditionKey + run.ID)
	}
	return first
}

// retrying returns the runs that wait for another attempt.
func (eng *Engine) retrying() []string {
	var ids []string
	for _, run := range eng.view.Parked("", runner.Delayed) {
		if lastOutcome(run) != "" {
			ids = append(ids, run.ID)
		}
	}
	return ids
}

// onceDone reports whether a daemon with --once has no more runs to wait for.
func (eng *Engine) onceDone() bool {
	return len(eng.view.Live("")) == 0 && len(eng.retrying()) == 0 && len(eng.conditions) == 0
}

// countOnceFailure counts the failed runs of a daemon with --once.
func (eng *Engine) countOnceFailure(run runner.Run) {
	if eng.options.Once && run.Outcome.IsFailure() {
		eng.onceFailed = append(eng.onceFailed, run.ID)
	}
}

// onceResult returns the error that a daemon with --once ends with; nil: no run failed.
func (eng *Engine) onceResult() error {
	switch n := len(eng.onceFailed); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: %s", ErrRunsFailed, eng.onceFailed[0])
	default:
		return fmt.Errorf("%w: %s and %s", ErrRunsFailed, eng.onceFailed[0], api.Plural(n-1, "another", "others"))
	}
}
