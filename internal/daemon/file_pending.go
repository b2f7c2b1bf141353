package daemon

import (
	"context"
	"time"
)

// pending is a valid file that could not be put in force yet. The zero value means none.
type pending struct {
	revision string
	pause    time.Duration // before the next attempt
}

// The pause before a pending reload is tried again doubles from minPause to maxPause.
const (
	minPause = time.Second
	maxPause = time.Minute
)

// awaitRetries tries a pending reload again after each pause, until ctx ends.
func (f *file) awaitRetries(ctx context.Context, h *host) {
	var due <-chan time.Time
	for {
		select {
		case pause := <-f.retries:
			due = time.After(pause)
		case <-due:
			due = nil
			f.retry(ctx, h)
		case <-ctx.Done():
			return
		}
	}
}

// retry tries a reload again if it is still pending.
func (f *file) retry(ctx context.Context, h *host) {
	end, err := f.waitTurn(ctx)
	if err != nil {
		f.retryAfter(maxPause) // too many reloads are waiting
		return
	}
	defer end()
	if f.pending != (pending{}) {
		_, _ = f.apply(ctx, h, "")
	}
}

// retryAfter makes awaitRetries try again after a pause.
func (f *file) retryAfter(pause time.Duration) {
	select {
	case f.retries <- pause:
	default: // a retry is scheduled already
	}
}

// postpone records a failed reload as pending. It reports whether that is the first failure
// with this revision.
func (f *file) postpone(h *host, revision string, why error) (first bool) {
	first = f.pending.revision != revision
	if first {
		f.pending = pending{revision, minPause}
	} else {
		f.pending.pause = min(2*f.pending.pause, maxPause)
	}
	h.engine.SetReloadPending(why)
	f.retryAfter(f.pending.pause)
	return first
}
