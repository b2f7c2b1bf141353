package schedule

import (
	"fmt"
	"math/bits"
	"strings"
)

const (
	allOf60 = 1<<60 - 1
	allOf24 = 1<<24 - 1
)

// means describes the times. clock reports whether they are times of the clock
// ("at 09:00"), which need a day before them.
func (t *times) means() (text string, clock bool) {
	if t.list != nil {
		return "at " + listed("and", timeItems(t.list)), true
	}
	if bits.OnesCount64(t.hours)*bits.OnesCount64(t.minutes)*bits.OnesCount64(t.seconds) <= 6 {
		var list []int32
		for s := t.any(0); s >= 0; s = t.any(s + 1) {
			list = append(list, s)
		}
		return "at " + listed("and", timeItems(list)), true
	}
	if t.seconds == 1 {
		return t.minutesMean(), false
	}
	seconds := part(t.seconds, allOf60, "second")
	switch {
	case t.minutes == allOf60 && !evenlySpaced(t.seconds):
		return seconds + " of every minute" + prefixed(" ", t.hoursMean()), false
	case t.minutes == allOf60:
		return seconds + prefixed(" ", t.hoursMean()), false
	}
	minutes := part(t.minutes, allOf60, "minute")
	if n := step(t.minutes, 59); evenlySpaced(t.minutes) {
		minutes = fmt.Sprintf("every %s minute", ordinal(n))
	}
	return seconds + " of " + strings.TrimPrefix(minutes, "at ") + prefixed(" ", t.hoursMean()), false
}

// minutesMean describes the minutes and their hours.
func (t *times) minutesMean() string {
	switch {
	case t.minutes == 1 && t.hours == allOf24:
		return "every hour"
	case t.minutes == 1 && evenlySpaced24(t.hours):
		return fmt.Sprintf("every %d hours", step(t.hours, 23))
	case bits.OnesCount64(t.minutes) == 1 && strings.HasPrefix(t.hoursMean(), "from"):
		return "every hour " + t.hoursMean()
	case evenlySpaced(t.minutes):
		return part(t.minutes, allOf60, "minute") + prefixed(" ", t.hoursMean())
	case t.hours == allOf24:
		return part(t.minutes, allOf60, "minute") + " of every hour"
	}
	return part(t.minutes, allOf60, "minute") + " of " + part(t.hours, allOf24, "hour")
}

// hoursMean describes the hours of times that are the same in each hour.
func (t *times) hoursMean() string {
	low, high := from(t.hours, 0), bits.Len64(t.hours)-1
	switch {
	case t.hours == allOf24:
		return ""
	case t.hours == (1<<(high+1)-1)>>low<<low:
		end := clock(high, bits.Len64(t.minutes)-1, bits.Len64(t.seconds)-1)
		return fmt.Sprintf("from %s to %s", timeText(clock(low, from(t.minutes, 0), from(t.seconds, 0))), timeText(end))
	}
	return "of " + part(t.hours, allOf24, "hour")
}

// evenlySpaced reports whether a set of minutes or seconds is evenly spaced round the
// clock; evenlySpaced24 does for hours.
func evenlySpaced(set uint64) bool {
	n := step(set, 59)
	return n > 0 && 60%n == 0 && set&1 != 0
}

func evenlySpaced24(set uint64) bool {
	n := step(set, 23)
	return n > 1 && 24%n == 0 && set&1 != 0
}

// step returns the distance between the members of a set, if it is the same
// between all, from the first to the end, and if they are at least three or
// part the whole in two; else 0.
func step(set uint64, last int) int {
	low := from(set, 0)
	n := from(set, low+1) - low
	if bits.OnesCount64(set) < 2 || bits.OnesCount64(set) == 2 && (low > 0 || 2*n != last+1) {
		return 0
	}
	for i := low; i <= last; i += n {
		if set>>i&1 == 0 {
			return 0
		}
		set &^= 1 << i
	}
	if set != 0 {
		return 0
	}
	return n
}

// part names the members of one field.
func part(set, all uint64, unit string) string {
	last := bits.Len64(all) - 1
	n := step(set, last)
	low := from(set, 0)
	switch {
	case set == all:
		return "every " + unit
	case n > 1 && low == 0 && (last+1)%n == 0 && unit != "hour":
		return fmt.Sprintf("every %d %ss", n, unit)
	case n > 1 && low == 0:
		return fmt.Sprintf("every %s %s", ordinal(n), unit)
	case n > 1 && bits.OnesCount64(set) > 6:
		return fmt.Sprintf("every %s %s from %d on", ordinal(n), unit, low)
	case bits.OnesCount64(set) == 1 && unit == "hour":
		return fmt.Sprintf("hour %d", low)
	case bits.OnesCount64(set) == 1:
		return fmt.Sprintf("at %s %d", unit, low)
	}
	items := listed("and", ranges(set, 60, false, func(i int) string { return fmt.Sprint(i) }))
	if unit == "hour" {
		return "the hours " + items
	}
	return "at " + unit + "s " + items
}
