package schedule

import "fmt"

// maxFixedShift is the largest change of the clock that a FIXED trigger makes up for.
const maxFixedShift = 3 * 3600

// calendar is the arithmetic of weekday, monthday, month, at and cron: a set of
// times on a set of days of a zone's wall clock.
type calendar struct {
	wall       *wall
	months     uint16   // bit m: the m-th month, 1 to 12, may have slots
	named      uint16   // the months whose days match
	fixed      bool     // FIXED, not WILDCARD
	always     bool     // every day matches
	days       [2]*days // a day must be in both
	times      times
	except     *except     // nil: none
	recurrence *recurrence // nil: every week, month and day

	onExcept string // exceptNext or exceptPrevious; otherwise slots on excluded days are skipped
}

// next returns the first slot after an instant. It computes with the readings of the
// wall clock as in a plain calendar, and considers the zone's clock changes last.
func (c *calendar) next(after int64) int64 {
	if off, even := c.wall.fixedOffset(); even {
		if want := c.local(after + off + 1); want != never {
			return want - off
		}
		return never
	}
	s := c.wall.at(after)
	local := after + s.off + 1
	if c.hidesChange(s.before - s.off) {
		local = max(local, s.start+s.before) // the second pass is none
	}
	for {
		want := c.local(local)
		if want != never && want < s.end+s.off {
			return want - s.off
		}
		if s.after < s.off && !c.hidesChange(s.off-s.after) {
			// The clock goes back before that: what it shows again counts again.
			if again := s.end + s.after; c.local(again) < s.end+s.off {
				s, local = c.wall.at(s.end), again
				continue
			}
		}
		if want == never {
			return never
		}
		var at int64
		if at, s = c.wall.firstAt(want, s); at+s.off == want {
			return at
		}
		// The reading is in a gap. The slot is the first instant after the gap.
		local = at + s.off
		if c.hidesChange(s.off-s.before) && c.admits(local) {
			return at
		}
	}
}

// note describes how a clock change affects the slot at an instant.
func (c *calendar) note(at int64) string {
	s := c.wall.at(at)
	local := at + s.off
	if at == s.start && c.hidesChange(s.off-s.before) {
		if want := c.local(at + s.before); want < local {
			return gapNote(want)
		}
	}
	return repeatNote(local, s)
}

func gapNote(want int64) string {
	_, second := floorDay(want)
	return "gap: moved from " + timeText(second)
}

func repeatNote(local int64, s stretch) string {
	switch {
	case local < s.start+s.before:
		return "repeat: second pass"
	case local >= s.end+s.after:
		return "repeat: first pass"
	}
	return ""
}

// hidesChange reports whether a gap or a repeat of this many seconds is hidden, so that each
// reading of the clock in it has exactly one slot.
func (c *calendar) hidesChange(change int64) bool {
	return c.fixed && 0 < change && change <= maxFixedShift
}

// admits reports whether a slot may be at this local time, to which a gap has moved it.
func (c *calendar) admits(local int64) bool {
	n, second := floorDay(local)
	return c.times.window.holds(second) && (c.except == nil || !c.except.holds(n))
}

// local returns the first matching reading of the wall clock at or after the
// given one, or never.
func (c *calendar) local(local int64) int64 {
	if local < minTime {
		local = minTime
	}
	n, second := floorDay(local)
	if c.always {
		at := c.times.ceil(second)
		if at < 0 {
			n, at = n+1, c.times.first
		}
		return horizon(n*day + int64(at))
	}
	d, weekday := civil(n)
	if has(uint64(c.months), d.month) {
		set := uint64(c.in(d, (weekday+36-d.day)%7))
		if has(set, d.day) {
			if at := c.times.ceil(second); at >= 0 {
				return horizon(n*day + int64(at))
			}
		}
		if found := from(set, d.day+1); found > 0 {
			return horizon((n+int64(found-d.day))*day + int64(c.times.first))
		}
	}
	for d.day = 1; ; {
		if d.month = from(uint64(c.months), d.month+1); d.month < 0 {
			d.year, d.month = d.year+1, from(uint64(c.months), 0)
			if d.year > 9999 {
				return never
			}
		}
		n := d.number()
		if found := from(uint64(c.in(d, weekdayOf(n))), 1); found > 0 {
			return (n+int64(found-1))*day + int64(c.times.first)
		}
	}
}

// in returns the days of d's month that match, bit by bit; first is the
// weekday of its first day.
func (c *calendar) in(d date, first int) uint32 {
	if c.onExcept != "" {
		return c.moved(d, first)
	}
	out := c.excluded(d, first)
	return c.matches(d, d.length(), first, out) &^ out
}

func horizon(local int64) int64 {
	if local >= maxTime {
		return never
	}
	return local
}

func (c *calendar) hours() window { return c.times.window }

// buildDays builds the calendar of weekday, monthday, month and at.
func (d *builder) buildDays(p *plan, w *wall) {
	c := &calendar{months: uint16(d.months), days: [2]*days{&everyDay, &everyDay}, times: times{list: d.at}, fixed: true}
	if d.has("monthday") {
		c.days[0] = new(d.monthdays)
	}
	if d.has("weekday") {
		c.days[1] = &days{week: d.weekdays}
	}
	if !d.has("month") {
		c.months = 1<<13 - 2
	}
	d.lintMonthday(uint64(c.months))
	if c.recurrence = d.recurrence(p, w); c.recurrence == nil && d.nth > 0 {
		return
	}
	d.setCalendar(p, c, w)
}

// buildCron builds the calendar of a cron line, or the interval of "@every".
func (d *builder) buildCron(p *plan, w *wall) {
	if d.cron.every > 0 {
		p.kind = Interval
		d.buildInterval(p, w)
		return
	}
	d.setCalendar(p, d.cron.calendar(), w)
}

func (d *builder) setCalendar(p *plan, c *calendar, w *wall) {
	c.wall, c.except = w, d.except
	c.times.window = d.window
	c.times.first = c.times.ceil(0)
	c.named = c.months
	if d.onExceptText() != "" && c.except != nil {
		c.onExcept, c.months = d.onExcept, 1<<13-2 // it may leave the month
	}
	c.always = c.months == 1<<13-2 && c.except == nil && c.recurrence == nil && c.days[0].dom == everyDay.dom && (c.days[1].dom == everyDay.dom || c.days[1].week == 0x7f)
	p.trigger = c
	if c.times.first < 0 {
		d.add(Fault{Key: "between", Msg: fmt.Sprintf("no time of the day is between %s", d.keys["between"][0]), Hint: "widen between or change the times"})
		return
	}
	if d.neverDue(p, c) {
		d.add(d.noSuchDays(p.kind))
	}
}

// neverDue reports whether a calendar has no slot while the plan is in force. It
// checks 400 years, after which the calendar repeats. An end in the past is not a fault,
// so it then checks the 400 years before the end.
func (d *builder) neverDue(p *plan, c *calendar) bool {
	begin := int64(946684800) // 2000-01-01
	if d.ends.text != "" {
		begin = p.ends - period
	}
	begin = max(begin, p.starts)
	at := c.next(begin - 1)
	return at == never || at > begin+period || at >= p.ends || at >= maxTime
}

// noSuchDays complains about days that do not exist.
func (d *builder) noSuchDays(kind Kind) Fault {
	f := Fault{Msg: "this never fires: no date matches", Hint: "correct the days or the months"}
	switch {
	case d.nth > 0:
		f.Key, f.Msg, f.Hint = "every", "this never fires: no date matches, counted from starts", "correct every, starts, the days or the months"
	case d.ends.text != "" || d.except != nil:
		f.Msg, f.Hint = "this never fires: except, starts and ends leave no date", "correct the days, or except, starts and ends"
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
