package schedule

import "time"

// Opens returns the first instant from at on that lies in the trigger's
// between: at itself if it does, or if there is no between. What makes up for a
// slot, or tries it again, starts no earlier (rule 12).
func (s Spec) Opens(at time.Time) time.Time {
	w := wholeDay
	if s.p != nil {
		switch t := s.p.trigger.(type) {
		case *calendar:
			w = t.times.window
		case *interval:
			if t.limit != nil {
				w = t.limit.window
			}
		}
	}
	if w == wholeDay {
		return at
	}
	seconds, faults := Parse(Keys{"cron": {"* * * * * *"}, "between": {timeText(w.open) + "-" + timeText(w.shut%day)}}, s.p.zone)
	if len(faults) > 0 {
		return at
	}
	if open := seconds.Next(at.Add(-time.Second)); open.After(at) {
		return open
	}
	return at
}
