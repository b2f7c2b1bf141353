package schedule

import (
	"strings"
	"time"
)

// once fires at one instant.
type once struct {
	at   int64
	mark string // its note
	text string // the date and time as written, for people
}

func (o *once) next(after int64) int64 {
	if after < o.at {
		return o.at
	}
	return never
}

func (o *once) note(int64) string { return o.mark }

func (o *once) hours() window { return wholeDay }

func (o *once) means() string { return "once, on " + o.text }

func (d *builder) buildOnce(p *plan, w *wall) {
	at, gap := d.moment.on(w)
	o := &once{at: at, text: time.Unix(d.moment.local, 0).UTC().Format("Mon 2 January 2006 at 15:04:05")}
	o.text = strings.TrimSuffix(o.text, ":00")
	if d.moment.zoned {
		o.text += d.moment.text[len("2006-01-02T15:04:05"):]
	}
	switch {
	case d.moment.zoned:
		p.zone = nil
	case gap > maxFixedShift:
		d.add(d.moment.from.whole("choose another date", "the clocks of %s skip %s", d.zone, d.moment.text))
	case gap > 0:
		o.mark = gapNote(d.moment.local)
	default:
		o.mark = repeatNote(d.moment.local, w.at(at))
	}
	p.trigger = o
}
