package clock

import (
	"context"
	"time"
)

// leastStep is the smallest change of the clock that counts as a step, not as a gradual correction.
const leastStep = 100 * time.Millisecond

// sleeper is a wall clock without a kernel timer, for tests: it sleeps for at most longest,
// and then compares the wall clock with the elapsed time.
type sleeper struct {
	wall    func() time.Time
	elapsed func() time.Duration // since a fixed instant; not affected by steps
	longest time.Duration        // 0: no limit
	wakes   chan struct{}        // has room for one
	nudges  chan struct{}        // has room for one; a nudge ends a sleep, but not the Wait
	ahead   time.Duration        // wall minus elapsed at the last check
	origin  time.Time
}

func newSleeper(wall func() time.Time, elapsed func() time.Duration, longest time.Duration) *sleeper {
	s := &sleeper{
		wall: wall, elapsed: elapsed, longest: longest,
		wakes: make(chan struct{}, 1), nudges: make(chan struct{}, 1), origin: wall(),
	}
	s.stepped()
	return s
}

func (s *sleeper) Now() time.Time { return s.wall() }

func (s *sleeper) Wake() { signal(s.wakes) }

func (s *sleeper) Wait(ctx context.Context, until time.Time) (stepped, woken bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return false, false, err
		}
		select {
		case <-s.wakes:
			woken = true
		default:
		}
		left := until.Sub(s.wall())
		due := !until.IsZero() && left <= 0
		if stepped := s.stepped(); stepped || woken || due {
			return stepped, woken, nil
		}
		if until.IsZero() || s.longest > 0 && s.longest < left {
			left = s.longest
		}
		var over <-chan time.Time
		if left > 0 {
			over = time.After(left)
		}
		select {
		case <-over:
		case <-s.nudges:
		case <-s.wakes:
			woken = true
		case <-ctx.Done():
		}
	}
}

// stepped reports whether the wall clock was set since the last check.
func (s *sleeper) stepped() bool {
	before := s.ahead
	s.ahead = s.wall().Sub(s.origin) - s.elapsed()
	return (s.ahead - before).Abs() >= leastStep
}

// signal sends to a channel, unless a signal is pending there.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
