package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// cronLine is a parsed cron expression.
type cronLine struct {
	every   int64  // seconds, of "@every"; the rest is empty then
	text    string // canonical: one blank between fields, names in capitals
	seconds uint64
	minutes uint64
	hours   uint64
	months  uint64
	dom     days
	dow     days
	and     bool // a day must match both
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

func (d *builder) parseCron(v value) {
	if len(v.text) > maxCron {
		d.add(v.fault(maxCron, len(v.text), "split it into several triggers", "a cron expression has at most %d bytes, not %d", maxCron, len(v.text)))
		return
	}
	w := words(v.text)
	if len(w) == 0 {
		d.add(v.whole(`write five fields, such as "0 3 * * *"`, "empty cron expression"))
		return
	}
	if d.pasted(v, w) {
		return
	}
	for i := range v.text {
		if c := v.text[i]; c != '\t' && (c < ' ' || c > '~') {
			_, size := utf8.DecodeRuneInString(v.text[i:])
			d.add(v.fault(i, i+size, "write plain ASCII", "%q does not belong in a cron expression", v.text[i:i+size]))
			return
		}
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
func (d *builder) rightCount(v value, w []span) bool {
	head := v.text[w[0].start:w[0].end]
	if before, after, found := strings.Cut(head, "="); found && (before == "TZ" || before == "CRON_TZ") {
		d.add(v.fault(w[0].start, w[0].end, fmt.Sprintf("write timezone = %q next to it", after), "a cron expression cannot contain a time zone"))
		return false
	}
	last := v.text[w[len(w)-1].start:w[len(w)-1].end]
	year := len(last) == 4 && allDigits(last)
	if len(w) == 6 && (year || v.text[w[4].start:w[4].end] == "?") { // of Amazon
		hint := fmt.Sprintf("write %q", v.text[w[0].start:w[4].end])
		if year {
			hint += ", with starts and ends"
		}
		d.add(v.fault(w[5].start, w[5].end, hint, "a year cannot be given"))
		return false
	}
	if len(w) == 5 || len(w) == 6 {
		return true
	}
	msg := fmt.Sprintf("a cron expression has 5 fields, or 6 with seconds first, not %d", len(w))
	hint := `minute hour day-of-month month day-of-week, such as "0 3 * * *"`
	loose := slices.ContainsFunc(w, func(at span) bool { return v.text[at.start] == ',' || v.text[at.end-1] == ',' })
	switch {
	case loose:
		hint = "write a list without blanks, such as 1,15"
	case len(w) == 7 && (year || last == "*"):
		hint = fmt.Sprintf("a year cannot be given: write %q", v.text[w[0].start:w[5].end])
		if year {
			hint += ", with starts and ends"
		}
	}
	at := span{w[0].start, w[len(w)-1].end}
	if len(w) > 6 {
		at.start = w[6].start
	}
	d.add(v.fault(at.start, at.end, hint, "%s", msg))
	return false
}

func (d *builder) parseAlias(v value, w []span) {
	name := strings.ToLower(v.text[w[0].start:w[0].end])
	line, known := cronAliases[name]
	switch {
	case name == "@every":
		d.parseAtEvery(v, w)
	case name == "@reboot":
		d.add(v.fault(w[0].start, w[0].end, `write at_start = "boot" instead of cron`, "@reboot is not a time"))
	case !known:
		hint := "the aliases are " + strings.Join(aliasNames, ", ")
		if near := closest(name, aliasNames); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.add(v.fault(w[0].start, w[0].end, hint, "unknown alias %q", v.text[w[0].start:w[0].end]))
	case len(w) > 1:
		d.add(v.fault(w[1].start, w[len(w)-1].end, "remove it", "nothing may follow %s", name))
	default:
		d.parseFields(value{v.key, v.index, line}, words(line))
	}
}

func (d *builder) parseAtEvery(v value, w []span) {
	if len(w) != 2 {
		at := span{w[0].start, w[0].end}
		if len(w) > 2 {
			at = span{w[1].start, w[len(w)-1].end}
		}
		example := "15m"
		if len(w) > 1 {
			if near := suggestDuration(v.text[w[1].start:w[len(w)-1].end]); near != "" {
				example = near
			}
		}
		d.add(v.fault(at.start, at.end, fmt.Sprintf(`write "@every %s"`, example), "@every needs one duration"))
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
func (d *builder) parseFields(v value, w []span) {
	c := &d.cron
	var texts []string
	for _, at := range w {
		texts = append(texts, strings.ToUpper(v.text[at.start:at.end]))
	}
	c.text = strings.Join(texts, " ")
	c.seconds = 1
	before := len(d.faults)
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
	all := texts
	texts = texts[len(texts)-5:]
	open := func(text string) bool { return text[0] == '*' || text == "?" }
	c.and = open(texts[2]) || open(texts[4])
	c.fixed = texts[0][0] != '*' && texts[1][0] != '*'
	if texts[2] != "*" && texts[2] != "?" && texts[4] != "*" && texts[4] != "?" && (strings.HasPrefix(texts[2], "*/") || strings.HasPrefix(texts[4], "*/")) {
		at := w[len(w)-3]
		if strings.HasPrefix(texts[4], "*/") {
			at = w[len(w)-1]
		}
		d.warn(v.fault(at.start, at.end, `without "*/" either day would do`, `a day has to match both day fields, as one begins with "*/"`))
	}
	if len(d.faults) == before {
		d.lintCron(v, w, all)
	}
}

// calendar returns the line's days.
func (c *cronLine) calendar() *calendar {
	cal := &calendar{
		months: uint16(c.months),
		times:  times{hours: c.hours, minutes: c.minutes, seconds: c.seconds},
		fixed:  c.fixed,
	}
	if c.and {
		cal.days = [2]*days{c.dom.share(), c.dow.share()}
	} else {
		c.dom.union(c.dow)
		cal.days = [2]*days{c.dom.share(), &everyDay}
	}
	return cal
}
