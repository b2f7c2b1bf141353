package schedule

import "math/bits"

// days is a set of days of the month, by number and by weekday.
type days struct {
	dom  uint32 // bit d: the d-th
	week uint8  // bit w: every such weekday, 0 is Sunday
	more bool   // any of those below is in use
	back uint32 // bit d: the d-th from the end, 1 is the last
	near uint32 // bit d: the Mon–Fri nearest to the d-th in the same month
	work bool   // the last Mon–Fri
	nth  [6]uint8
	last uint8 // bit w: the last such weekday; nth[n] the n-th, n from 1 to 5

	workday     uint32 // bit n: the n-th Mon–Fri that is not excluded
	lastWorkday bool   // the last of them
}

var everyDay, everyWeekday = days{dom: 1<<32 - 2}, days{week: allWeek}

// share returns days like s, for most triggers ones that are in memory once.
func (s *days) share() *days {
	switch *s {
	case everyDay:
		return &everyDay
	case everyWeekday:
		return &everyWeekday
	}
	return new(*s)
}

// union adds the days of o.
func (s *days) union(o days) {
	s.dom |= o.dom
	s.week |= o.week
	s.more = s.more || o.more
	s.back |= o.back
	s.near |= o.near
	s.work = s.work || o.work
	for n := range s.nth {
		s.nth[n] |= o.nth[n]
	}
	s.last |= o.last
}

// in returns the set's days in a month of the given length whose first day is the given
// weekday: bit d is the d-th. The days in out are not workdays.
func (s *days) in(length, first int, out uint32) uint32 {
	set := s.dom | onWeekdays(s.week, first)
	if s.more {
		set |= s.special(length, first)
		if s.workday != 0 || s.lastWorkday {
			set |= s.onWorkdays(workdays(length, first, out))
		}
	}
	return set & (1<<(length+1) - 2)
}

// onWeekdays spreads a set of weekdays over the days 1 to 31.
func onWeekdays(week uint8, first int) uint32 {
	const weekly = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35
	return uint32(uint64(week) * weekly >> first << 1)
}

func (s *days) special(length, first int) (set uint32) {
	if s.back != 0 {
		set = uint32(bits.Reverse64(uint64(s.back)) >> (62 - length))
	}
	for near := s.near & (1<<(length+1) - 1); near != 0; near &= near - 1 {
		set |= 1 << nearest(bits.TrailingZeros32(near), length, first)
	}
	if s.work {
		set |= 1 << nearest(length, length, first)
	}
	for n, week := range s.nth {
		if week != 0 {
			set |= onWeekdays(week, first) & (0x7f << (7*n - 6))
		}
	}
	return set | onWeekdays(s.last, first)&(0x7f<<(length-6))
}

// nearest returns the Monday to Friday nearest to day d without leaving the
// month.
func nearest(d, length, first int) int {
	switch weekday := (first + d - 1) % 7; {
	case weekday == 6 && d > 1:
		return d - 1
	case weekday == 6:
		return d + 2
	case weekday == 0 && d < length:
		return d + 1
	case weekday == 0:
		return d - 2
	}
	return d
}
