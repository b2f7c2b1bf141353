//go:build exhaustive

package schedule

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"math/rand/v2"
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

// TestExhaustiveRandom tries 100,000 random triggers in random zones from
// random instants on, half of them close to a change of the clock.
func TestExhaustiveRandom(t *testing.T) {
	const all = 100_000
	names := refereeZoneNames()
	numbers := make([]uint64, all)
	for i := range numbers {
		numbers[i] = uint64(i)
	}
	var refused, beyond atomic.Int64
	inParallel(numbers, func(n uint64) {
		r := rand.New(rand.NewPCG(n, 42))
		zone := refereeZone(t, names[r.IntN(len(names))])
		after := year(1973) + r.Int64N(year(2100)-year(1973)) // with offsets of whole minutes
		if n%2 == 0 {
			if near := changes(zone, year(2000)+r.Int64N(30*365*86400), year(2038), 86400); len(near) > 0 {
				after = near[0] - 4*3600 + r.Int64N(6*3600)
			}
		}
		text := randomTrigger(r)
		s, faults := ParseExpr(text, zone)
		if faults != nil {
			if refused.Add(1); !strings.Contains(faults[0].Msg, "never fires") && !strings.Contains(faults[0].Msg, "no time of the day") {
				t.Errorf("%s: %v", text, faults)
			}
			return
		}
		limit := after + 9*366*86400
		got := s.Next(time.Unix(after, 0))
		want, found := refereeTrigger(text).first(t, zone, after, limit)
		if !found {
			beyond.Add(1)
		}
		if found && got.Unix() != want || !found && !got.IsZero() && got.Unix() < limit {
			t.Errorf("%s in %s after %v: got %v, want %v", text, zone, time.Unix(after, 0).In(zone), got.In(zone), time.Unix(want, 0).In(zone))
		}
	})
	t.Logf("%d triggers, of which %d can never fire and %d do not within 9 years", all, refused.Load(), beyond.Load())
}

// first walks the clock to the first slot after an instant.
func (v *verdict) first(t testing.TB, zone *time.Location, after, limit int64) (int64, bool) {
	const chunk = 6 * 3600
	step := int64(60)
	if v.seconds {
		step = 1
	}
	date := func(at int64) bool { return v.date(read(time.Unix(at, 0).In(zone))) }
	at := after/step*step + step
	for here, there := date(at), false; at < limit; at, here = at+chunk, there {
		if there = date(at + chunk); !here && !there {
			continue // then nothing in between does either
		}
		for _, k := range walk(t, zone, at, at+chunk, step) {
			if v.slot(&k) {
				return k.at, true
			}
		}
	}
	return 0, false
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
