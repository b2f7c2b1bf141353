package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// except is a set of dates without slots.
type except struct {
	yearly [13]uint32 // by month, bit d: the d-th
	dates  []int64    // day numbers, ascending
}

func (e *except) holds(n int64) bool {
	d, _ := civil(n)
	if e.yearly[d.month]>>d.day&1 != 0 {
		return true
	}
	_, found := slices.BinarySearch(e.dates, n)
	return found
}

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
	t, yearly, ok := exceptDate(v.text)
	if !ok {
		d.add(v.whole(`write "2026-12-25", or "12-25" for every year`, "%q is not a date", v.text))
		return
	}
	if yearly {
		d.except.yearly[t.Month()] |= 1 << t.Day()
		return
	}
	n := t.Unix() / day
	if t.Unix() < 0 {
		n, _ = floorDay(t.Unix())
	}
	if i, found := slices.BinarySearch(d.except.dates, n); !found {
		d.except.dates = slices.Insert(d.except.dates, i, n)
	}
}

// IsDate tells whether a text is a date as the key except takes it:
// "2026-12-25", or "12-25" for every year.
func IsDate(text string) bool {
	_, _, ok := exceptDate(text)
	return ok
}

// exceptDate reads a date; of a yearly one the year means nothing.
func exceptDate(text string) (t time.Time, yearly bool, ok bool) {
	if len(text) == 5 { // a leap year admits 29 February
		if t, err := time.Parse(time.DateOnly, "2000-"+text); err == nil {
			return t, true, true
		}
	}
	t, err := time.Parse(time.DateOnly, text)
	return t, false, err == nil && t.Year() > 0
}

// count tells how many dates there are, a yearly one counting once.
func (e *except) count() int {
	n := len(e.dates)
	for _, set := range e.yearly {
		n += bits.OnesCount32(set)
	}
	return n
}

// items writes the dates as parseExcept reads them.
func (e *except) items() (items []string) {
	for m, set := range e.yearly {
		for d := from(uint64(set), 0); d >= 0; d = from(uint64(set), d+1) {
			items = append(items, fmt.Sprintf("%02d-%02d", m, d))
		}
	}
	for _, n := range e.dates {
		d, _ := civil(n)
		items = append(items, fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day))
	}
	return slices.Clip(items)
}
