package clock

import (
	"sync"
	"time"
)

// Fake is a clock for tests. It starts at a given time and advances with the time of the
// test: inside a bubble of testing/synctest, where it should be used, only while every
// goroutine of the bubble sleeps or waits.
type Fake struct {
	*sleeper
	mu     sync.Mutex
	passed time.Duration // by Advance
	set    time.Duration // by Step and Set
}

var _ Clock = (*Fake)(nil)

// NewFake returns a fake that shows the given time.
func NewFake(at time.Time) *Fake {
	f := &Fake{}
	start := time.Now()
	elapsed := func() time.Duration {
		f.mu.Lock()
		defer f.mu.Unlock()
		return time.Since(start) + f.passed
	}
	wall := func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return at.Round(0).Add(time.Since(start) + f.passed + f.set)
	}
	f.sleeper = newSleeper(wall, elapsed, 0)
	return f
}

// Advance lets time pass at once, as for a process that was stopped: a Wait ends if its
// time has come, and reports no step.
func (f *Fake) Advance(d time.Duration) { f.shift(&f.passed, d) }

// Step sets the clock forward, or back by a negative d; a Wait reports a step,
// if it is at least 100 ms.
func (f *Fake) Step(d time.Duration) { f.shift(&f.set, d) }

// Set steps the clock to an instant.
func (f *Fake) Set(at time.Time) { f.Step(at.Sub(f.Now())) }

func (f *Fake) shift(what *time.Duration, d time.Duration) {
	f.mu.Lock()
	*what += d
	f.mu.Unlock()
	signal(f.nudges)
}
