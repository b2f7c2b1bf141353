package schedule

import (
	"fmt"
	"slices"
)

// everyUnit is the unit that every counts.
type everyUnit int

const (
	everyDays everyUnit = iota
	everyWeeks
	everyMonths
)

// everyNames are the names of a unit in an expression, singular and plural.
var everyNames = [...][2]string{everyDays: {"day", "days"}, everyWeeks: {"week", "weeks"}, everyMonths: {"month", "months"}}

// maxEvery is the limit of every: more than that is a mistake.
const maxEvery = 999

// recurrence limits a calendar to each n-th of its weeks, months or days. They are
// counted on the wall clock's dates, so that no change of the clock moves them.
type recurrence struct {
	unit everyUnit
	n    int64 // at least 2
	base int64 // the first that counts: a day number, that of a Monday, or a month's
}

func (r *recurrence) in(d date) uint32 {
	if r.unit == everyMonths {
		if modulo(monthNumber(d)-r.base, r.n) != 0 {
			return 0
		}
		return everyDay.dom
	}
	length := int64(1) // of what counts, in days
	if r.unit == everyWeeks {
		length = 7
	}
	first := date{d.year, d.month, 1}.number()
	var set uint64
	// From the one that the month begins in, or the next that counts.
	for at := -modulo(first-r.base, r.n*length); at < 31; at += r.n * length {
		if at > -7 {
			set |= (1<<length - 1) << (at + 8) >> 7 // day 1 is bit 1
		}
	}
	return uint32(set) & everyDay.dom
}

// modulo is a mod n as in mathematics: never negative.
func modulo(a, n int64) int64 { return (a%n + n) % n }

func monthNumber(d date) int64 { return int64(d.year)*12 + int64(d.month) }

func (d *builder) parseEvery(v value) {
	if n := atoi(v.text); allDigits(v.text) && 2 <= n && n <= maxEvery {
		d.nth = int64(n)
		return
	}
	hint := fmt.Sprintf(`write a whole number from 2 to %d, or use interval = "15m"`, maxEvery)
	if allDigits(v.text) && atoi(v.text) == 1 {
		hint = "remove it: without it each one counts"
	} else if near := suggestDuration(v.text); near != "" {
		hint = fmt.Sprintf("use interval = %q for that", near)
	}
	d.add(v.whole(hint, "every cannot be %q", v.text))
}

func (d *builder) everyText() string {
	if d.nth == 0 {
		return ""
	}
	return fmt.Sprint(d.nth)
}

// everyUnit returns the unit that every counts in this trigger.
func (d *builder) everyUnit() everyUnit {
	switch {
	case d.has("monthday"):
		return everyMonths
	case d.has("weekday"):
		return everyWeeks
	}
	return everyDays
}

// recurrence returns the recurrence of the key every; nil if it is not given. It counts from the
// date that starts shows on the wall clock.
func (d *builder) recurrence(p *plan, w *wall) *recurrence {
	if d.nth == 0 {
		return nil
	}
	if d.starts.text == "" {
		hint := `add starts = "2026-01-05", a date in the first of them`
		d.add(Fault{Key: "every", Msg: fmt.Sprintf("every = %d needs starts to count from", d.nth), Hint: hint})
		return nil
	}
	local := d.starts.local
	if d.starts.zoned {
		local = p.starts + w.at(p.starts).off
	}
	first, _ := floorDay(max(local, minTime))
	r := &recurrence{unit: d.everyUnit(), n: d.nth, base: first}
	switch date, weekday := civil(first); r.unit {
	case everyWeeks:
		r.base -= int64(weekday+6) % 7
	case everyMonths:
		r.base = monthNumber(date)
	}
	return r
}

// means describes which units count: "every 2nd week".
func (r *recurrence) means() string {
	return "every " + ordinal(int(r.n)) + " " + everyNames[r.unit][0]
}

// readEvery reads "every 2 weeks mon" as weekday mon every 2, from its second word
// on, and returns how many words that are, the values of the days included; 0 if it is
// not such a text.
func (e *expr) readEvery(w []span) (taken int) {
	word := func(i int) string { return e.text[w[i].start:w[i].end] }
	if len(w) < 2 || !allDigits(word(0)) {
		return 0
	}
	u := slices.IndexFunc(everyNames[:], func(n [2]string) bool { return slices.Contains(n[:], word(1)) })
	if u < 0 {
		return 0
	}
	end := 2
	for end < len(w) && !isKeyword(word(end)) {
		end++
	}
	key := [...]string{everyDays: "", everyWeeks: "weekday", everyMonths: "monthday"}[u]
	example := fmt.Sprintf("every %s %s %s", word(0), word(1), [...]string{"", "mon", "1"}[u])
	e.put("every", w[0])
	switch {
	case end > 2 && key == "":
		e.fault(span{w[2].start, w[end-1].end}, fmt.Sprintf(`write "every %s weeks mon" or "every %s months 1"`, word(0), word(0)), "only weeks and months have days to choose from")
	case end > 2 && e.keys[key] != nil:
		e.fault(span{w[2].start, w[end-1].end}, "separate its values with commas", "duplicate %s", key)
	case end > 2:
		e.values(key, span{w[2].start, w[end-1].end})
	case key != "":
		e.fault(w[1], fmt.Sprintf("write %q", example), "which days of the %s is not given", everyNames[u][0])
	}
	return end
}

// readsEvery reports whether "every" before these words is that key, and not a mistake
// for interval.
func (e *expr) readsEvery(w []span) bool {
	word := func(i int) string { return e.text[w[i].start:w[i].end] }
	at := slices.ContainsFunc(w, func(s span) bool { return e.text[s.start:s.end] == "at" })
	return at && allDigits(word(0)) && (isKeyword(word(1)) || slices.ContainsFunc(everyNames[:], func(n [2]string) bool { return slices.Contains(n[:], word(1)) }))
}
