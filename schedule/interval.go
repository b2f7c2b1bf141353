package schedule

import "time"

// interval fires at first + k·every, for all k from 0. It counts elapsed time:
// no zone and no clock change moves it.
type interval struct {
	every int64 // seconds, at least 1
	delay int64 // seconds from the first sight to the first slot
	first int64 // the first slot
	bound bool  // first is set
	wall  *wall
	limit *limit // nil: none
}

// limit keeps an interval's slots to a window of the day and off some dates.
type limit struct {
	window window
	except *except
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
	for at < dusk {
		s := i.wall.at(at)
		_, second := floorDay(at + s.off)
		k := i.limit.steps(int64(second), i.every)
		if k < 0 || k > (s.end-at)/i.every {
			at = i.plain(s.end - 1)
			continue
		}
		at += k * i.every
		if at >= s.end {
			continue
		}
		n, _ := floorDay(at + s.off)
		if i.limit.except == nil || !i.limit.except.holds(n) {
			return at
		}
		at = i.plain(min(s.end, (n+1)*day-s.off) - 1)
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

// steps returns the least k for which second + k·every falls into the window,
// were every day to have 24 hours; -1 if none does.
func (l *limit) steps(second, every int64) int64 {
	length := int64(l.window.shut-l.window.open+day) % day
	if length == 0 {
		return 0 // the whole day
	}
	second = (second - int64(l.window.open) + day) % day
	if second < length {
		return 0
	}
	return firstMultiple(every, day, day-second, day-second+length-1)
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
	if d.delay < 0 || d.delay == d.every+d.cron.every {
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
	i := &interval{every: every, delay: every, wall: w}
	if d.delay >= 0 {
		i.delay = d.delay
	}
	if d.window != wholeDay || d.except != nil {
		i.limit = &limit{d.window, d.except}
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
