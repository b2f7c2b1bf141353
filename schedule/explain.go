package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Explain says in plain English when the trigger fires:
//
//	every day at 02:30
//	Mon–Fri at 09:00 and 17:00
//	every 10s
//
// It does not name the time zone.
func (s Spec) Explain() string {
	if s.p == nil {
		return "never"
	}
	text := s.p.means()
	if s.p.delay > 0 {
		text += ", after " + FormatDuration(s.p.delay)
	}
	if s.p.anchor == "finish" {
		text += ", counted from the end of the run before"
	}
	if c, ok := s.p.trigger.(*calendar); ok && c.recurrence != nil {
		text += ", counted from " + s.p.date(s.p.starts, "2006-01-02", " 15:04")
	} else if s.p.starts > -never {
		text += ", from " + s.p.date(s.p.starts, "2 January 2006 15:04", "") + " on"
	}
	if s.p.ends < never {
		text += ", until " + s.p.date(s.p.ends, "2 January 2006 15:04", "")
	}
	if s.p.count > 0 {
		text += ", " + countMeans(s.p.count)
	}
	if s.p.jitter > 0 {
		text += ", up to " + FormatDuration(s.p.jitter) + " later"
	}
	if s.p.eachRun {
		text += ", each time by another delay"
	}
	return text
}

// date writes an instant in the trigger's zone; the clock only if that is not
// midnight.
func (p *plan) date(at int64, date, clock string) string {
	t := time.Unix(at, 0).In(Spec{p}.Zone())
	if h, m, s := t.Clock(); h+m+s > 0 {
		date += clock
	}
	return t.Format(date)
}

func (w window) means() string {
	if w == wholeDay {
		return ""
	}
	return fmt.Sprintf(", between %s and %s", timeText(w.open), timeText(w.shut%day))
}

func (c *calendar) means() string {
	when, clock := c.times.means()
	days := c.daysMean()
	months := c.monthsMean()
	everyDay, theMonth, tail := "every day", or(months, "the month"), ""
	if r := c.recurrence; r != nil {
		week := time.Weekday(bits.TrailingZeros8(c.days[1].week))
		switch {
		case r.unit == everyDays:
			everyDay = r.means()
		case r.unit == everyWeeks && days == week.String()+"s":
			days = "every " + ordinal(int(r.n)) + " " + week.String()
		case r.unit == everyWeeks:
			days = or(days, everyDay) + " of " + r.means()
		case months == "":
			theMonth = r.means()
		default:
			tail = ", " + r.means() + " only"
		}
	}
	ofMonth := strings.HasPrefix(days, "on ") && strings.HasSuffix(days, "the month")
	var text string
	switch {
	case strings.Contains(days, ", if "):
		text = when + " " + strings.Replace(days, "the month", theMonth, 1)
	case clock && days == "":
		text = everyDay + prefixed(" in ", months) + " " + when
	case clock && ofMonth:
		text = strings.TrimSuffix(days, "the month") + theMonth + " " + when
	case clock:
		text = days + prefixed(" in ", months) + " " + when
	case ofMonth:
		text = when + ", " + strings.TrimSuffix(days, "the month") + theMonth
	default:
		text = when + prefixed(", ", days) + prefixed(" in ", months)
	}
	text += tail + c.times.window.means() + c.except.means()
	if c.onExcept != "" {
		text += ", then on the " + c.onExcept + " workday"
	}
	return text
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// listed joins items as a sentence does: "a, b and c".
func listed(and string, items []string) string {
	n := len(items)
	if n < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:n-1], ", ") + " " + and + " " + items[n-1]
}

// ranges returns the names of the members of a set below size, three or more in a row as
// "a–b". In a circle such a row may run past the end, and is then the last one; what is
// not such a row stands in its order.
func ranges(set uint64, size int, circle bool, name func(int) string) (items []string) {
	first := 0
	around := bits.TrailingZeros64(^set) + bits.LeadingZeros64(^(set << (64 - size))) // members at both ends
	if circle && around >= 3 {                                                        // begin with a member that has none before it
		for first < size && (set>>first&1 == 0 || set>>((first+size-1)%size)&1 != 0) {
			first++
		}
	}
	member := func(i int) bool { return i < first+size && set>>(i%size)&1 != 0 }
	for i := first; i < first+size; i++ {
		if !member(i) {
			continue
		}
		end := i
		for member(end + 1) {
			end++
		}
		item := name(i % size)
		if end-i >= 2 {
			item += "–" + name(end%size)
			i = end
		}
		items = append(items, item)
	}
	return items
}

func ordinal(n int) string {
	suffix := "th"
	switch {
	case n/10 == 1:
	case n%10 == 1:
		suffix = "st"
	case n%10 == 2:
		suffix = "nd"
	case n%10 == 3:
		suffix = "rd"
	}
	return fmt.Sprint(n) + suffix
}
