package schedule

import (
	"fmt"
	"slices"
	"strings"
)

// weekdays are the names that triggers use, in the order of their numbers from
// 1 on; months likewise.
var (
	weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	months   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	ordinals = []string{"1st", "2nd", "3rd", "4th", "5th", "last"}
)

func (d *builder) parseWeekday(v value) {
	low, high, ok := d.wrapping(v, weekdays, "weekday")
	for n := low; ok && n <= high; n++ {
		d.weekdays |= 1 << (n % 7) // 7 and 0 are Sunday
	}
}

func (d *builder) parseMonth(v value) {
	low, high, ok := d.wrapping(v, months, "month")
	for n := low; ok && n <= high; n++ {
		d.months |= 1 << ((n-1)%12 + 1)
	}
}

// wrapping reads a number from 1 on, a name, or a range of either that may run
// past the end: then high is beyond the last number.
func (d *builder) wrapping(v value, names []string, what string) (low, high int, ok bool) {
	if d.separated(v) {
		return 0, 0, false
	}
	i := strings.IndexByte(v.text, '-')
	if i <= 0 {
		low, ok = d.named(v, span{0, len(v.text)}, names, what)
		return low, low, ok
	}
	low, ok = d.named(v, span{0, i}, names, what)
	high, ok2 := d.named(v, span{i + 1, len(v.text)}, names, what)
	if high < low {
		high += len(names)
	}
	return low, high, ok && ok2
}

func (d *builder) named(v value, at span, names []string, what string) (int, bool) {
	text := v.text[at.start:at.end]
	small := lower(text)
	if n := slices.Index(names, small); n >= 0 {
		return n + 1, true
	}
	n := atoi(text)
	if allDigits(text) && len(text) <= 2 && 1 <= n && n <= len(names) {
		return n, true
	}
	hint := fmt.Sprintf("write 1 to %d or %s to %s", len(names), names[0], names[len(names)-1])
	switch {
	case text == "0" && what == "weekday":
		hint = "Sunday is 7 or sun"
	case slices.Contains(names, lower(shortName(text))):
		hint = fmt.Sprintf("write %q", small[:3])
	case what == "weekday" && slices.Contains(ordinals, strings.Split(small, " ")[0]):
		hint = fmt.Sprintf("write monthday = %q", small)
	}
	d.add(v.fault(at.start, at.end, hint, "unknown %s %q", what, text))
	return 0, false
}

// separated complains about a list inside one text.
func (d *builder) separated(v value) bool {
	if strings.IndexByte(v.text, ',') < 0 {
		return false
	}
	var parts []string
	for part := range strings.SplitSeq(v.text, ",") {
		parts = append(parts, fmt.Sprintf("%q", strings.TrimSpace(part)))
	}
	d.add(v.whole(fmt.Sprintf("write %s = [%s]", v.key, strings.Join(parts, ", ")), "%q is a list in one string", v.text))
	return true
}

func (d *builder) parseMonthday(v value) {
	m := &d.monthdays
	text := lower(v.text)
	if d.separated(v) {
		return
	}
	if text == "last" {
		m.back, m.more = m.back|1<<1, true
		return
	}
	if which, weekday, found := strings.Cut(text, " "); found {
		d.parseOrdinal(v, which, weekday)
		return
	}
	if i := strings.IndexByte(text, '-'); i > 0 {
		low, ok := d.dayNumber(v, span{0, i})
		high, ok2 := d.dayNumber(v, span{i + 1, len(text)})
		if ok && ok2 && high < low {
			d.add(v.whole(fmt.Sprintf(`write ["%d-31", "1-%d"]`, low, high), "the range %s runs backwards", text))
			return
		}
		for n := low; ok && ok2 && n <= high; n++ {
			m.dom |= 1 << n
		}
		return
	}
	if strings.HasPrefix(text, "-") {
		if n, ok := d.dayNumber(v, span{1, len(text)}); ok {
			m.back, m.more = m.back|1<<n, true
		}
		return
	}
	if n, ok := d.dayNumber(v, span{0, len(text)}); ok {
		m.dom |= 1 << n
	}
}

// lower makes ASCII letters small. It leaves all bytes in their places, as
// strings.ToLower does not.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// dayNumber reads 1 to 31.
func (d *builder) dayNumber(v value, at span) (int, bool) {
	text := v.text[at.start:at.end]
	if n := atoi(text); allDigits(text) && len(text) <= 2 && 1 <= n && n <= 31 {
		return n, true
	}
	hint := `write 1 to 31, -1 to -31 from the end, "1-7", "last", "last fri", "2nd tue" or "first workday"`
	switch {
	case strings.EqualFold(v.text, "L"):
		hint = `write "last"`
	case slices.Contains(weekdays, lower(text)):
		hint = fmt.Sprintf("write weekday = %q, or an ordinal before it: %q", lower(text), "last "+lower(text))
	case strings.HasPrefix(text, "-"):
		hint = `list the days instead: [-3, -2, -1]`
	}
	d.add(v.fault(at.start, at.end, hint, "unknown monthday %q", text))
	return 0, false
}

// parseOrdinal reads "last fri" and "2nd tue".
func (d *builder) parseOrdinal(v value, which, weekday string) {
	if which == "first" {
		which = "1st"
	}
	if strings.TrimLeft(weekday, " ") == "workday" {
		d.parseWorkday(v, which)
		return
	}
	n := slices.Index(ordinals, which)
	if n < 0 {
		d.add(v.fault(0, len(which), "write 1st, 2nd, 3rd, 4th, 5th or last", "unknown ordinal %q", which))
		return
	}
	at := span{strings.IndexByte(v.text, ' ') + 1, len(v.text)}
	w := slices.Index(weekdays, strings.TrimLeft(weekday, " "))
	if w < 0 {
		hint := "write mon, tue, wed, thu, fri, sat, sun or workday after the ordinal"
		switch short := strings.TrimLeft(weekday, " "); {
		case closest(short, []string{"workday"}) != "" || short == "weekday" || short == "business day":
			hint = fmt.Sprintf("write %q", which+" workday")
		}
		if slices.Contains(weekdays, lower(shortName(weekday))) {
			hint = fmt.Sprintf("write %q", which+" "+weekday[:3])
		}
		d.add(v.fault(at.start, at.end, hint, "unknown weekday %q", weekday))
		return
	}
	bit := uint8(1) << ((w + 1) % 7)
	d.monthdays.more = true
	if n == 5 {
		d.monthdays.last |= bit
	} else {
		d.monthdays.nth[n+1] |= bit
	}
}
