//go:build exhaustive

package schedule

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestExhaustive looks at every change of the clock from 2000 to 2037 in every
// zone, each with the triggers of around.
func TestExhaustive(t *testing.T) {
	var cases, met atomic.Int64
	inParallel(refereeZoneNames(), func(name string) {
		zone := refereeZone(t, name)
		for _, at := range changes(zone, year(2000), year(2038), 6*3600) {
			ticks := walk(t, zone, at-6*3600, at+8*3600, 60)
			for _, text := range around(zone, at) {
				judge(t, zone, text, ticks, 13)
				cases.Add(1)
			}
			met.Add(1)
		}
	})
	t.Logf("%d cases at %d changes of the clock in %d zones", cases.Load(), met.Load(), len(zoneFiles()))
}

// TestExhaustiveRandom tries 100,000 random triggers.
func TestExhaustiveRandom(t *testing.T) {
	const all = 100_000
	numbers := make([]uint64, all)
	for i := range numbers {
		numbers[i] = uint64(i)
	}
	var refused, beyond atomic.Int64
	inParallel(numbers, func(n uint64) {
		switch judgeRandom(t, n, 9*366*86400) {
		case refusedTrigger:
			refused.Add(1)
		case beyondLimit:
			beyond.Add(1)
		}
	})
	t.Logf("%d triggers, of which %d can never fire and %d do not within 9 years", all, refused.Load(), beyond.Load())
}

func inParallel[T any](all []T, do func(T)) {
	var wait sync.WaitGroup
	work := make(chan T)
	for range runtime.NumCPU() {
		wait.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	wait.Wait()
}
