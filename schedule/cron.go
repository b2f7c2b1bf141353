package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// cronLine is what a cron expression says.
type cronLine struct {
	every   int64  // seconds, of "@every"; the rest is empty then
	text    string // canonical: one blank between fields, names in capitals
	seconds uint64
	minutes uint64
	hours   uint64
	months  uint64
	dom     days
	dow     days
	and     bool // a day has to match both
	fixed   bool
	fields  []span // where the fields are in the author's text
}

// field is one column of a cron expression.
type field struct {
	name     string
	min, max int
	count    int      // of different values
	names    []string // of the values from min on
	wraps    bool     // a range may run past the end
	any      bool     // may be "?"
}

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

	cronFields = []field{
		{name: "second", max: 59, count: 60},
		{name: "minute", max: 59, count: 60},
		{name: "hour", max: 23, count: 24},
		{name: "day-of-month", min: 1, max: 31, count: 31, any: true},
		{name: "month", min: 1, max: 12, count: 12, names: monthNames, wraps: true},
		{name: "day-of-week", max: 7, count: 7, names: weekdayNames, wraps: true, any: true},
	}
)

const (
	second = iota
	minute
	hour
	dayOfMonth
	month
	dayOfWeek
)

var cronAliases = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

var aliasNames = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every"}

const maxCron = 1024 // bytes

// span is a run of bytes [start, end) of a text.
type span struct{ start, end int }

// words splits a text at blanks and tabs.
func words(text string) (w []span) {
	for i := 0; i < len(text); {
		for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
			i++
		}
		start := i
		for i < len(text) && text[i] != ' ' && text[i] != '\t' {
			i++
		}
		if start < i {
			w = append(w, span{start, i})
		}
	}
	return w
}

func (d *draft) parseCron(v value) {
	if len(v.text) > maxCron {
		d.add(v.fault(maxCron, len(v.text), "split it into several triggers", "a cron expression has at most %d bytes, not %d", maxCron, len(v.text)))
		return
	}
	for i := range v.text {
		if c := v.text[i]; c != '\t' && (c < ' ' || c > '~') {
			_, size := utf8.DecodeRuneInString(v.text[i:])
			d.add(v.fault(i, i+size, "write plain ASCII", "%q does not belong in a cron expression", v.text[i:i+size]))
			return
		}
	}
	w := words(v.text)
	if len(w) == 0 {
		d.add(v.whole(`write five fields, such as "0 3 * * *"`, "empty cron expression"))
		return
	}
	if v.text[w[0].start] == '@' {
		d.parseAlias(v, w)
		return
	}
	if !d.rightCount(v, w) {
		return
	}
	d.cron.fields = w
	d.parseFields(v, w)
}

// rightCount complains unless there are five or six fields.
func (d *draft) rightCount(v value, w []span) bool {
	head := v.text[w[0].start:w[0].end]
	if before, after, found := strings.Cut(head, "="); found && (before == "TZ" || before == "CRON_TZ") {
		d.add(v.fault(w[0].start, w[0].end, fmt.Sprintf("write timezone = %q beside it", after), "a cron expression does not name its time zone"))
		return false
	}
	if len(w) == 5 || len(w) == 6 {
		return true
	}
	msg := fmt.Sprintf("a cron expression has 5 fields, or 6 with seconds first, not %d", len(w))
	hint := `minute hour day-of-month month day-of-week, such as "0 3 * * *"`
	if len(w) == 7 {
		hint = "a year cannot be given: use starts and ends"
	}
	at := span{w[0].start, w[len(w)-1].end}
	if len(w) > 6 {
		at.start = w[6].start
	}
	d.add(v.fault(at.start, at.end, hint, "%s", msg))
	return false
}

func (d *draft) parseAlias(v value, w []span) {
	name := strings.ToLower(v.text[w[0].start:w[0].end])
	line, known := cronAliases[name]
	switch {
	case name == "@every":
		d.parseEvery(v, w)
	case name == "@reboot":
		d.add(v.fault(w[0].start, w[0].end, `write at_start = "boot" instead of cron`, "@reboot is no point in time"))
	case !known:
		hint := "the aliases are " + strings.Join(aliasNames, ", ")
		if near := closest(name, aliasNames); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.add(v.fault(w[0].start, w[0].end, hint, "unknown alias %q", v.text[w[0].start:w[0].end]))
	case len(w) > 1:
		d.add(v.fault(w[1].start, w[len(w)-1].end, "leave it out", "nothing may follow %s", name))
	default:
		d.parseFields(value{v.key, v.index, line}, words(line))
	}
}

func (d *draft) parseEvery(v value, w []span) {
	if len(w) != 2 {
		at := span{w[0].start, w[0].end}
		if len(w) > 2 {
			at = span{w[1].start, w[len(w)-1].end}
		}
		d.add(v.fault(at.start, at.end, `write "@every 15m"`, "@every needs one duration"))
		return
	}
	length, fault := duration(v.text[w[1].start:w[1].end])
	if fault == nil && length == 0 {
		fault = &Fault{End: w[1].end - w[1].start, Msg: "an interval of 0 is too short", Hint: `write "1s" or more`}
	}
	if fault != nil {
		d.add(v.fault(w[1].start+fault.Start, w[1].start+fault.End, fault.Hint, "%s", fault.Msg))
		return
	}
	d.cron.every = int64(length / time.Second)
}

// parseFields reads the five or six fields w of v.
func (d *draft) parseFields(v value, w []span) {
	c := &d.cron
	var texts []string
	for _, at := range w {
		texts = append(texts, strings.ToUpper(v.text[at.start:at.end]))
	}
	c.text = strings.Join(texts, " ")
	c.seconds = 1
	for i, at := range w {
		column := i + 6 - len(w)
		f := &fieldReader{d: d, v: v, field: &cronFields[column], column: column}
		f.read(at)
		switch column {
		case second:
			c.seconds = f.set
		case minute:
			c.minutes = f.set
		case hour:
			c.hours = f.set
		case dayOfMonth:
			f.days.dom = uint32(f.set)
			c.dom = f.days
		case month:
			c.months = f.set
		case dayOfWeek:
			f.days.week = uint8(f.set)
			c.dow = f.days
		}
	}
	texts = texts[len(texts)-5:]
	open := func(text string) bool { return text[0] == '*' || text == "?" }
	c.and = open(texts[2]) || open(texts[4])
	c.fixed = texts[0][0] != '*' && texts[1][0] != '*'
	if texts[2] != "*" && texts[2] != "?" && texts[4] != "*" && texts[4] != "?" && (strings.HasPrefix(texts[2], "*/") || strings.HasPrefix(texts[4], "*/")) {
		at := w[len(w)-3]
		if strings.HasPrefix(texts[4], "*/") {
			at = w[len(w)-1]
		}
		d.warned = append(d.warned, v.fault(at.start, at.end, `without "*/" either day would do`, `a day has to match both day fields, as one begins with "*/"`))
	}
}

// fieldReader reads one field of a cron expression.
type fieldReader struct {
	*field
	d      *draft
	v      value
	column int
	begin  int    // where the field begins in v
	set    uint64 // the values
	days   days   // what is more than values
}

func (f *fieldReader) fault(at span, hint, format string, args ...any) {
	f.d.add(f.v.fault(at.start, at.end, hint, format, args...))
}

func (f *fieldReader) text(at span) string { return f.v.text[at.start:at.end] }

func (f *fieldReader) all() uint64 {
	return (1<<f.count - 1) << f.min
}

func (f *fieldReader) read(at span) {
	if f.text(at) == "?" {
		if !f.any {
			f.fault(at, `write "*"`, `"?" is for day-of-month and day-of-week only`)
		}
		f.set = f.all()
		return
	}
	f.begin = at.start
	start := at.start
	for i := at.start; i <= at.end; i++ {
		if i == at.end || f.v.text[i] == ',' {
			f.item(span{start, i})
			start = i + 1
		}
	}
}

// item reads one member of a list.
func (f *fieldReader) item(at span) {
	text := f.text(at)
	if text == "" {
		comma := span{at.start - 1, at.start}
		if at.start == f.begin {
			comma = span{at.end, at.end + 1}
		}
		f.fault(comma, "remove the comma", "empty item in the %s field", f.name)
		return
	}
	if f.special(at) {
		return
	}
	body, stepAt, stepped := at, span{}, false
	if i := strings.IndexByte(text, '/'); i >= 0 {
		body, stepAt, stepped = span{at.start, at.start + i}, span{at.start + i + 1, at.end}, true
	}
	step := 1
	if stepped {
		var ok bool
		if step, ok = f.step(stepAt); !ok {
			return
		}
	}
	low, high := f.min, f.max
	if f.column == dayOfWeek {
		high = 6
	}
	switch text := f.text(body); {
	case text == "*":
	case strings.IndexByte(text, '-') >= 0:
		i := body.start + strings.IndexByte(text, '-')
		a, ok := f.number(span{body.start, i})
		b, ok2 := f.number(span{i + 1, body.end})
		if !ok || !ok2 {
			return
		}
		if b < a && !f.wraps {
			f.fault(body, fmt.Sprintf(`write "%d-%d,%d-%d"`, a, f.max, f.min, b), "the %s range %s runs backwards", f.name, text)
			return
		}
		if low, high = a, b; b < a {
			high += f.count
		}
	default:
		a, ok := f.number(body)
		if !ok {
			return
		}
		if low = a; !stepped {
			high = a
		} else if low > high {
			low = 0 // 7 is Sunday
		}
	}
	for n := low; n <= high; n += step {
		f.set |= 1 << ((n-f.min)%f.count + f.min)
	}
}

func (f *fieldReader) step(at span) (int, bool) {
	text := f.text(at)
	if !allDigits(text) {
		f.fault(span{at.start - 1, at.end}, fmt.Sprintf(`write a number from 1 to %d after "/"`, f.count), "step %q is no number", text)
		return 0, false
	}
	n := atoi(text)
	if n < 1 || n > f.count || len(text) > 2 {
		hint := fmt.Sprintf("1 to %d fit in the field", f.count)
		if n > f.count && f.column <= hour {
			hint = fmt.Sprintf(`use interval = "%s%c" for that`, strings.TrimLeft(text, "0"), f.name[0])
		}
		f.fault(at, hint, "step %s is out of range for the %s field", text, f.name)
		return 0, false
	}
	return n, true
}

// number reads a value: one or two digits, or a name of the field.
func (f *fieldReader) number(at span) (int, bool) {
	text := f.text(at)
	rangeText := fmt.Sprintf("%d-%d", f.min, f.max)
	switch {
	case text == "":
		f.fault(span{max(0, at.start-1), min(at.end+1, len(f.v.text))}, "write "+rangeText, "a value is missing in the %s field", f.name)
		return 0, false
	case allDigits(text):
		n := atoi(text)
		if n < f.min || n > f.max {
			f.fault(at, "write "+rangeText, "%s %s is out of range %s", f.name, text, rangeText)
			return 0, false
		}
		if len(text) > 2 {
			f.fault(at, fmt.Sprintf("write %d", n), "%s %s has more than two digits", f.name, text)
			return 0, false
		}
		return n, true
	}
	upper := strings.ToUpper(text)
	if i := slices.Index(f.names, upper); i >= 0 {
		return i + f.min, true
	}
	hint := "write " + rangeText
	if f.names != nil {
		hint += fmt.Sprintf(" or %s…%s", f.names[0], f.names[len(f.names)-1])
	}
	if name := shortName(upper); slices.Contains(f.names, name) {
		hint = "write " + name
	}
	for _, other := range cronFields {
		if other.name != f.name && slices.Contains(other.names, upper) {
			hint = fmt.Sprintf("%s belongs in the %s field", upper, other.name)
		}
	}
	switch {
	case text == "*" || text == "?":
		hint = fmt.Sprintf("%q stands alone", text)
	case upper == "H" || strings.HasPrefix(upper, "H("):
		hint = "Jenkins's H is not known here; choose a number, or use jitter"
	case text[0] == '-' || text[0] == '+':
		hint = "write numbers without a sign"
	case strings.HasPrefix(upper, "L") && f.column == dayOfMonth:
		hint = `write L, LW, or monthday = "last fri" instead of cron`
	}
	f.fault(at, hint, "%s %q is not known", f.name, text)
	return 0, false
}

// special reads L, LW, nW in the day-of-month field, dL and d#n in the
// day-of-week field.
func (f *fieldReader) special(at span) bool {
	upper := strings.ToUpper(f.text(at))
	last := upper[len(upper)-1]
	body := span{at.start, at.end - 1}
	switch {
	case f.column == dayOfMonth && upper == "L":
		f.days.back |= 1 << 1
	case f.column == dayOfMonth && upper == "LW":
		f.days.work = true
	case f.column == dayOfMonth && last == 'W' && allDigits(f.text(body)):
		if n, ok := f.number(body); ok {
			f.days.near |= 1 << n
		}
	case f.column == dayOfWeek && upper == "L":
		f.fault(at, "write 6L for the last Saturday, SAT for every one", "L needs a weekday before it in the day-of-week field")
	case f.column == dayOfWeek && last == 'L' && strings.IndexAny(upper, "-/#") < 0:
		if n, ok := f.number(body); ok {
			f.days.last |= 1 << (n % 7)
		}
	case f.column == dayOfWeek && strings.IndexByte(upper, '#') >= 0:
		i := at.start + strings.IndexByte(upper, '#')
		which := f.text(span{i + 1, at.end})
		n, ok := f.number(span{at.start, i})
		if !ok {
			break
		}
		if len(which) != 1 || which[0] < '1' || which[0] > '5' {
			f.fault(span{i, at.end}, "write #1 to #5, or 5L for the last Friday", "%q does not count a weekday of the month", "#"+which)
			break
		}
		f.days.nth[which[0]-'0'] |= 1 << (n % 7)
	default:
		return false
	}
	f.days.more = true
	return true
}

func allDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

// shortName shortens the full name of a weekday or month, in capitals; "" if
// it is none.
func shortName(full string) string {
	for n := range 12 {
		for _, name := range []string{time.Weekday(n % 7).String(), time.Month(n + 1).String()} {
			if strings.EqualFold(name, full) {
				return strings.ToUpper(full[:3])
			}
		}
	}
	return ""
}

// atoi reads digits; what is too large for two of them stays too large.
func atoi(digits string) (n int) {
	for i := range len(digits) {
		n = min(n*10+int(digits[i]-'0'), 9999)
	}
	return n
}

// calendar returns the line's days.
func (c *cronLine) calendar() *calendar {
	cal := &calendar{
		months: c.months,
		times:  times{hours: c.hours, minutes: c.minutes, seconds: c.seconds},
		fixed:  c.fixed,
	}
	if c.and {
		cal.days = [2]days{c.dom, c.dow}
	} else {
		c.dom.union(c.dow)
		cal.days = [2]days{c.dom, everyDay}
	}
	return cal
}
