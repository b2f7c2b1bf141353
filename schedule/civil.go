package schedule

import "math/bits"

const (
	day     = 86400
	never   = int64(1) << 60 // stands for no instant
	minTime = -62135596800   // 0001-01-01 00:00:00, where the calendar begins
	maxTime = 253402300800   // 10000-01-01 00:00:00, the horizon
	period  = 146097 * day   // 400 years: the Gregorian calendar repeats, weekdays too
)

// date is a day of the Gregorian calendar. All arithmetic on dates is done on
// year, month and day; instants come last.
type date struct{ year, month, day int }

// civil returns the date of a day counted from 1970-01-01, and its weekday
// (0 is Sunday). The algorithm is that of Neri and Schneider, "Euclidean
// affine functions and their application to calendar algorithms" (2023).
func civil(n int64) (d date, weekday int) {
	u := uint32(n + 719468 + 146097*8)
	c, nc := (4*u+3)/146097, (4*u+3)%146097/4
	p := uint64(2939745) * uint64(4*nc+3)
	z, ny := uint32(p>>32), uint32(p)/2939745/4
	m := 2141*ny + 197913
	d = date{int(100*c+z) - 3200, int(m >> 16), int(m&0xffff)/2141 + 1}
	if ny >= 306 {
		d.year++
		d.month -= 12
	}
	return d, int((u + 3) % 7) // 146097*8 is a multiple of 7
}

// number is the inverse of civil: the day counted from 1970-01-01.
func (d date) number() int64 {
	y, m := int64(d.year), int64(d.month)
	if m <= 2 {
		y, m = y-1, m+12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*m-457)/5 + int64(d.day) - 719469
}

// weekdayOf returns the weekday of a day counted from 1970-01-01; 0 is Sunday.
func weekdayOf(n int64) int { return int((n - minTime/day + 1) % 7) }

// length returns the number of days in the date's month.
func (d date) length() int {
	if d.month == 2 {
		if d.year%4 == 0 && (d.year%100 != 0 || d.year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (d.month^d.month>>3)&1
}

// floorDay splits local seconds into a day number and the second of that day.
func floorDay(local int64) (n int64, second int32) {
	n = (local - minTime) / day // local is never before minTime
	return n + minTime/day, int32(local - minTime - n*day)
}

// has reports whether bit i of set is set, for i from 0 to 63.
func has(set uint64, i int) bool { return set>>(i&63)&1 != 0 } // &63 spares a check

// from returns the lowest set bit of set at or above i, or -1; i from 0 to 63.
func from(set uint64, i int) int {
	set = set >> (i & 63) << (i & 63)
	if set == 0 {
		return -1
	}
	return bits.TrailingZeros64(set)
}
