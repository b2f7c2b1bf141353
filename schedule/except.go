package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// except is a set of days without slots.
type except struct {
	week   uint8      // bit w: every such weekday, 0 is Sunday
	yearly [13]uint32 // by month, bit d: the d-th
	years  []dayRange // the ranges of yearly, as written: days of the year 2000
	dates  []dayRange // day numbers
}

// dayRange is a run of days [first, last].
type dayRange struct{ first, last int64 }

// addDayRange adds a run of days to an ascending list in which none shares a day
// with another. Adjacent ranges are not merged: a list of dates reads as it was written.
func addDayRange(list []dayRange, s dayRange) []dayRange {
	i, _ := slices.BinarySearchFunc(list, s.first, func(old dayRange, n int64) int {
		if old.last < n {
			return -1
		}
		return 1
	})
	end := i
	for ; end < len(list) && list[end].first <= s.last; end++ {
		s = dayRange{min(s.first, list[end].first), max(s.last, list[end].last)}
	}
	return slices.Replace(list, i, end, s)
}

// holds reports whether a day is in the set.
func (e *except) holds(n int64) bool { return e.over(n) > n }

// over returns n if that day is not in the set; otherwise a later day, up to which all
// are in the set. That day may be in the set, too.
func (e *except) over(n int64) int64 {
	d, weekday := civil(n)
	if e.week>>weekday&1 != 0 || e.yearly[d.month]>>d.day&1 != 0 {
		return n + 1
	}
	if i := e.from(n); i < len(e.dates) && e.dates[i].first <= n {
		return e.dates[i].last + 1
	}
	return n
}

// from returns the index of the first of the dates that ends at day n or later.
func (e *except) from(n int64) int {
	low, high := 0, len(e.dates)
	for low < high {
		if mid := (low + high) / 2; e.dates[mid].last < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// in returns the days of a month that are in the set, bit by bit; first is the
// weekday of its first day.
func (e *except) in(d date, first int) uint32 {
	set := e.yearly[d.month] | onWeekdays(e.week, first)
	n, length := date{d.year, d.month, 1}.number(), int64(d.length())
	for i := e.from(n); i < len(e.dates) && e.dates[i].first < n+length; i++ {
		low, high := max(e.dates[i].first-n, 0), min(e.dates[i].last-n, length-1)
		set |= (2<<high - 1) >> low << low << 1
	}
	return set
}

const exceptHint = `write "2026-12-25", "12-25" for every year, "2027-05-01..2027-05-10", or weekdays: "sat", "mon-fri"`

func (d *builder) parseExcept(v value) {
	if d.except == nil {
		d.except = &except{}
	}
	if d.separated(v) {
		return
	}
	if strings.HasPrefix(v.text, "file:") {
		d.add(v.whole(`list the dates: except 12-25, 2026-04-06`, "except can name a file only in jobs.toml"))
		return
	}
	if fault := d.except.read(v); fault != nil {
		d.add(*fault)
	}
}

// IsExcept reports whether a text is valid for the key except: a date such as
// "2026-12-25", or "12-25" for every year, a range of either, or weekdays.
func IsExcept(text string) bool { return (&except{}).read(value{text: text}) == nil }

// read adds the days of a text.
func (e *except) read(v value) *Fault {
	if first, last, isRange := strings.Cut(v.text, ".."); isRange {
		return e.readRange(v, first, last)
	}
	if t, yearly, ok := exceptDate(v.text); ok {
		e.add(t, t, yearly)
		return nil
	}
	if first, last, isRange := strings.Cut(lower(v.text), "-"); slices.Contains(weekdays, first) && (!isRange || slices.Contains(weekdays, last)) {
		low := slices.Index(weekdays, first) + 1
		high := low
		if isRange {
			high = slices.Index(weekdays, last) + 1
		}
		if high < low {
			high += 7
		}
		for n := low; n <= high; n++ {
			e.week |= 1 << (n % 7)
		}
		return nil
	}
	hint := exceptHint
	if short := lower(shortName(v.text)); slices.Contains(weekdays, short) {
		hint = fmt.Sprintf("write %q", short)
	} else if n := atoi(v.text); len(v.text) == 1 && allDigits(v.text) && 1 <= n && n <= 7 {
		hint = fmt.Sprintf("write %q", weekdays[n-1])
	}
	f := v.whole(hint, "%q is not a date", v.text)
	return &f
}

func (e *except) readRange(v value, first, last string) *Fault {
	a, yearly, ok := exceptDate(first)
	b, yearly2, ok2 := exceptDate(last)
	var f Fault
	switch {
	case !ok && slices.Contains(weekdays, lower(first)):
		f = v.whole(fmt.Sprintf("write %q", first+"-"+last), "a range of weekdays has a hyphen")
	case !ok:
		f = v.fault(0, len(first), exceptHint, "%q is not a date", first)
	case !ok2:
		f = v.fault(len(first)+2, len(v.text), exceptHint, "%q is not a date", last)
	case yearly != yearly2:
		f = v.whole("give both with their year, or both without", "one end of the range %s is in every year, the other is not", v.text)
	case !yearly && b.Before(a):
		f = v.whole(fmt.Sprintf("write %q", last+".."+first), "the range %s runs backwards", v.text)
	case yearly && b.Before(a): // round the new year
		e.add(a, time.Date(2000, 12, 31, 0, 0, 0, 0, time.UTC), true)
		e.add(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), b, true)
		return nil
	default:
		e.add(a, b, yearly)
		return nil
	}
	return &f
}

// add adds the days from one date to another, in every year if they are yearly.
func (e *except) add(first, last time.Time, yearly bool) {
	s := dayRange{dayNumber(first), dayNumber(last)}
	if !yearly {
		e.dates = addDayRange(e.dates, s)
		return
	}
	e.years = addDayRange(e.years, s)
	for n := s.first; n <= s.last; n++ {
		d, _ := civil(n)
		e.yearly[d.month] |= 1 << d.day
	}
}

func dayNumber(t time.Time) int64 {
	return date{t.Year(), int(t.Month()), t.Day()}.number()
}

// exceptDate reads a date; a yearly one is in the year 2000, for a leap year
// admits 29 February.
func exceptDate(text string) (t time.Time, yearly bool, ok bool) {
	if len(text) == 5 {
		if t, err := time.Parse(time.DateOnly, "2000-"+text); err == nil {
			return t, true, true
		}
	}
	t, err := time.Parse(time.DateOnly, text)
	return t, false, err == nil && t.Year() > 0
}

// items writes the days as read reads them.
func (e *except) items() []string {
	items := rangesOf(rotate(e.week), 1, weekdays)
	write := func(list []dayRange, form string) {
		for _, s := range list {
			item := dayTime(s.first).Format(form)
			if s.last > s.first {
				item += ".." + dayTime(s.last).Format(form)
			}
			items = append(items, item)
		}
	}
	write(e.years, "01-02")
	write(e.dates, time.DateOnly)
	return items
}

func dayTime(n int64) time.Time { return time.Unix(n*day, 0).UTC() }

// means names the days, but counts the dates of a long list.
func (e *except) means() string {
	if e == nil {
		return ""
	}
	var items []string
	if weekdays := (&days{week: e.week}); e.week != 0 {
		if items = weekdays.weekdayNames(); len(items) == 1 && !strings.Contains(items[0], "–") {
			items = []string{weekdays.mean()}
		}
	}
	if len(e.years)+len(e.dates) > 3 {
		n := int64(0)
		for _, s := range slices.Concat(e.years, e.dates) {
			n += s.last - s.first + 1
		}
		items = append(items, fmt.Sprintf("%d dates", n))
	} else {
		for _, s := range e.years {
			items = append(items, s.means(""))
		}
		for _, s := range e.dates {
			items = append(items, s.means(" 2006"))
		}
	}
	return ", except on " + listed("and", items)
}

// means names the days, with the year in a form of package time; "": without.
func (s dayRange) means(year string) string {
	a, b := dayTime(s.first), dayTime(s.last)
	end := b.Format("2 January" + year)
	switch {
	case a.Equal(b):
		return end
	case a.Month() == b.Month() && a.Year() == b.Year():
		return fmt.Sprintf("%d–%s", a.Day(), end)
	case a.Year() == b.Year():
		year = ""
	}
	return a.Format("2 January"+year) + " to " + end
}
