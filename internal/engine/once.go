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
func (l *loop) onlyOnce(ctx context.Context, now time.Time) error {
	due := slices.DeleteFunc(l.agenda.Due(now), func(d schedule.Due) bool { return !l.awaited(d.Key) })
	_, err := l.moments(ctx, due)
	return err
}

// awaited reports whether a key of the agenda is one for which --once waits.
func (l *loop) awaited(key string) bool {
	if id, ok := strings.CutPrefix(key, attemptKey); ok {
		run, _ := l.view.ParkedAs(id, runner.Delayed)
		return lastOutcome(run) != ""
	}
	return strings.HasPrefix(key, patienceKey) || strings.HasPrefix(key, conditionKey)
}

// onceUntil is when a daemon with --once has something to do; zero: once a run ends.
func (l *loop) onceUntil() time.Time {
	var first time.Time
	consider := func(key string) {
		if at := l.agenda.Next(key); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, id := range l.retrying() {
		consider(attemptKey + id)
	}
	for _, run := range l.view.Waiting("") {
		consider(patienceKey + run.ID)
		consider(conditionKey + run.ID)
	}
	return first
}

// retrying returns the runs that wait for another attempt.
func (l *loop) retrying() []string {
	var ids []string
	for _, run := range l.view.Parked("", runner.Delayed) {
		if lastOutcome(run) != "" {
			ids = append(ids, run.ID)
		}
	}
	return ids
}

// onceOver reports whether a daemon with --once has nothing more to wait for.
func (l *loop) onceOver() bool {
	return len(l.view.Live("")) == 0 && len(l.retrying()) == 0 && len(l.conditions) == 0
}

// onceEnded counts the runs that failed while a daemon with --once was there.
func (l *loop) onceEnded(run runner.Run) {
	if l.options.Once && run.Outcome.IsFailure() {
		l.onceFailed = append(l.onceFailed, run.ID)
	}
}

// onceResult is the error that a daemon with --once ends with; nil: nothing failed.
func (l *loop) onceResult() error {
	switch n := len(l.onceFailed); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: %s", ErrRunsFailed, l.onceFailed[0])
	default:
		return fmt.Errorf("%w: %s and %s", ErrRunsFailed, l.onceFailed[0], api.Plural(n-1, "another", "others"))
	}
}
