package schedule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// fieldReader reads one field of a cron expression.
type fieldReader struct {
	*field
	d      *builder
	v      value
	column int
	begin  int    // where the field begins in v
	set    uint64 // the values
	days   days   // days that are not plain values
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
	if !plain(text) && (f.special(at) || f.foreign(at)) {
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
		f.fault(span{at.start - 1, at.end}, fmt.Sprintf(`write a number from 1 to %d after "/"`, f.count), "step %q is not a number", text)
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

func (f *fieldReader) rangeText() string { return fmt.Sprintf("%d-%d", f.min, f.max) }

// number reads a value: one or two digits, or a name of the field.
func (f *fieldReader) number(at span) (int, bool) {
	text := f.text(at)
	switch {
	case text == "":
		f.fault(span{max(0, at.start-1), min(at.end+1, len(f.v.text))}, "write "+f.rangeText(), "a value is missing in the %s field", f.name)
		return 0, false
	case allDigits(text):
		n := atoi(text)
		if n < f.min || n > f.max {
			f.fault(at, "write "+f.rangeText(), "%s %s is out of range %s", f.name, text, f.rangeText())
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
	hint := "write " + f.rangeText()
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
		hint = fmt.Sprintf("%q must be alone in its field", text)
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
	case f.column == dayOfWeek && last == 'L' && !strings.ContainsAny(upper, "-/#"):
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

var (
	randomRange = regexp.MustCompile(`^(\d{0,2})~(\d{0,2})$`)
	jenkinsHash = regexp.MustCompile(`^H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?$`)
	beforeLast  = regexp.MustCompile(`^L-(\d{1,2})$`)
)

// foreign complains about syntax of other crons, and reports whether it did.
func (f *fieldReader) foreign(at span) bool {
	upper := strings.ToUpper(f.text(at))
	unit := ""
	if f.column <= hour {
		unit = f.name[:1]
	}
	spread := func(from, to int) string {
		if unit == "" || to <= from {
			return fmt.Sprintf("choose one, such as %d", max(f.min, from))
		}
		return fmt.Sprintf(`write %d, and jitter = "%d%s" next to cron`, from, to-from, unit)
	}
	if m := randomRange.FindStringSubmatch(upper); m != nil {
		low, high := f.min, f.max
		if m[1] != "" {
			low = atoi(m[1])
		}
		if m[2] != "" {
			high = atoi(m[2])
		}
		f.fault(at, spread(low, high), "a random value, as %s is in cronie, is not known here", upper)
		return true
	}
	if m := jenkinsHash.FindStringSubmatch(upper); m != nil {
		hint := spread(f.min, f.max)
		switch {
		case m[1] != "" && m[3] != "":
			hint = fmt.Sprintf("write %s-%s/%s", m[1], m[2], m[3])
		case m[3] != "":
			hint = "write */" + m[3]
		case m[1] != "":
			hint = spread(atoi(m[1]), atoi(m[2]))
		}
		if m[3] != "" && unit != "" {
			hint += fmt.Sprintf(`, and jitter = "%s%s" next to cron`, m[3], unit)
		}
		f.fault(at, hint, "Jenkins's H is not known here")
		return true
	}
	if m := beforeLast.FindStringSubmatch(upper); m != nil && f.column == dayOfMonth && atoi(m[1]) < 31 {
		f.fault(at, fmt.Sprintf(`write monthday = -%d and at = "08:00" instead of cron`, atoi(m[1])+1), "%s, as in Quartz, is not known here", upper)
		return true
	}
	return false
}

func allDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

// shortName shortens a longer name of a weekday or month ("tues", "January") to
// three capital letters; "" if the text is no such name.
func shortName(text string) string {
	for n := range 12 {
		for _, name := range []string{time.Weekday(n % 7).String(), time.Month(n + 1).String()} {
			if 3 < len(text) && len(text) <= len(name) && strings.EqualFold(name[:len(text)], text) {
				return strings.ToUpper(name[:3])
			}
		}
	}
	return ""
}

// atoi reads digits. A number too large for two digits stays too large.
func atoi(digits string) (n int) {
	for i := range len(digits) {
		n = min(n*10+int(digits[i]-'0'), 9999)
	}
	return n
}
