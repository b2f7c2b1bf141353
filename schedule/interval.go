package schedule

import "time"

// interval fires at first + k·every, for all k from 0. It counts elapsed time:
// no zone and no clock change moves it.
type interval struct {
	every int64 // seconds, at least 1
	delay int64 // seconds from when the task is first seen to the first slot
	first int64 // the first slot
	bound bool  // first is set
	wall  *wall
	limit *limit // nil: none
}

// limit keeps an interval's slots to a window of the day and to some days.
type limit struct {
	window   window
	week     uint8 // bit w: the weekdays that may have slots, 0 is Sunday
	except   *except
	cycle    int64     // the period that repeats: a day, or a week if week is not all days
	openings []opening // the parts of the cycle that may have slots
}

// opening is a half-open part of a cycle, in seconds.
type opening struct{ open, shut int64 }

const allWeek = 0x7f

func newLimit(w window, week uint8, e *except) *limit {
	l := &limit{window: w, week: week, except: e, cycle: day}
	if e != nil {
		week &^= e.week
	}
	days := []int{0}
	if week != allWeek {
		l.cycle, days = 7*day, nil
		for d := range 7 {
			if week>>d&1 != 0 {
				days = append(days, d)
			}
		}
	}
	for _, d := range days {
		begin := int64(d) * day
		if w.open < w.shut {
			l.openings = append(l.openings, opening{begin + int64(w.open), begin + int64(w.shut)})
		} else {
			l.openings = append(l.openings, opening{begin, begin + int64(w.shut)}, opening{begin + int64(w.open), begin + day})
		}
	}
	return l
}

func (i *interval) from(seen int64) *interval {
	b := *i
	b.first, b.bound = seen+i.delay, true
	return &b
}

func (i *interval) next(after int64) int64 {
	if !i.bound {
		b := *i
		b.first, b.bound = after+i.delay, true
		return b.next(after)
	}
	at := i.plain(after)
	if i.limit == nil {
		return at
	}
	for at < maxTime {
		s := i.wall.at(at)
		n, second := floorDay(at + s.off)
		k := i.limit.steps(int64(weekdayOf(n))*day+int64(second), i.every)
		if k < 0 || k > (s.end-at)/i.every {
			at = i.plain(s.end - 1)
			continue
		}
		at += k * i.every
		if at >= s.end {
			continue
		}
		n, _ = floorDay(at + s.off)
		if i.limit.except == nil {
			return at
		}
		open := i.limit.except.over(n)
		if open == n {
			return at
		}
		at = i.plain(min(s.end, open*day-s.off) - 1)
	}
	return never
}

// plain is next without the limit.
func (i *interval) plain(after int64) int64 {
	if after < i.first {
		return i.first
	}
	return i.first + ((after-i.first)/i.every+1)*i.every
}

// steps returns the least k for which second + k·every, in seconds of a week,
// falls into one of the openings, were every day to have 24 hours; -1 if none does.
func (l *limit) steps(second, every int64) int64 {
	least := int64(-1)
	second %= l.cycle
	for _, p := range l.openings {
		if p.open <= second && second < p.shut {
			return 0
		}
		away := (p.open - second + l.cycle) % l.cycle
		if k := firstMultiple(every, l.cycle, away, away+p.shut-p.open-1); k >= 0 && (least < 0 || k < least) {
			least = k
		}
	}
	return least
}

// firstMultiple returns the least k ≥ 0 for which k·a mod m lies in [lo, hi],
// 0 ≤ lo ≤ hi < m; -1 if there is none. It is Euclid's algorithm: either a
// multiple of a lies in the range, or the question is asked again modulo a.
func firstMultiple(a, m, lo, hi int64) int64 {
	if lo == 0 {
		return 0
	}
	if a %= m; a == 0 {
		return -1
	}
	if 2*a > m {
		a, lo, hi = m-a, m-hi, m-lo
	}
	if k := (lo + a - 1) / a; k*a <= hi {
		return k
	}
	turns := firstMultiple(m%a, a, (a-hi%a)%a, (a-lo%a)%a)
	if turns < 0 {
		return -1
	}
	return (lo + m*turns + a - 1) / a
}

func (i *interval) note(int64) string { return "" }

func (i *interval) hours() window {
	if i.limit == nil {
		return wholeDay
	}
	return i.limit.window
}

func (i *interval) means() string {
	text := "every " + secondsText(i.every)
	switch {
	case i.bound || i.delay == i.every:
	case i.delay == 0:
		text += ", at once when first seen"
	default:
		text += ", the first time " + secondsText(i.delay) + " after it is first seen"
	}
	if i.limit != nil {
		if i.limit.week != allWeek {
			text += ", " + (&days{week: i.limit.week}).mean()
		}
		text += i.limit.window.means() + i.limit.except.means()
	}
	return text
}

func (d *builder) parseInterval(v value) {
	length, ok := d.duration(v)
	if ok && length == 0 {
		d.add(v.whole(`write "1s" or more`, "an interval of %s is too short", v.text))
	}
	d.every = int64(length / time.Second)
}

func (d *builder) parseDelay(v value) {
	length, _ := d.duration(v)
	d.delay = int64(length / time.Second)
}

func (d *builder) parseAnchor(v value) {
	if v.text != "start" && v.text != "finish" {
		d.add(v.whole(`write "start" or "finish"`, "unknown anchor %q", v.text))
	}
	d.anchor = v.text
}

func (d *builder) intervalText() string {
	if every := d.every + d.cron.every; every > 0 {
		return secondsText(every)
	}
	return ""
}

func (d *builder) delayText() string {
	if d.delay < 0 || d.delay == d.every+d.cron.every { // without an interval that is 0
		return ""
	}
	return secondsText(d.delay)
}

func (d *builder) anchorText() string {
	if d.anchor == "finish" {
		return d.anchor
	}
	return ""
}

func (d *builder) buildInterval(p *plan, w *wall) {
	every := d.every + d.cron.every // one of them is 0
	if d.has("on_except") {         // of cron = "@every 1h"
		d.add(Fault{Key: "on_except", Msg: "on_except does not go with an interval", Hint: "remove it"})
	}
	i := &interval{every: every, delay: every, wall: w}
	if d.delay >= 0 {
		i.delay = d.delay
	}
	week := uint8(allWeek)
	if d.has("weekday") {
		week = d.weekdays
	}
	if d.window != wholeDay || d.except != nil || week != allWeek {
		i.limit = newLimit(d.window, week, d.except)
		d.checkLimit(p, i.limit, w)
	}
	if d.starts.text != "" {
		if d.has("initial_delay") {
			d.add(Fault{Key: "initial_delay", Msg: "starts is the first slot already", Hint: "remove initial_delay or starts"})
		}
		i.first, i.bound = p.starts, true
	}
	if i.limit == nil && !d.local() {
		if d.has("timezone") {
			d.warned = append(d.warned, Fault{Key: "timezone", Msg: "timezone has no effect on an interval", Hint: "remove it"})
		}
		p.zone = nil
	}
	p.trigger = i
}

// checkLimit complains about a limit that leaves no day at all.
func (d *builder) checkLimit(p *plan, l *limit, w *wall) {
	c := &calendar{
		wall: w, months: 1<<13 - 2, days: [2]*days{&everyDay, {week: l.week}}, except: l.except,
		times: times{hours: allOf24, minutes: allOf60, seconds: allOf60, window: l.window},
	}
	c.times.first = c.times.ceil(0)
	if d.neverDue(p, c) {
		d.add(d.noSuchDays(Interval))
	}
}

// RestartFrom binds an interval whose anchor is "finish" to the end of a run: its next
// slot is one interval later, rounded up to a whole second. Every other trigger
// returns itself.
func (s Spec) RestartFrom(end time.Time) Spec {
	if s.Anchor() != "finish" {
		return s
	}
	i, ok := s.p.trigger.(*interval)
	if !ok {
		return s
	}
	again := *i
	again.delay, again.bound = again.every, false
	p := *s.p
	p.trigger = &again
	return Spec{&p}.From(end)
}
