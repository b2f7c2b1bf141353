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

// What rota daemon --once does is one turn over what came due up to its start. It
// makes up for what passed since the last time, unless the file says otherwise,
// and lasts until all of that has ended, other attempts included.

// ErrRunsFailed is the error of a daemon with --once of which a run has failed.
var ErrRunsFailed = errors.New("a run has failed")

// onlyOnce handles what comes due while a daemon with --once waits for its runs:
// their next attempts, and the end of their max_wait. All else is for another time.
func (eng *Engine) onlyOnce(ctx context.Context, now time.Time) error {
	due := slices.DeleteFunc(eng.agenda.Due(now), func(d schedule.Due) bool { return !eng.awaited(d.Key) })
	_, err := eng.moments(ctx, due)
	return err
}

// awaited reports whether a key of the agenda is one for which --once waits.
func (eng *Engine) awaited(key string) bool {
	if id, ok := strings.CutPrefix(key, attemptKey); ok {
		run, _ := eng.view.ParkedAs(id, runner.Delayed)
		return lastOutcome(run) != ""
	}
	return strings.HasPrefix(key, maxWaitKey) || strings.HasPrefix(key, conditionKey)
}

// onceUntil is when a daemon with --once has something to do; zero: once a run ends.
func (eng *Engine) onceUntil() time.Time {
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

// onceOver reports whether a daemon with --once has nothing more to wait for.
func (eng *Engine) onceOver() bool {
	return len(eng.view.Live("")) == 0 && len(eng.retrying()) == 0 && len(eng.conditions) == 0
}

// onceEnded counts the runs that failed while a daemon with --once was there.
func (eng *Engine) onceEnded(run runner.Run) {
	if eng.options.Once && run.Outcome.IsFailure() {
		eng.onceFailed = append(eng.onceFailed, run.ID)
	}
}

// onceResult is the error that a daemon with --once ends with; nil: nothing failed.
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
