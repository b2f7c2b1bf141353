package crontab

import (
	"math/bits"
	"strings"
)

// When is the schedule of a job.
type When struct {
	Boot   bool   // at the start of the machine; all other fields are empty then
	Text   string // as written
	Alias  string // "@daily" and the like, as rota writes it; "" if the schedule has fields
	Second *Field // nil: at second 0
	Minute Field
	Hour   Field
	Dom    Field
	Month  Field
	Dow    Field
	Years  []Years // nil: every year
	either bool    // a day must match one of the day fields, not both
}

// Years is a range of years.
type Years struct{ First, Last int }

// Field is a column of a schedule.
type Field struct {
	Star   bool   // it begins with "*" as far as the day rule goes
	Set    uint64 // the values; Sunday is 0
	More   bool   // it has more than values, such as L
	Random bool   // a value was chosen at random
	items  []string
	spec   *column
}

// column describes the values that a field may have.
type column struct {
	name     string
	min, max int
	names    []string
}

var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

	secondColumn = &column{"second", 0, 59, nil}
	minuteColumn = &column{"minute", 0, 59, nil}
	hourColumn   = &column{"hour", 0, 23, nil}
	domColumn    = &column{"day of month", 1, 31, nil}
	monthColumn  = &column{"month", 1, 12, monthNames}
	dowColumn    = &column{"day of week", 0, 7, dayNames}
)

// count returns how many different values a column has.
func (c *column) count() int {
	if c == dowColumn {
		return 7
	}
	return c.max - c.min + 1
}

// full returns the set of all values.
func (c *column) full() uint64 { return (1<<c.count() - 1) << c.min }

// add puts the values from low to high into the field.
func (f *Field) add(low, high, step int) {
	for n := low; n <= high; n += step {
		f.Set |= 1 << f.spec.at(n)
	}
}

func (c *column) at(n int) int {
	if c == dowColumn {
		return n % 7
	}
	return n
}

// Text returns the field in the syntax of rota.
func (f *Field) Text() string {
	if len(f.items) == 0 {
		return "*"
	}
	return strings.Join(f.items, ",")
}

// Values returns the values if the field is a list of numbers, names and ranges
// without steps, in the words of its items.
func (f *Field) Values() (items []string, ok bool) {
	for _, item := range f.items {
		if strings.ContainsAny(item, "*?/#LWlw") && !isName(item) || item == "" {
			return nil, false
		}
	}
	return f.items, !f.More && len(f.items) > 0
}

func isName(item string) bool { // "jul-aug" has an l, and "wed" a w
	for _, part := range strings.Split(item, "-") {
		known := false
		for _, name := range append(monthNames[:len(monthNames):len(monthNames)], dayNames...) {
			known = known || strings.EqualFold(part, name)
		}
		if !known {
			return false
		}
	}
	return true
}

// Cron returns the schedule in the syntax of rota; "" if it has no time.
func (w *When) Cron() string {
	switch {
	case w.Boot:
		return ""
	case w.Alias != "":
		return w.Alias
	}
	var fields []string
	if w.Second != nil {
		fields = append(fields, w.Second.Text())
	}
	dom, dow := w.days()
	return strings.Join(append(fields, w.Minute.Text(), w.Hour.Text(), dom, w.Month.Text(), dow), " ")
}

// days returns the day fields in the form that rota combines as the cron does: a day must
// match both if one begins with "*".
func (w *When) days() (dom, dow string) {
	dom, dow = w.Dom.Text(), w.Dow.Text()
	if !w.either {
		return dom, dow
	}
	switch empty := func(f *Field) bool { return f.Set == 0 && !f.More }; {
	case empty(&w.Dom):
		return "*", dow
	case empty(&w.Dow):
		return dom, "*"
	}
	return unstarred(dom, "1-31"), unstarred(dow, "0-6")
}

// unstarred replaces a "*" with a step by a range: the "*" would mean that both day fields
// must match.
func unstarred(text, all string) string {
	if rest, found := strings.CutPrefix(text, "*"); found {
		return all + rest
	}
	return text
}

// Never reports whether no day matches.
func (w *When) Never() bool {
	if w.Boot || w.Alias != "" {
		return false
	}
	none := func(f *Field) bool { return f.Set == 0 && !f.More }
	if none(&w.Minute) || none(&w.Hour) || none(&w.Month) || w.Second != nil && none(w.Second) {
		return true
	}
	if w.either {
		return none(&w.Dom) && none(&w.Dow) || none(&w.Dow) && !w.date()
	}
	return none(&w.Dow) || !w.date()
}

// date reports whether a month has one of the days.
func (w *When) date() bool {
	if w.Dom.More {
		return true
	}
	for set := w.Month.Set; set != 0; set &= set - 1 {
		days := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[bits.TrailingZeros64(set)]
		if w.Dom.Set&(1<<(days+1)-1) != 0 {
			return true
		}
	}
	return false
}
