// Package clock tells the time and waits for it. It follows the wall clock,
// which people and NTP set and which goes on while a machine sleeps. It knows
// nothing of what it is waited for.
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
	// zero until is a time that never comes. After a step the caller reads Now
	// again; what was set or woken since the last Wait counts.
	Wait(ctx context.Context, until time.Time) (stepped, woken bool, err error)
	// Wake ends the Wait under way, or else the next one. Several before a
	// Wait are one.
	Wake()
}

// wall returns the wall clock's time without Go's monotonic reading, which
// comparisons would prefer, and which stands still while a machine sleeps.
func wall() time.Time { return time.Now().Round(0) }
