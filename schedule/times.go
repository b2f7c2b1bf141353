package schedule

import "slices"

// times is a set of times of the day: either a list, or all combinations of
// hours, minutes and seconds; and of these, what lies in a window.
type times struct {
	list    []int32 // seconds of the day, ascending; nil: the fields
	hours   uint64
	minutes uint64
	seconds uint64
	window  window
	first   int32 // the earliest time; -1: none
}

// window is a half-open part of the day, [open, shut) in seconds. It wraps
// midnight if shut is not after open.
type window struct{ open, shut int32 }

var wholeDay = window{0, day}

func (w window) holds(second int32) bool {
	if w.open < w.shut {
		return w.open <= second && second < w.shut
	}
	return w.open <= second || second < w.shut
}

// ceil returns the earliest time of the set at or after the given second of
// the day, or -1.
func (t *times) ceil(second int32) int32 {
	at := t.any(second)
	if at < 0 || t.window == wholeDay || t.window.holds(at) {
		return at
	}
	if at >= t.window.open { // after the window that does not wrap
		return -1
	}
	if at = t.any(t.window.open); at < 0 || !t.window.holds(at) {
		return -1
	}
	return at
}

// any is ceil without the window.
func (t *times) any(second int32) int32 {
	if t.list != nil {
		i, _ := slices.BinarySearch(t.list, second)
		if i == len(t.list) {
			return -1
		}
		return t.list[i]
	}
	hour, minute, sec := int(second/3600), int(second/60%60), int(second%60)
	if has(t.hours, hour) {
		if has(t.minutes, minute) {
			if s := from(t.seconds, sec); s >= 0 {
				return clock(hour, minute, s)
			}
		}
		if m := from(t.minutes, minute+1); m >= 0 {
			return clock(hour, m, from(t.seconds, 0))
		}
	}
	if h := from(t.hours, hour+1); h >= 0 {
		return clock(h, from(t.minutes, 0), from(t.seconds, 0))
	}
	return -1
}

func clock(hour, minute, second int) int32 { return int32(hour*3600 + minute*60 + second) }
