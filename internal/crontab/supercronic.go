package crontab

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How supercronic reads a line. Its fields are those of the library cronexpr.

var supercronicVariable = regexp.MustCompile(`^([^\s=]+)\s*=\s*(.*)$`)

func (r *reader) supercronic(l *Line) {
	if len(l.Text) >= supercronicBytes {
		l.wrong(0, len(l.Text), "a line has %d bytes at most", supercronicBytes-1)
		return
	}
	text := strings.TrimLeft(l.Text, " \t")
	indent := len(l.Text) - len(text)
	if m := supercronicVariable.FindStringSubmatch(text); m != nil {
		name, value := m[1], m[2]
		if value == "" {
			l.wrong(indent, len(l.Text), `%s= has no value: write %[1]s=""`, name)
			return
		}
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		if name == "CRON_TZ" && r.o.Zone != nil && !r.o.Zone(value) {
			l.wrong(indent, len(l.Text), "no time zone %q", clip(value))
			return
		}
		l.Kind, l.Name, l.Value = Variable, name, value
		return
	}
	words := wordsOf(text)
	first := (*Fault)(nil)
	for _, count := range []int{7, 6, 5, 1} { // in this order
		if len(words) <= count {
			continue
		}
		e := &Entry{When: When{Text: text[:words[count-1].end]}, Raw: text[words[count].start:]}
		fault := e.When.quartz(text, words[:count])
		if fault == nil {
			e.Command = e.Raw
			l.Kind, l.Entry = Job, e
			if e.When.Never() {
				l.Fault = &Fault{Line: l.Number, End: len(l.Text), Msg: "no day has such a date", Alone: true}
			}
			return
		}
		if count == 5 || first == nil {
			first = fault
		}
	}
	if first == nil || len(words) < 6 && text[0] != '@' {
		first = &Fault{End: len(text), Msg: "it has no command, or too few fields"}
	}
	l.wrong(indent+first.Start, indent+first.End, "%s", first.Msg)
}

type word struct{ start, end int }

func wordsOf(text string) (words []word) {
	for i := 0; i < len(text); {
		for i < len(text) && isSpace(rune(text[i])) {
			i++
		}
		start := i
		for i < len(text) && !isSpace(rune(text[i])) {
			i++
		}
		if start < i {
			words = append(words, word{start, i})
		}
		if len(words) > 7 {
			break
		}
	}
	return words
}

var supercronicAliases = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"}

// quartz reads the fields of cronexpr: the minute first and, if there are six, the year
// last; with seven fields, the second first.
func (w *When) quartz(text string, words []word) *Fault {
	wrong := func(at word, format string, args ...any) *Fault {
		return &Fault{Start: at.start, End: at.end, Msg: fmt.Sprintf(format, args...)}
	}
	if len(words) == 1 {
		name := text[words[0].start:words[0].end]
		if !slices.Contains(supercronicAliases, name) {
			return wrong(words[0], "%q is not a valid schedule", clip(name))
		}
		w.Alias = name
		return nil
	}
	columns := []struct {
		to   *Field
		spec *column
	}{{&w.Minute, minuteColumn}, {&w.Hour, hourColumn}, {&w.Dom, domColumn}, {&w.Month, monthColumn}, {&w.Dow, dowColumn}}
	fields := words
	if len(words) == 7 {
		w.Second = &Field{spec: secondColumn}
		if !w.Second.quartz(text[words[0].start:words[0].end]) {
			return wrong(words[0], "%q is not a valid second", clip(text[words[0].start:words[0].end]))
		}
		if w.Second.Set == 1 {
			w.Second = nil
		}
		fields = words[1:]
	}
	for i, c := range columns {
		c.to.spec = c.spec
		if !c.to.quartz(text[fields[i].start:fields[i].end]) {
			return wrong(fields[i], "%q is not a valid %s", clip(text[fields[i].start:fields[i].end]), c.spec.name)
		}
	}
	w.either = !w.Dom.Star && !w.Dow.Star
	if len(fields) > 5 {
		years := text[fields[5].start:fields[5].end]
		var ok bool
		if w.Years, ok = yearsOf(years); !ok {
			return wrong(fields[5], "%q is not a valid year", clip(years))
		}
	}
	return nil
}

var (
	plainItem  = regexp.MustCompile(`^([0-9a-z]+)(?:-([0-9a-z]+))?(?:/(\d{1,4}))?$`)
	starItem   = regexp.MustCompile(`^\*/(\d{1,4})$`)
	workItem   = regexp.MustCompile(`^(\d{1,2})w$`)
	lastItem   = regexp.MustCompile(`^([0-9a-z]+?)l$`)
	weeksItem  = regexp.MustCompile(`^([0-9a-z]+)#([1-5])$`)
	longDays   = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	longMonths = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
)

// quartz reads one field, and reports whether it is valid. Star is set if it restricts
// nothing.
func (f *Field) quartz(text string) bool {
	some := false
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		some = true
		if !f.quartzItem(strings.ToLower(item)) {
			return false
		}
	}
	if f.Star {
		f.items = []string{"*"}
		f.Set, f.More = f.spec.full(), false
	}
	return some && (f.Set != 0 || f.More)
}

func (f *Field) quartzItem(item string) bool {
	c := f.spec
	top := c.max
	if c == dowColumn {
		top = 6
	}
	steps := func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil && 1 <= n && n <= top && len(text) <= 2
	}
	if item == "*" || item == "?" {
		f.Star = true
		return true
	}
	if m := starItem.FindStringSubmatch(item); m != nil {
		n, ok := steps(m[1])
		if ok {
			f.add(c.min, top, n)
			f.items = append(f.items, "*/"+strconv.Itoa(n))
		}
		return ok
	}
	if m := plainItem.FindStringSubmatch(item); m != nil {
		low, name, ok := c.value(m[1])
		if ok {
			high, step := low, 1
			text := name
			if m[2] != "" {
				var to string
				if high, to, ok = c.value(m[2]); !ok || high < low {
					return false
				}
				text += "-" + to
			}
			if m[3] != "" {
				if step, ok = steps(m[3]); !ok {
					return false
				}
				if m[2] == "" {
					high = top
				}
				text += "/" + strconv.Itoa(step)
			}
			f.add(low, high, step)
			f.items = append(f.items, text)
			return true
		}
	}
	return f.special(item)
}

// special reads L, LW, 15W, 5L and 5#2.
func (f *Field) special(item string) bool {
	switch f.spec {
	case domColumn:
		if m := workItem.FindStringSubmatch(item); m != nil {
			if _, _, ok := f.spec.value(m[1]); !ok {
				return false
			}
		} else if item != "l" && item != "lw" {
			return false
		}
		item = strings.ToUpper(item)
	case dowColumn:
		suffix, m := "L", lastItem.FindStringSubmatch(item)
		if m == nil {
			if m = weeksItem.FindStringSubmatch(item); m == nil {
				return false
			}
			suffix = "#" + m[2]
		}
		_, name, ok := f.spec.value(m[1])
		if !ok {
			return false
		}
		item = name + suffix
	default:
		return false
	}
	f.More = true
	f.items = append(f.items, item)
	return true
}

// value reads a number or a name, also a long one, and returns it in the syntax of rota.
func (c *column) value(text string) (n int, name string, ok bool) {
	long := map[*column][]string{monthColumn: longMonths, dowColumn: longDays}[c]
	for i, short := range c.names {
		if text == short || text == long[i] {
			return i + c.min, short, true
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) > 2 || !isDigit(text[0]) || n < c.min || n > c.max {
		return 0, "", false
	}
	if c == dowColumn && (n == 7 || len(text) == 2) {
		return 0, "0", true // cronexpr reads 01 to 06 as Sunday, too
	}
	return n, text, true
}

var yearItem = regexp.MustCompile(`^(19[789]\d|20\d\d|\*)(?:-(19[789]\d|20\d\d))?(?:/(\d{1,4}))?$`)

// yearsOf reads a field of years; nil: all years.
func yearsOf(text string) (years []Years, ok bool) {
	const first, last = 1970, 2099
	in := [last - first + 2]bool{}
	some := false
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		some = true
		if item == "*" || item == "?" {
			return nil, true
		}
		m := yearItem.FindStringSubmatch(item)
		if m == nil || m[1] == "*" && (m[2] != "" || m[3] == "") {
			return nil, false
		}
		low, high, step := first, last, 1
		if m[1] != "*" {
			low, _ = strconv.Atoi(m[1])
			high = low
		}
		if m[2] != "" {
			if high, _ = strconv.Atoi(m[2]); high < low {
				return nil, false
			}
		}
		if m[3] != "" {
			if step, _ = strconv.Atoi(m[3]); step < 1 || step > last {
				return nil, false
			}
			if m[2] == "" {
				high = last
			}
		}
		for y := low; y <= high; y += step {
			in[y-first] = true
		}
	}
	for y := first; y <= last; y++ {
		if !in[y-first] {
			continue
		}
		if n := len(years); n > 0 && years[n-1].Last == y-1 {
			years[n-1].Last = y
		} else {
			years = append(years, Years{y, y})
		}
	}
	if len(years) == 1 && years[0] == (Years{first, last}) {
		years = nil
	}
	return years, some
}
