package schedule

import (
	"fmt"
	"math/bits"
	"strings"
)

// maxWorkdays is how many days from Monday to Friday a month may have.
const maxWorkdays = 23

const mondayToFriday = 0x3e

// What happens to a slot on a day that except names.
const (
	exceptSkip     = "skip"
	exceptNext     = "next"
	exceptPrevious = "previous"
)

// workdays returns the days from Monday to Friday of a month, without the excluded ones.
func workdays(length, first int, out uint32) uint32 {
	return onWeekdays(mondayToFriday, first) &^ out & (1<<(length+1) - 2)
}

// onWorkdays returns the days of the set that are given by the number of a workday.
func (s *days) onWorkdays(work uint32) (set uint32) {
	if s.lastWorkday && work != 0 {
		set = 1 << (bits.Len32(work) - 1)
	}
	for n := 1; work != 0; n++ {
		lowest := work & -work
		if s.workday>>n&1 != 0 {
			set |= lowest
		}
		work &^= lowest
	}
	return set
}

// matches returns the days of a month that match, whether or not they are excluded.
func (c *calendar) matches(d date, length, first int, out uint32) uint32 {
	set := c.days[0].in(length, first, out) & c.days[1].in(length, first, out)
	if c.recurrence != nil {
		set &= c.recurrence.in(d)
	}
	return set
}

// excluded returns the days of a month that are excluded, bit by bit.
func (c *calendar) excluded(d date, first int) uint32 {
	if c.except == nil {
		return 0
	}
	return c.except.in(d, first)
}

// moved is in for a calendar in which slots on an excluded day move to a workday of the
// same month or of the one beside it. If there is none, they are skipped.
func (c *calendar) moved(d date, first int) uint32 {
	stay, gone, work := c.split(d, first)
	if work == 0 {
		return stay
	}
	lowest, highest := bits.TrailingZeros32(work), bits.Len32(work)-1
	if c.onExcept == exceptNext {
		for ; gone != 0; gone &= gone - 1 {
			if to := from(uint64(work), bits.TrailingZeros32(gone)); to > 0 {
				stay |= 1 << to
			}
		}
		before := date{d.year, d.month - 1, 1}
		if before.month == 0 {
			before = date{d.year - 1, 12, 1}
		}
		_, gone, work := c.split(before, (first+35-before.length())%7)
		if gone>>bits.Len32(work) != 0 {
			stay |= 1 << lowest
		}
		return stay
	}
	for ; gone != 0; gone &= gone - 1 {
		if to := bits.Len32(work&(gone&-gone-1)) - 1; to > 0 {
			stay |= 1 << to
		}
	}
	after := date{d.year, d.month + 1, 1}
	if after.month == 13 {
		after = date{d.year + 1, 1, 1}
	}
	_, gone, work = c.split(after, (first+d.length())%7)
	if gone&(work&-work-1) != 0 {
		stay |= 1 << highest
	}
	return stay
}

// movedFrom names the days that on_except has moved to that of the slot at an
// instant; "": none, or the day matches by itself.
func (c *calendar) movedFrom(at int64) string {
	s := c.wall.at(at)
	local := at + s.off
	if at == s.start && c.hidesChange(s.off-s.before) {
		local = min(local, c.local(at+s.before)) // a gap may have moved it past midnight
	}
	to, _ := floorDay(local)
	step := int64(-1) // back in time
	if c.onExcept == exceptPrevious {
		step = 1
	}
	var from []string
	for n := to; ; n += step {
		d, weekday := civil(n)
		stay, gone, work := c.split(d, (weekday+36-d.day)%7)
		target, _ := civil(to)
		switch months := (target.year-d.year)*12 + target.month - d.month; {
		case n == to && stay>>d.day&1 != 0:
			return ""
		case n != to && work>>d.day&1 != 0, months < -1, months > 1: // what is beyond goes elsewhere
			if len(from) > 1 {
				return fmt.Sprintf("%s and %d more", from[0], len(from)-1)
			}
			return strings.Join(from, "")
		case gone>>d.day&1 != 0:
			from = append(from, dayTime(n).Format("Mon 2006-01-02"))
		}
	}
}

// split returns the days of a month that match, separated into those that are kept and
// those that are excluded, and its workdays.
func (c *calendar) split(d date, first int) (stay, gone, work uint32) {
	length := d.length()
	out := c.excluded(d, first)
	work = workdays(length, first, out)
	if !has(uint64(c.named), d.month) {
		return 0, 0, work
	}
	set := c.matches(d, length, first, out)
	return set &^ out, set & out, work
}

func (d *builder) parseOnExcept(v value) {
	switch v.text {
	case exceptSkip, exceptNext, exceptPrevious:
		d.onExcept = v.text
	default:
		hint := `write "skip", "next" or "previous"`
		if near := closest(v.text, []string{exceptSkip, exceptNext, exceptPrevious}); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.add(v.whole(hint, "on_except cannot be %q", v.text))
	}
}

func (d *builder) onExceptText() string {
	if d.onExcept == exceptSkip {
		return ""
	}
	return d.onExcept
}

// parseWorkday reads "first workday", "3rd workday" and "last workday".
func (d *builder) parseWorkday(v value, which string) {
	d.monthdays.more = true
	if which == "last" {
		d.monthdays.lastWorkday = true
		return
	}
	for n := 1; n <= maxWorkdays; n++ {
		if which == ordinal(n) {
			d.monthdays.workday |= 1 << n
			return
		}
	}
	hint := fmt.Sprintf("write first, 2nd, 3rd and so on to %s, or last", ordinal(maxWorkdays))
	d.add(v.fault(0, len(which), hint, "unknown ordinal %q", which))
}

func (s *days) workdayItems() (items []string) {
	for n := 1; n <= maxWorkdays; n++ {
		if s.workday>>n&1 != 0 {
			items = append(items, ordinal(n)+" workday")
		}
	}
	if s.lastWorkday {
		items = append(items, "last workday")
	}
	return items
}
