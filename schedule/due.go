package schedule

import (
	"iter"
	"time"
)

// Due holds the due slots of one entry.
type Due struct {
	Key   string
	First time.Time // the oldest slot
	Prev  time.Time // the newest but one; zero if there is one slot only
	Last  time.Time // the newest
	N     int       // how many, or [Many] if there are more than [Many]
	When  Schedule  // the entry's
}

// Many is the largest exact count of the slots of a [Due]. Prev and Last are
// the newest ones however many there are.
const Many = 10_000

// Each walks the slots of d, oldest first.
func (d Due) Each() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for at := d.First; !at.IsZero() && !at.After(d.Last); at = d.When.Next(at) {
			if !yield(at) {
				return
			}
		}
	}
}

// dueOf gathers the slots from first on, up to through.
func dueOf(key string, when Schedule, first, through int64) Due {
	d := Due{Key: key, First: instant(first), Last: instant(first), N: 1, When: when}
	end := time.Unix(through, 0)
	next := func(at time.Time) (time.Time, bool) {
		to := when.Next(at)
		return to, !to.IsZero() && !to.After(end)
	}
	for d.N < Many {
		at, ok := next(d.Last)
		if !ok {
			return d
		}
		d.Prev, d.Last, d.N = d.Last, at, d.N+1
	}
	// Too many to count: search backwards for the newest two.
	for span := time.Minute; ; span *= 2 {
		from := end.Add(-span)
		if from.Before(d.Last) {
			from = d.Last
		}
		prev, last := d.Prev, d.Last
		if from.After(d.Last) {
			prev, last = time.Time{}, time.Time{}
		}
		for at, ok := next(from); ok; at, ok = next(at) {
			prev, last = last, at
		}
		if !prev.IsZero() {
			d.Prev, d.Last = prev, last
			return d
		}
	}
}
