package schedule

import (
	"math/bits"
	"time"
)

func (c *calendar) monthsMean() string {
	if c.named == 1<<13-2 {
		return ""
	}
	return listed("and", ranges(uint64(c.named>>1), 12, true, func(i int) string { return time.Month(i + 1).String() }))
}

// daysMean describes the days: "", "Sundays", "on the 1st of the month". A text that
// ends in "the month" may have a month's name instead.
func (c *calendar) daysMean() string {
	a, b := c.days[0], c.days[1]
	switch {
	case b.all():
		return a.mean()
	case a.all():
		return b.mean()
	}
	if len(b.numbers()) > 0 && len(a.numbers()) == 0 {
		a, b = b, a
	}
	if len(b.numbers()) > 0 {
		return "on " + listed("and", a.numbers()) + " of the month, if that is also " + listed("or", b.numbers())
	}
	return "on " + listed("and", a.numbers()) + " of the month, if that is " + b.single()
}

// all reports whether every day is in the set.
func (s *days) all() bool { return s.dom == everyDay.dom || s.week == 0x7f }

func (s *days) mean() string {
	if s.all() {
		return ""
	}
	numbers, names := s.numbers(), s.weekdayNames()
	switch {
	case len(numbers) == 0 && bits.OnesCount8(s.week) == 1:
		return time.Weekday(bits.TrailingZeros8(s.week)).String() + "s"
	case len(numbers) == 0:
		return listed("and", names)
	case len(names) == 0:
		return "on " + listed("and", numbers) + " of the month"
	case bits.OnesCount8(s.week) == 1:
		return "every " + time.Weekday(bits.TrailingZeros8(s.week)).String() + " and on " + listed("and", numbers) + " of the month"
	}
	return listed("and", names) + " and on " + listed("and", numbers) + " of the month"
}

// single describes one day of the weekdays.
func (s *days) single() string {
	if bits.OnesCount8(s.week) == 1 {
		return "a " + time.Weekday(bits.TrailingZeros8(s.week)).String()
	}
	return listed("or", s.weekdayNames())
}

func (s *days) weekdayNames() []string {
	return ranges(rotate(s.week)>>1, 7, true, func(i int) string { return time.Weekday((i + 1) % 7).String()[:3] })
}

// numbers names the days that the set takes from the month.
func (s *days) numbers() (items []string) {
	if n := step(uint64(s.dom), 31); n > 1 {
		items = append(items, "every "+ordinal(n)+" day from the "+ordinal(from(uint64(s.dom), 1)))
	} else {
		for i, item := range ranges(uint64(s.dom), 32, false, ordinal) {
			if i == 0 {
				item = "the " + item
			}
			items = append(items, item)
		}
	}
	for n := 1; n <= 5; n++ {
		for w := range 7 {
			if s.nth[n]>>((w+1)%7)&1 != 0 {
				items = append(items, "the "+ordinal(n)+" "+time.Weekday((w+1)%7).String())
			}
		}
	}
	for w := range 7 {
		if s.last>>((w+1)%7)&1 != 0 {
			items = append(items, "the last "+time.Weekday((w+1)%7).String())
		}
	}
	for n := 1; n <= 31; n++ {
		if s.near>>n&1 != 0 {
			items = append(items, "the weekday (Mon–Fri) nearest to the "+ordinal(n))
		}
	}
	for _, item := range s.workdayItems() {
		items = append(items, "the "+item+" (Mon–Fri)")
	}
	for n := 31; n > 1; n-- {
		if s.back>>n&1 != 0 {
			items = append(items, "the "+ordinal(n)+"-last day")
		}
	}
	if s.work {
		items = append(items, "the last weekday (Mon–Fri)")
	}
	if s.back>>1&1 != 0 {
		items = append(items, "the last day")
	}
	return items
}
