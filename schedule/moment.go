package schedule

import (
	"fmt"
	"strings"
	"time"
)

// moment is a date and time: an instant if its text has an offset, else a
// reading of the wall clock.
type moment struct {
	local int64 // seconds as the text says
	off   int64 // seconds east of UTC
	zoned bool  // off was given
	text  string
	from  value
}

// on returns the first instant at which the wall clock shows the moment or
// more, and the change of the clock if it shows more.
func (m moment) on(w *wall) (at, gap int64) {
	if m.zoned {
		return m.local - m.off, 0
	}
	at, s := w.firstAt(m.local, w.at(m.local-day-day/4))
	if at+s.off != m.local {
		gap = s.off - s.before
	}
	return at, gap
}

func (d *builder) parseOnce(v value)   { d.moment = d.readMoment(v, false) }
func (d *builder) parseStarts(v value) { d.starts = d.readMoment(v, true) }
func (d *builder) parseEnds(v value)   { d.ends = d.readMoment(v, true) }

// readMoment reads RFC 3339, its offset and its seconds being optional; where
// a bare date will do it is that day's midnight.
func (d *builder) readMoment(v value, dateWillDo bool) moment {
	const form = "2006-01-02T15:04:05"
	text := v.text
	if len(text) > 10 && (text[10] == ' ' || text[10] == 't') {
		text = text[:10] + "T" + text[11:]
	}
	stamp, zone := text, ""
	if i := strings.LastIndexAny(text, "Zz+-"); i > 10 {
		stamp, zone = text[:i], strings.ToUpper(text[i:])
	}
	if whole, fraction, found := strings.Cut(stamp, "."); found && allDigits(fraction) {
		if strings.Trim(fraction, "0") != "" {
			d.add(v.fault(len(whole), len(stamp), "write whole seconds", "%q is not on a whole second", v.text))
			return moment{}
		}
		stamp = whole
	}
	m := moment{from: v}
	switch {
	case len(stamp) == 16:
		stamp += ":00"
	case len(stamp) == 10 && dateWillDo && zone == "":
		stamp += "T00:00:00"
	case len(stamp) == 10:
		if _, err := time.Parse(time.DateOnly, stamp); err == nil {
			d.add(v.whole(fmt.Sprintf("write %q", stamp+"T08:00"), "%s needs a time of day", v.key))
			return moment{}
		}
	}
	t, err := time.Parse(form, stamp)
	if err != nil || len(stamp) != len(form) || t.Year() < 1 {
		hint := `write "2026-12-24T18:00", with or without an offset such as +01:00`
		if err != nil && strings.Contains(err.Error(), "out of range") {
			hint = "no such date or time exists"
		} else if date, rest, found := strings.Cut(v.text, " "); found {
			if _, err := time.Parse(time.DateOnly, date); err == nil && suggestTime(rest) != "" {
				hint = fmt.Sprintf("write %q", date+"T"+suggestTime(rest))
			}
		}
		d.add(v.whole(hint, "%q is not a date and time", v.text))
		return moment{}
	}
	m.local = t.Unix()
	m.text = t.Format(form)
	if zone != "" {
		at, err := time.Parse("Z07:00", zone)
		if err != nil {
			d.add(v.fault(len(v.text)-len(zone), len(v.text), "write Z or an offset such as +01:00", "%q is not an offset from UTC", zone))
			return moment{}
		}
		_, off := at.Zone()
		m.off, m.zoned = int64(off), true
		m.text += zone
		if off == 0 {
			m.text = t.Format(form) + "Z"
		}
	}
	return m
}
