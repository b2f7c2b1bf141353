package schedule

import (
	"archive/zip"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The referee decides by brute force what the slots of a trigger are. It shares
// no code with what it judges: it has a reader of its own, gets the zone data
// from Go's own file, walks the clock step by step through time.Time.In, and
// asks of each instant whether the rules of time make it a slot.

// zoneFiles are the zones of Go's own zone data by name.
var zoneFiles = sync.OnceValue(func() map[string]*zip.File {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		panic(err)
	}
	r, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		panic(err)
	}
	files := map[string]*zip.File{}
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			files[f.Name] = f
		}
	}
	return files
})

var refereeZones sync.Map

func refereeZone(t testing.TB, name string) *time.Location {
	if z, ok := refereeZones.Load(name); ok {
		return z.(*time.Location)
	}
	f := zoneFiles()[name]
	if f == nil {
		t.Fatalf("no zone %q", name)
	}
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	z, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := refereeZones.LoadOrStore(name, z)
	return old.(*time.Location)
}

var refereeZoneNames = sync.OnceValue(func() []string {
	var names []string
	for name := range zoneFiles() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
})

// reading is what a clock on the wall shows.
type reading struct {
	year, month, day, weekday int
	hour, minute, second      int
}

func read(t time.Time) reading {
	y, m, d := t.Date()
	h, mi, s := t.Clock()
	return reading{y, int(m), d, int(t.Weekday()), h, mi, s}
}

// verdict is a trigger as the referee understands it.
type verdict struct {
	text    string
	fixed   bool
	seconds bool // it has to be walked second by second
	date    func(r reading) bool
	time    func(r reading) bool
	starts  string // the date from which on there are slots; "": any
	between string
	except  string
}

func (v *verdict) match(r reading) bool { return v.time(r) && v.date(r) }

// members expands one list item of plain numbers, ranges and steps.
func members(item string, low, high int, names string) map[int]bool {
	number := func(s string) int {
		if i := strings.Index(names, strings.ToUpper(s)); names != "" && len(s) == 3 && i >= 0 {
			return i/3 + low
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(fmt.Sprintf("the referee cannot read %q", item))
		}
		return n
	}
	body, by, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		step = number(by)
	}
	set := map[int]bool{}
	size := high - low + 1
	a, b := low, high
	if body != "*" {
		first, last, isRange := strings.Cut(body, "-")
		a = number(first)
		switch {
		case isRange:
			b = number(last)
		case !stepped:
			b = a
		case a > b:
			a -= size // Sunday as 7
		}
	}
	if b < a {
		b += size
	}
	for n := a; n <= b; n += step {
		set[(n-low)%size+low] = true
	}
	return set
}

const (
	refereeMonths   = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
	refereeWeekdays = "SUNMONTUEWEDTHUFRISAT"
)

func union(text string, low, high int, names string) map[int]bool {
	all := map[int]bool{}
	for _, item := range strings.Split(text, ",") {
		for n := range members(item, low, high, names) {
			all[n] = true
		}
	}
	return all
}

func monthLength(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func weekdayAt(r reading, day int) int { return ((r.weekday+day-r.day)%7 + 7) % 7 }

// domMember judges an item of a day-of-month field.
func domMember(item string) func(r reading) bool {
	upper := strings.ToUpper(item)
	switch {
	case upper == "?":
		return func(reading) bool { return true }
	case upper == "L":
		return func(r reading) bool { return r.day == monthLength(r.year, r.month) }
	case upper == "LW":
		return func(r reading) bool {
			for d := monthLength(r.year, r.month); ; d-- {
				if w := weekdayAt(r, d); w != 0 && w != 6 {
					return r.day == d
				}
			}
		}
	case strings.HasSuffix(upper, "W"):
		n, _ := strconv.Atoi(upper[:len(upper)-1])
		return func(r reading) bool {
			if n > monthLength(r.year, r.month) {
				return false
			}
			for _, d := range []int{n, n - 1, n + 1, n - 2, n + 2} { // by distance; a Saturday goes back
				if w := weekdayAt(r, d); d >= 1 && d <= monthLength(r.year, r.month) && w != 0 && w != 6 {
					return r.day == d
				}
			}
			return false
		}
	}
	set := members(item, 1, 31, "")
	return func(r reading) bool { return set[r.day] }
}

// dowMember judges an item of a day-of-week field.
func dowMember(item string) func(r reading) bool {
	upper := strings.ToUpper(item)
	weekday := func(s string) int {
		for n := range members(s, 0, 6, refereeWeekdays) {
			return n % 7
		}
		return -1
	}
	if upper == "?" {
		return func(reading) bool { return true }
	}
	if day, nth, found := strings.Cut(upper, "#"); found {
		n, _ := strconv.Atoi(nth)
		w := weekday(day)
		return func(r reading) bool { return r.weekday == w && (r.day+6)/7 == n }
	}
	if len(upper) > 1 && strings.HasSuffix(upper, "L") {
		w := weekday(upper[:len(upper)-1])
		return func(r reading) bool { return r.weekday == w && r.day+7 > monthLength(r.year, r.month) }
	}
	set := members(item, 0, 6, refereeWeekdays)
	return func(r reading) bool { return set[r.weekday] }
}

func anyOf(text string, judge func(string) func(reading) bool) func(reading) bool {
	var all []func(reading) bool
	for _, item := range strings.Split(text, ",") {
		all = append(all, judge(strings.TrimSpace(item)))
	}
	return func(r reading) bool {
		for _, f := range all {
			if f(r) {
				return true
			}
		}
		return false
	}
}

// refereeCron reads a cron line.
func refereeCron(text string) *verdict {
	f := strings.Fields(text)
	seconds := map[int]bool{0: true}
	if len(f) == 6 {
		seconds = union(f[0], 0, 59, "")
		f = f[1:]
	}
	minutes, hours, months := union(f[0], 0, 59, ""), union(f[1], 0, 23, ""), union(f[3], 1, 12, refereeMonths)
	dom, dow := anyOf(f[2], domMember), anyOf(f[4], dowMember)
	open := func(s string) bool { return s[0] == '*' || s[0] == '?' }
	and := open(f[2]) || open(f[4])
	return &verdict{
		text:    text,
		fixed:   f[0][0] != '*' && f[1][0] != '*',
		seconds: len(seconds) > 1 || !seconds[0],
		time:    func(r reading) bool { return seconds[r.second] && minutes[r.minute] && hours[r.hour] },
		date: func(r reading) bool {
			if !months[r.month] {
				return false
			}
			if and {
				return dom(r) && dow(r)
			}
			return dom(r) || dow(r)
		},
	}
}

// refereeTrigger reads a cron line, or keys as words: weekday, monthday, month,
// at, every, cron, between, except, on_except and starts, which is a date.
func refereeTrigger(text string) *verdict {
	keys := map[string]string{}
	key := "cron"
	for _, w := range strings.Fields(text) {
		switch w {
		case "weekday", "monthday", "month", "at", "every", "between", "except", "on_except", "starts", "cron":
			key = w
		case "weeks":
			key = "weekday"
		case "months":
			key = "monthday"
		case "days":
		default:
			keys[key] = strings.TrimSpace(keys[key] + " " + w)
		}
	}
	v := &verdict{fixed: true, date: func(reading) bool { return true }}
	also := func(f func(reading) bool) {
		old := v.date
		v.date = func(r reading) bool { return old(r) && f(r) }
	}
	if line := keys["cron"]; line != "" {
		v = refereeCron(line)
	}
	v.text = text
	if s := keys["at"]; s != "" {
		v.time = anyOf(s, func(item string) func(reading) bool {
			if len(item) == 5 {
				item += ":00"
			}
			v.seconds = v.seconds || item[6:] != "00"
			at, err := time.Parse(time.TimeOnly, item)
			if err != nil {
				panic(err)
			}
			h, m, s := at.Clock()
			return func(r reading) bool { return r.hour == h && r.minute == m && r.second == s }
		})
	}
	if s := keys["weekday"]; s != "" {
		also(anyOf(s, func(item string) func(reading) bool {
			set := members(strings.ToUpper(item), 0, 6, refereeWeekdays)
			return func(r reading) bool { return set[r.weekday] }
		}))
	}
	if s := keys["month"]; s != "" {
		also(anyOf(s, func(item string) func(reading) bool {
			set := members(strings.ToUpper(item), 1, 12, refereeMonths)
			return func(r reading) bool { return set[r.month] }
		}))
	}
	if s := keys["monthday"]; s != "" {
		also(anyOf(s, func(item string) func(reading) bool {
			if which, found := strings.CutSuffix(item, " workday"); found {
				return nthWorkday(which, keys["except"])
			}
			return refereeMonthday(item)
		}))
	}
	if s := keys["every"]; s != "" {
		also(everyNth(s, keys))
	}
	v.starts, v.between, v.except = keys["starts"], keys["between"], keys["except"]
	if s := keys["except"]; s != "" {
		nominal := v.date
		v.date = func(r reading) bool {
			return !excepted(r, s) && (nominal(r) || movedTo(r, s, keys["on_except"], nominal))
		}
	}
	if s := keys["between"]; s != "" {
		open, shut, _ := strings.Cut(s, "-")
		old := v.time
		v.time = func(r reading) bool { return old(r) && inside(r, open, shut) }
	}
	return v
}

// daysFrom is the reading of a day some days later, or earlier.
func daysFrom(r reading, n int) reading {
	t := time.Date(r.year, time.Month(r.month), r.day+n, 0, 0, 0, 0, time.UTC)
	return reading{t.Year(), int(t.Month()), t.Day(), int(t.Weekday()), r.hour, r.minute, r.second}
}

func isWorkday(r reading, except string) bool {
	return r.weekday != 0 && r.weekday != 6 && (except == "" || !excepted(r, except))
}

// nthWorkday counts the workdays of the month up to a day, or after it.
func nthWorkday(which, except string) func(r reading) bool {
	return func(r reading) bool {
		if !isWorkday(r, except) {
			return false
		}
		before, after := 0, 0
		for day := 1; day <= monthLength(r.year, r.month); day++ {
			switch there := isWorkday(daysFrom(r, day-r.day), except); {
			case there && day < r.day:
				before++
			case there && day > r.day:
				after++
			}
		}
		n, _ := strconv.Atoi(strings.TrimRight(which, "stndrh"))
		return which == "last" && after == 0 || which == "first" && before == 0 || n == before+1
	}
}

// everyNth counts from the date starts to that of a reading, in months if there is a
// monthday, else in weeks if there is a weekday, else in days.
func everyNth(n string, keys map[string]string) func(r reading) bool {
	step, _ := strconv.Atoi(n)
	first, err := time.Parse(time.DateOnly, keys["starts"])
	if err != nil {
		panic(err)
	}
	monday := func(t time.Time) time.Time {
		for t.Weekday() != time.Monday {
			t = t.AddDate(0, 0, -1)
		}
		return t
	}
	return func(r reading) bool {
		date := time.Date(r.year, time.Month(r.month), r.day, 0, 0, 0, 0, time.UTC)
		var away int
		switch {
		case keys["monthday"] != "":
			away = 12*(r.year-first.Year()) + r.month - int(first.Month())
		case keys["weekday"] != "":
			away = int(monday(date).Sub(monday(first)).Hours()) / (7 * 24)
		default:
			away = int(date.Sub(first).Hours()) / 24
		}
		return away%step == 0
	}
}

// movedTo reports whether a day is the workday to which one goes that is excluded. It
// looks for that one day by day, as far as the month beside.
func movedTo(r reading, except, way string, nominal func(reading) bool) bool {
	step := map[string]int{"next": -1, "previous": 1}[way]
	if step == 0 || !isWorkday(r, except) {
		return false
	}
	for d := daysFrom(r, step); !isWorkday(d, except); d = daysFrom(d, step) {
		if months := 12*(d.year-r.year) + d.month - r.month; months < -1 || months > 1 {
			return false
		}
		if excepted(d, except) && nominal(d) {
			return true
		}
	}
	return false
}

// excepted reports whether a list of dates, ranges of them and weekdays has a day.
func excepted(r reading, list string) bool {
	date := fmt.Sprintf("%04d-%02d-%02d", r.year, r.month, r.day)
	return slices.ContainsFunc(strings.Split(list, ", "), func(item string) bool {
		if strings.ToUpper(item) != strings.ToLower(item) {
			return members(strings.ToUpper(item), 0, 6, refereeWeekdays)[r.weekday]
		}
		first, last, isRange := strings.Cut(item, "..")
		if !isRange {
			last = first
		}
		now := date[len(date)-len(first):]
		if last < first { // round the new year
			return now >= first || now <= last
		}
		return first <= now && now <= last
	})
}

func inside(r reading, open, shut string) bool {
	now := fmt.Sprintf("%02d:%02d", r.hour, r.minute)
	if open < shut {
		return open <= now && now < shut
	}
	return open <= now || now < shut
}

func refereeMonthday(item string) func(r reading) bool {
	if item == "last" {
		item = "-1"
	}
	if which, day, found := strings.Cut(item, " "); found {
		if which == "last" {
			return dowMember(strings.ToUpper(day) + "L")
		}
		return dowMember(strings.ToUpper(day) + "#" + which[:1])
	}
	if n, err := strconv.Atoi(item); err == nil && n < 0 {
		return func(r reading) bool { return r.day == monthLength(r.year, r.month)+1+n }
	}
	return domMember(item)
}

// tick is an instant of a walk.
type tick struct {
	at   int64
	shut bool // a repeat of at most 3 h shows this reading for the second time
	now  reading
	gap  []reading // the readings that a gap of at most 3 h skipped, which ends here
}

// walk shows every step of a zone's clock from one instant to another. With
// steps of a minute it shows only whole ones, and a change of the clock has to
// be on one.
func walk(t testing.TB, zone *time.Location, start, end, step int64) []tick {
	const small = 3 * 3600
	var ticks []tick
	_, was := time.Unix(start-4*3600-step, 0).In(zone).Zone()
	var hidden int64
	for at := start - 4*3600; at < end; at += step {
		now := time.Unix(at, 0).In(zone)
		k := tick{at: at}
		if _, off := now.Zone(); off != was {
			if _, before := time.Unix(at-1, 0).In(zone).Zone(); before != was {
				t.Fatalf("%s: a change of the clock between %v and a step before", zone, now)
			}
			if change := int64(off - was); change > 0 && change <= small {
				for local := at + int64(was); local < at+int64(off); local += step {
					k.gap = append(k.gap, read(time.Unix(local, 0).UTC()))
				}
			} else if change < 0 && change >= -small {
				hidden = max(hidden, at-change)
			}
			was = off
		}
		if at < start {
			continue
		}
		k.now, k.shut = read(now), at < hidden
		ticks = append(ticks, k)
	}
	return ticks
}

// slot reports whether a tick is a slot by the rules of time.
func (v *verdict) slot(k *tick) bool {
	if v.starts != "" && fmt.Sprintf("%04d-%02d-%02d", k.now.year, k.now.month, k.now.day) < v.starts {
		return false
	}
	if !v.fixed {
		return v.match(k.now)
	}
	if !k.shut && v.match(k.now) {
		return true
	}
	for _, r := range k.gap {
		if v.match(r) && v.admits(k.now) {
			return true
		}
	}
	return false
}

// admits reports whether what a gap has moved may stand where it lands.
func (v *verdict) admits(r reading) bool {
	open, shut, found := strings.Cut(v.between, "-")
	return (!found || inside(r, open, shut)) && (v.except == "" || !excepted(r, v.except))
}

// changes returns the instants at which a zone's offset changes, found by
// looking at the clock every so many seconds.
func changes(zone *time.Location, start, end, stride int64) (found []int64) {
	offset := func(at int64) int {
		_, off := time.Unix(at, 0).In(zone).Zone()
		return off
	}
	was := offset(start)
	for at := start; at < end; at += stride {
		low, high := at, at+stride
		now := offset(high)
		if now == was {
			continue
		}
		for low+1 < high {
			if mid := (low + high) / 2; offset(mid) == was {
				low = mid
			} else {
				high = mid
			}
		}
		was = now
		found = append(found, high)
	}
	return found
}

// around returns triggers that a change of the clock at an instant may touch.
func around(zone *time.Location, at int64) []string {
	before, after := read(time.Unix(at-1, 0).In(zone)), read(time.Unix(at, 0).In(zone))
	date := fmt.Sprintf("%d %d", after.day, after.month)
	_, was := time.Unix(at-1, 0).In(zone).Zone()
	lost := read(time.Unix(at+int64(was)+17*60, 0).UTC()) // 17 minutes into a gap
	back := read(time.Unix(at-23*60, 0).In(zone))         // 23 minutes before the end of a first pass
	return append(aroundDays(lost, fmt.Sprintf("at %02d:%02d, %02d:%02d, %02d:%02d", lost.hour, lost.minute, after.hour, after.minute, back.hour, back.minute)),
		"* * * * *", "*/7 * * * *", "*/30 * * * *", "0 * * * *", "30 */2 * * *", "*/30 2 * * *", "15,45 * * * *",
		"30 2 * * *", "0,30 2,3 * * *", "0 0-23 * * *", "5/20 1-4 * * *", "0 0 * * *", "30 23 * * SAT-SUN",
		fmt.Sprintf("%d %d * * *", lost.minute, lost.hour),
		fmt.Sprintf("%d %d %d %d *", lost.minute, lost.hour, lost.day, lost.month),
		fmt.Sprintf("%d %d %s *", back.minute, back.hour, date),
		fmt.Sprintf("%d,%d %d,%d * * %d", back.minute, after.minute, back.hour, after.hour, back.weekday),
		fmt.Sprintf("%d-59/3 %d,%d * * %d,%d", before.minute%50, before.hour, after.hour, before.weekday, after.weekday),
		fmt.Sprintf("at %02d:%02d, %02d:%02d, %02d:%02d", lost.hour, lost.minute, after.hour, after.minute, back.hour, back.minute),
		"at 00:00, 00:30, 01:30, 02:00, 02:15, 23:30",
		fmt.Sprintf("weekday %s at %02d:%02d", strings.ToLower(refereeWeekdays[3*lost.weekday:][:3]), lost.hour, lost.minute),
		fmt.Sprintf("monthday %d, last at %02d:%02d", lost.day, lost.hour, lost.minute),
		fmt.Sprintf("at 00:55, 01:15, 02:15, 02:45, 03:15 between 00:50-%02d:%02d", after.hour, after.minute+1),
		fmt.Sprintf("*/10 * * * * between 22:00-02:30 except %02d-%02d", before.month, before.day),
		fmt.Sprintf("15,45 * * * * except %s", strings.ToLower(refereeWeekdays[3*after.weekday:][:3])),
		fmt.Sprintf("0,30 0-3,23 * * * except %02d-%02d..%02d-28", after.month, after.day, after.month%12+1),
		fmt.Sprintf("%d %d * * * except 1999-01-01..%04d-%02d-%02d", lost.minute, lost.hour, before.year, before.month, before.day),
	)
}

// aroundDays returns triggers with every, with workdays and with on_except, some of
// which have slots on the day of a reading, or would have but for the other half of
// what they say.
func aroundDays(r reading, at string) []string {
	date := func(n int) string { d := daysFrom(r, n); return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }
	weekday := func(n int) string { return strings.ToLower(refereeWeekdays[3*daysFrom(r, n).weekday:][:3]) }
	day := func(n int) int { return daysFrom(r, n).day }
	nth := func(n int) string { return ordinal(max(1, min(23, r.day*5/7+n))) }
	return []string{
		fmt.Sprintf("every 2 weeks %s %s starts %s", weekday(0), at, date(-14)),
		fmt.Sprintf("every 2 weeks %s %s starts %s", weekday(0), at, date(-7)),
		fmt.Sprintf("every 3 weeks mon-sun at 00:00, 00:30, 02:00, 02:30 starts %s", date(-24)),
		fmt.Sprintf("weekday %s, %s %s every 5 except %s starts %s", weekday(0), weekday(1), at, date(35), date(-69)),
		fmt.Sprintf("every 2 days %s starts %s", at, date(-2)),
		fmt.Sprintf("every 2 days %s starts %s", at, date(-1)),
		fmt.Sprintf("%s, 12:34 between 00:10-23:00 every 7 starts %s", at, date(-70)), // the others may all be about midnight
		fmt.Sprintf("every 3 days at 00:00, 00:30, 23:30 except %s starts %s", weekday(0), date(-300)),
		fmt.Sprintf("every 2 months %d, last %s starts %s", r.day, at, date(-60)),
		fmt.Sprintf("every 2 months %d %s starts %s", r.day, at, date(-31)),
		fmt.Sprintf("every 12 months %d, -1 month %d %s starts %04d-%02d-20", r.day, r.month, at, r.year-1, r.month),
		fmt.Sprintf("monthday %d weekday %s %s every 3 starts %s", r.day, weekday(0), at, date(-90)),

		"monthday first workday " + at,
		"monthday last workday " + at,
		fmt.Sprintf("monthday %s workday %s", nth(-1), at),
		fmt.Sprintf("monthday %s workday %s", nth(0), at),
		fmt.Sprintf("monthday %s workday %s", nth(1), at),
		fmt.Sprintf("monthday %s workday %s", nth(2), at),
		fmt.Sprintf("monthday %s workday, %s workday %s except %s", nth(0), nth(1), at, date(0)),
		fmt.Sprintf("monthday 1st workday, %s workday %s except %s..%s", nth(-1), at, date(-3), date(-1)),
		fmt.Sprintf("monthday last workday %s except %s..%s", at, date(1), date(40)),
		fmt.Sprintf("monthday first workday %s except %s..%s", at, date(-40), date(-1)),
		fmt.Sprintf("every 2 months %s workday, last workday %s starts %s", nth(1), at, date(-61)),

		fmt.Sprintf("monthday %d %s except %s on_except next", r.day, at, date(0)),
		fmt.Sprintf("monthday %d %s except %s on_except previous", r.day, at, date(0)),
		fmt.Sprintf("monthday %d %s except sat-sun, %s on_except next", day(-1), at, date(-1)),
		fmt.Sprintf("monthday %d %s except sat-sun, %s on_except previous", day(1), at, date(1)),
		fmt.Sprintf("monthday %d %s except %s..%s on_except next", day(-4), at, date(-5), date(-1)),
		fmt.Sprintf("monthday %d %s except %s..%s on_except previous", day(4), at, date(1), date(6)),
		fmt.Sprintf("monthday %d %s except %s..%s on_except next", day(-50), at, date(-70), date(-1)),
		fmt.Sprintf("weekday %s, %s %s except %s, %s on_except next", weekday(-1), weekday(-2), at, weekday(-1), date(-2)),
		fmt.Sprintf("weekday %s %s except %s, sun on_except previous", weekday(1), at, date(1)),
		fmt.Sprintf("month %d %s except sat-sun on_except next", daysFrom(r, -3).month, at),
		fmt.Sprintf("every 2 weeks %s %s except %s on_except next starts %s", weekday(-1), at, weekday(-1), date(-15)),
		fmt.Sprintf("*/20 * %d * * except %s on_except next", day(-1), date(-1)),
		fmt.Sprintf("15,45 * %d * * except sat-sun on_except previous", day(1)),
	}
}

// judge holds Next against the referee over a walk: from every so many steps
// on, the next slot has to be the right one.
func judge(t testing.TB, zone *time.Location, text string, ticks []tick, every int) {
	s, faults := ParseExpr(text, zone)
	if faults != nil {
		t.Errorf("%s: %v", text, faults)
		return
	}
	v := refereeTrigger(text)
	want := int64(0) // the slot after a tick; 0: beyond the walk
	end := ticks[len(ticks)-1].at
	for i := len(ticks) - 1; i >= 0; i-- {
		k := &ticks[i]
		slot := v.slot(k)
		if i%every == 0 || slot || k.gap != nil || k.shut {
			got := s.Next(time.Unix(k.at, 0))
			if want != 0 && got.Unix() != want || want == 0 && !got.IsZero() && got.Unix() <= end {
				t.Errorf("%s in %s after %v: got %v, want %v", text, zone, time.Unix(k.at, 0).In(zone), got.In(zone), time.Unix(want, 0).In(zone))
				return
			}
		}
		if slot {
			want = k.at
		}
	}
}

// TestReferee looks at a fixed sample of the clock changes of all zones from
// 2000 to 2037, each with the triggers of around. TestExhaustive, under the
// build tag exhaustive, looks at all of them.
func TestReferee(t *testing.T) {
	cases := 0
	for i, name := range refereeZoneNames() {
		zone := refereeZone(t, name)
		for j, at := range changes(zone, year(2000), year(2038), 10*86400) {
			if (5*i+j)%20 != 0 {
				continue
			}
			ticks := walk(t, zone, at-3*3600-1800, at+4*3600+1800, 60)
			for _, text := range around(zone, at) {
				judge(t, zone, text, ticks, 61)
				cases++
			}
		}
	}
	if t.Logf("%d cases", cases); cases < 20_000 {
		t.Errorf("only %d cases, want 20,000", cases)
	}
}

func year(y int) int64 { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC).Unix() }
