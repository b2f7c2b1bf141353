// Package clock reads the wall clock and waits for instants of it. The wall clock is set by
// users and by NTP, and continues while the machine sleeps.
package clock

import (
	"context"
	"time"
)

// Clock is a wall clock that can be waited on. Now and Wake may be called from
// any goroutine, Wait from one at a time.
type Clock interface {
	// Now returns the time of the wall clock, without a monotonic reading.
	Now() time.Time
	// Wait returns once the clock shows until or later, once it has been set
	// (stepped) or the machine has slept, or once Wake was called (woken),
	// whichever is first, and the error of ctx if that is done before. The
	// zero until means no end. After a step the caller must read Now
	// again; steps and calls of Wake since the last Wait count.
	Wait(ctx context.Context, until time.Time) (stepped, woken bool, err error)
	// Wake ends the Wait in progress, or else the next one. Several calls before
	// a Wait count as one.
	Wake()
}

// wall returns the time of the wall clock without Go's monotonic reading, which comparisons
// would use, and which stops while the machine sleeps.
func wall() time.Time { return time.Now().Round(0) }
