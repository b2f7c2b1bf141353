package why

import (
	"fmt"
	"time"

	"rota/runner"
	"rota/schedule"
)

// say adds a sentence.
func (a *answer) say(format string, args ...any) {
	a.Text = append(a.Text, fmt.Sprintf(format, args...)+".")
}

// clock formats an instant: only the time, on the day that the answer is about.
func (a *answer) clock(t time.Time) string {
	t = t.In(a.zone)
	y, m, d := t.Date()
	y2, m2, d2 := a.at.In(a.zone).Date()
	if y != y2 || m != m2 || d != d2 {
		return a.date(t)
	}
	return t.Format(clockLayout(t)) + a.pass(t)
}

// date formats an instant with its date.
func (a *answer) date(t time.Time) string {
	t = t.In(a.zone)
	return t.Format("Mon 2006-01-02 "+clockLayout(t)) + a.pass(t)
}

func clockLayout(t time.Time) string {
	if t.Second() == 0 {
		return "15:04"
	}
	return "15:04:05"
}

// pass returns the zone of a time that the clock shows twice; "" for other times.
func (a *answer) pass(t time.Time) string {
	const most = 3 * time.Hour
	start, end := t.ZoneBounds()
	_, off := t.Zone()
	if !end.IsZero() && end.Sub(t) <= most {
		if _, next := end.Zone(); time.Duration(off-next)*time.Second >= end.Sub(t) && off > next {
			return t.Format(" MST")
		}
	}
	if !start.IsZero() && t.Sub(start) <= most {
		if _, was := start.Add(-time.Second).Zone(); time.Duration(was-off)*time.Second > t.Sub(start) {
			return t.Format(" MST")
		}
	}
	return ""
}

// stretch formats a period: "from 12:00 to 14:10", "since 12:00".
func (a *answer) stretch(s *span) string {
	from := a.clock(s.from)
	switch {
	case s.until.IsZero() && s.sure:
		return "since " + from
	case s.until.IsZero():
		return "since some time after " + from
	case s.sure:
		return "from " + from + " to " + a.clock(s.until)
	}
	return "from some time after " + from + " to " + a.clock(s.until)
}

// was returns "was" or, for a period that continues, "has been" or, with a known end, "is".
func (a *answer) was(s *span) string {
	switch {
	case s.until.IsZero():
		return "has been"
	case s.until.After(a.now):
		return "is"
	}
	return "was"
}

// lasted formats a duration.
func lasted(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return schedule.FormatDuration(d.Round(time.Second))
}

// end returns how a run ended, or its state.
func (a *answer) end(r *runner.Run) string {
	if r.Outcome == "" {
		return "is " + string(r.State)
	}
	text := "ended " + string(r.Outcome)
	if !r.Finished.IsZero() {
		text += " at " + a.clock(r.Finished)
	}
	return text + part(" (", a.why(*r), ")")
}
