package schedule

import (
	"fmt"
	"strings"
	"time"
)

// plan builds what the draft describes. The draft has no faults so far; what
// can never fire is found here.
func (d *draft) plan(kind Kind) *plan {
	p := &plan{kind: kind, zone: d.zone, ends: never, starts: -never, anchor: d.anchor, jitter: d.jitter}
	w := wallOf(d.zone)
	if d.starts.text != "" {
		p.starts, _ = d.starts.on(w)
	}
	if d.ends.text != "" {
		p.ends, _ = d.ends.on(w)
		if p.ends <= p.starts {
			d.add(d.ends.from.whole("ends is the first instant that counts no more", "ends is not after starts"))
			return p
		}
	}
	switch kind {
	case Interval:
		d.setInterval(p, d.every, w)
	case Once:
		d.setOnce(p, w)
	case AtStart:
		p.trigger, p.zone = atStart(d.boot), time.UTC
	case Cron:
		if d.cron.every > 0 {
			p.kind = Interval
			d.setInterval(p, d.cron.every, w)
			break
		}
		d.setCalendar(p, d.cron.calendar(), w)
	default:
		c := &calendar{months: d.months, days: [2]days{everyDay, everyDay}, times: times{list: d.at}, fixed: true}
		if d.has("monthday") {
			c.days[0] = d.monthdays
		}
		if d.has("weekday") {
			c.days[1] = days{week: d.weekdays}
		}
		if !d.has("month") {
			c.months = 1<<13 - 2
		}
		d.setCalendar(p, c, w)
	}
	p.text = d.text()
	return p
}

func (d *draft) setInterval(p *plan, every int64, w *wall) {
	i := &interval{every: every, delay: every, wall: w}
	if d.delay >= 0 {
		i.delay = d.delay
	}
	if d.window != wholeDay || d.except != nil {
		i.limit = &limit{d.window, d.except}
	}
	if d.starts.text != "" {
		if d.has("initial_delay") {
			d.add(Fault{Key: "initial_delay", Msg: "starts is the first slot already", Hint: "leave one of initial_delay and starts out"})
		}
		i.first, i.bound = p.starts, true
	}
	if i.limit == nil && !d.local() {
		if d.has("timezone") {
			d.warned = append(d.warned, Fault{Key: "timezone", Msg: "a time zone means nothing to an interval", Hint: "leave it out"})
		}
		p.zone = time.UTC
	}
	p.trigger = i
}

// local tells whether starts or ends is a reading of the wall clock.
func (d *draft) local() bool {
	return d.starts.text != "" && !d.starts.zoned || d.ends.text != "" && !d.ends.zoned
}

func (d *draft) setOnce(p *plan, w *wall) {
	at, gap := d.moment.on(w)
	o := &once{at: at, text: time.Unix(d.moment.local, 0).UTC().Format("Mon 2 January 2006 at 15:04:05")}
	o.text = strings.TrimSuffix(o.text, ":00")
	if d.moment.zoned {
		o.text += d.moment.text[len("2006-01-02T15:04:05"):]
	}
	switch {
	case d.moment.zoned:
		p.zone = time.UTC
	case gap > small:
		d.add(d.moment.from.whole("choose another date", "the clocks of %s skip %s", d.zone, d.moment.text))
	case gap > 0:
		o.mark = gapNote(d.moment.local)
	default:
		o.mark = repeatNote(d.moment.local, w.at(at))
	}
	p.trigger = o
}

func (d *draft) setCalendar(p *plan, c *calendar, w *wall) {
	c.wall, c.except = w, d.except
	c.times.window = d.window
	c.times.first = c.times.ceil(0)
	c.always = c.months == 1<<13-2 && c.except == nil && c.days[0].dom == everyDay.dom && (c.days[1].dom == everyDay.dom || c.days[1].week == 0x7f)
	p.trigger = c
	if c.times.first < 0 {
		d.add(Fault{Key: "between", Msg: fmt.Sprintf("no time of the day is between %s", d.keys["between"][0]), Hint: "widen between or change the times"})
		return
	}
	// 400 years of the calendar are all that there is. An end in the past is
	// no fault, so they are those before it.
	begin := int64(946684800) // 2000-01-01
	if d.ends.text != "" {
		begin = p.ends - period
	}
	begin = max(begin, p.starts)
	if at := p.slot(begin - 1); at == never || at > begin+period {
		d.add(d.futile(p.kind))
	}
}

// futile complains about days that never come.
func (d *draft) futile(kind Kind) Fault {
	f := Fault{Msg: "this never fires: no date matches", Hint: "correct the days or the months"}
	switch {
	case d.ends.text != "" || d.except != nil:
		f.Msg, f.Hint = "this never fires: no date is left", "correct the days, or except, starts and ends"
	case kind == Cron && d.cron.fields != nil:
		f.Key = "cron"
		n := len(d.cron.fields)
		f.Start, f.End = d.cron.fields[n-3].start, d.cron.fields[n-2].end
		if d.cron.and {
			f.End = d.cron.fields[n-1].end
		}
	case d.has("monthday"):
		f.Key = "monthday"
	}
	return f
}
