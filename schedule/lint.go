package schedule

import (
	"fmt"
	"strconv"
	"strings"
)

// Warnings about values that are valid but mostly not what their author means. Each hint
// also says how to write the value without a warning if it is meant.

func (d *builder) warn(f Fault) { d.warned = append(d.warned, f) }

// lintCron warns of a cron line whose fields w are all right; texts are these in
// capitals.
func (d *builder) lintCron(v value, w []span, texts []string) {
	l := lineLint{d, v, w, texts}
	l.wildcards()
	l.steps()
	l.sixFields()
	l.dayFields()
	l.daysOfMonths()
}

// lineLint warns of one cron line.
type lineLint struct {
	*builder
	value value
	spans []span   // of the fields, five or six
	texts []string // the fields in capitals
}

func (l *lineLint) hasSeconds() bool       { return len(l.spans) == 6 }
func (l *lineLint) at(column int) span     { return l.spans[column-6+len(l.spans)] }
func (l *lineLint) text(column int) string { return l.texts[column-6+len(l.spans)] }

// open reports whether a field has every value.
func (l *lineLint) open(column int) bool {
	t := l.text(column)
	return t == "*" || t == "*/1" || t == "?"
}

func (l *lineLint) everyDay() bool { return l.open(dayOfMonth) && l.open(dayOfWeek) }

// fewDays reports whether the line has some days without ranges and steps.
func (l *lineLint) fewDays() bool {
	return !l.everyDay() && !strings.Contains(l.text(dayOfMonth)+l.text(dayOfWeek), "-") && !strings.HasPrefix(l.text(dayOfMonth), "*/")
}

func (l *lineLint) warnAt(at span, hint, format string, args ...any) {
	l.builder.warn(l.value.fault(at.start, at.end, hint, format, args...))
}

// wildcards warns of "*" in a field before one with few values.
func (l *lineLint) wildcards() {
	c := &l.cron
	seconds, minutes := l.hasSeconds() && l.open(second), l.open(minute)
	switch {
	case seconds && minutes && apart(c.hours, 24):
		l.warnAt(l.at(second), `write "0 0" for once an hour, or 0-59 for every second`, `"*" in the second and the minute field runs this 3600 times in each of these hours`)
	case seconds && apart(c.minutes, 60):
		l.warnAt(l.at(second), "write 0 for once a minute, or 0-59 for every second", `"*" in the second field runs this 60 times in each of these minutes`)
	case minutes && apart(c.hours, 24):
		l.warnAt(l.at(minute), "write 0 for once an hour, or 0-59 for every minute", `"*" in the minute field runs this 60 times in each of these hours`)
	case minutes && l.open(hour) && l.fewDays():
		l.warnAt(span{l.at(minute).start, l.at(hour).end}, `write "0 0" for once a day, or 0-59 for every minute`, `"*" in the minute and the hour field runs this 1440 times on each of these days`)
	}
}

// steps warns of uneven steps in fields after which the next round follows at once.
func (l *lineLint) steps() {
	for column := second; column <= dayOfWeek; column++ {
		if column == second && !l.hasSeconds() {
			continue
		}
		inRow := true // the next field's values follow each other, so that the step runs into the next round
		switch column {
		case second:
			inRow = !apart(l.cron.minutes, 60)
		case minute:
			inRow = !apart(l.cron.hours, 24)
		case hour:
			inRow = !l.fewDays()
		case dayOfMonth:
			inRow = l.open(dayOfWeek)
		}
		if inRow {
			l.lintSteps(l.value, l.at(column), column)
		}
	}
}

// sixFields warns of a line whose author may have taken the second for the minute, and the
// minute for the hour.
func (l *lineLint) sixFields() {
	if !l.hasSeconds() || !l.open(hour) || l.texts[3] != "*" || l.texts[4] != "*" || !l.open(dayOfWeek) ||
		l.text(minute)[0] == '*' || l.cron.minutes >= 1<<24 || l.text(second)[0] == '*' {
		return
	}
	hourly := "0-23 as the hour"
	if l.text(second) == "0" {
		hourly = strconv.Quote(strings.Join(l.texts[1:], " "))
	}
	l.warnAt(l.at(second), fmt.Sprintf("write %q for once a day, or %s for every hour", strings.Join(l.texts[:5], " "), hourly),
		"six fields begin with the second: this runs every hour, at minute %s", l.text(minute))
}

// dayFields warns of weekdays as Quartz counts them, and of two day fields of which either is
// enough.
func (l *lineLint) dayFields() {
	here, quartz := weekdayNamed(l.text(dayOfWeek))
	switch {
	case here != "" && strings.Contains(l.text(dayOfMonth)+l.text(dayOfWeek), "?"):
		l.warnAt(l.at(dayOfWeek), fmt.Sprintf("write %s, or %s if the line is from Quartz", here, quartz), "weekdays count from 0 or 7 for Sunday here, but from 1 for Sunday in Quartz")
	case !l.everyDay() && !l.cron.and:
		l.warnAt(l.at(dayOfMonth), "for days that match both write weekday, monthday and at instead of cron; for either write two triggers", "either day field is enough: this also runs on days that match only one of them")
	}
}

// daysOfMonths warns of days that some months do not have, but for those of ranges and steps.
func (l *lineLint) daysOfMonths() {
	if !l.open(dayOfWeek) {
		return
	}
	dom := days{near: l.cron.dom.near}
	for _, item := range split(l.value.text, l.at(dayOfMonth)) {
		if text := l.value.text[item.start:item.end]; allDigits(text) && !has(uint64(l.cron.dom.dom), atoi(text)-1) {
			dom.dom |= 1 << atoi(text)
		}
	}
	dom.dom |= dom.near
	l.lintDays(dom, l.cron.months, func(_, msg string) {
		l.warnAt(l.at(dayOfMonth), "write L for the last day of each month, or name the months that have it", "%s", msg)
	})
}

// apart reports whether no two values below size follow each other.
func apart(set uint64, size int) bool {
	return set&(set>>1) == 0 && (set&1 == 0 || set>>(size-1)&1 == 0)
}

// lintSteps warns of steps that do not fit into their field: the field begins
// anew before the last is over.
func (d *builder) lintSteps(v value, at span, column int) {
	f := cronFields[column]
	for _, item := range split(v.text, at) {
		body, digits, stepped := strings.Cut(v.text[item.start:item.end], "/")
		step, first := atoi(digits), f.min
		if body != "*" {
			first = atoi(body)
		}
		if !stepped || body != "*" && !allDigits(body) || first >= f.min+step || step < 2 {
			continue
		}
		last := first + (f.min+f.count-1-first)/step*step
		rest := first + f.count - last
		if last == first || rest == step {
			continue
		}
		text := v.text[item.start:item.end]
		full := fmt.Sprintf("%d-%d/%d", first, f.min+f.count-1, step)
		unit, hint := "", ""
		switch column {
		case dayOfMonth:
			d.warn(v.fault(item.start, item.end, fmt.Sprintf(`write interval = "%dd" with starts for every %d days, or %s if it is meant`, step, step, full),
				"%q restarts on day %d of each month", text, first))
			continue
		case month, dayOfWeek:
			unit = map[int]string{month: "month", dayOfWeek: "day"}[column]
			var names []string
			for n := first; n <= last; n += step {
				names = append(names, f.names[n-f.min])
			}
			hint = "write " + strings.Join(names, ",") + " if it is meant"
		default:
			unit = f.name
			hint = fmt.Sprintf(`write interval = "%d%c" for every %d %ss, or %s if it is meant`, step, f.name[0], step, f.name, full)
		}
		d.warn(v.fault(item.start, item.end, hint, "%q is uneven: %s, then %s", text, counted(step, unit), counted(rest, unit)))
	}
}

func counted(n int, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprint(n, " ", unit)
}

// split returns the items of a list with commas.
func split(text string, at span) (items []span) {
	start := at.start
	for i := at.start; i <= at.end; i++ {
		if i == at.end || text[i] == ',' {
			items = append(items, span{start, i})
			start = i + 1
		}
	}
	return items
}

// weekdayNamed returns a day-of-week field with names for its numbers, as they
// count here and as they do in Quartz; "" if it has none.
func weekdayNamed(text string) (here, quartz string) {
	var a, b strings.Builder
	found := false
	for i := range len(text) {
		n := int(text[i] - '0')
		if !isDigit(text[i]) || n > 7 || i > 0 && (text[i-1] == '#' || text[i-1] == '/') {
			a.WriteByte(text[i])
			b.WriteByte(text[i])
			continue
		}
		found = true
		a.WriteString(weekdayNames[n%7])
		b.WriteString(weekdayNames[(n+6)%7])
	}
	if !found {
		return "", ""
	}
	return a.String(), b.String()
}

// lintDays warns of days that some of the months do not have. One that ends a row
// of days, as in 25-31, is no mistake.
func (d *builder) lintDays(s days, months uint64, warn func(day, msg string)) {
	if months == 1<<2 { // who names February alone knows how long it is
		return
	}
	for n := 29; n <= 31; n++ {
		day := fmt.Sprint(n)
		switch {
		case has(uint64(s.dom), n) && !has(uint64(s.dom), n-1):
		case has(uint64(s.back), n):
			day = "-" + day
		default:
			continue
		}
		lacking, leap := 0, false
		for m := 1; m <= 12; m++ {
			length := date{2024, m, 1}.length() // of a leap year
			switch {
			case !has(months, m):
			case length < n:
				lacking++
			case length == 29:
				leap = true
			}
		}
		switch {
		case lacking == 1 && has(months, 2):
			warn(day, "February has no day "+day)
		case lacking == 1:
			warn(day, "1 month has no day "+day)
		case lacking > 0:
			warn(day, fmt.Sprintf("%d months have no day %s", lacking, day))
		case leap:
			warn(day, "February has a day "+day+" in leap years only")
		}
	}
}

// lintMonthday warns of a monthday that some months do not have.
func (d *builder) lintMonthday(months uint64) {
	d.lintDays(d.monthdays, months, func(day, msg string) {
		for i, text := range d.keys["monthday"] {
			if strings.Contains(text, day) {
				d.warn(value{"monthday", i, text}.whole(`write "last" for the last day of each month, or name those that have it: month = …`, "%s", msg))
				return
			}
		}
	})
}
