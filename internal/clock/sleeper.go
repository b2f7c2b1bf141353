package clock

import (
	"context"
	"time"
)

// leastStep is what tells a step from a clock that is corrected gently.
const leastStep = 100 * time.Millisecond

// sleeper is a wall clock without help by the kernel, for tests: it sleeps for no
// more than longest, and then compares the wall clock with elapsed time.
type sleeper struct {
	wall    func() time.Time
	elapsed func() time.Duration // since some instant; no step shows in it
	longest time.Duration        // 0: no limit
	wakes   chan struct{}        // has room for one
	nudges  chan struct{}        // the same; each ends a sleep, not the Wait
	ahead   time.Duration        // of wall before elapsed when Wait last looked
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

// stepped reports whether the wall clock was set since it last looked.
func (s *sleeper) stepped() bool {
	before := s.ahead
	s.ahead = s.wall().Sub(s.origin) - s.elapsed()
	return (s.ahead - before).Abs() >= leastStep
}

// signal leaves a sign in a channel, unless there is one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
