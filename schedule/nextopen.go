package schedule

import "time"

// NextOpen returns the first instant from at on that lies in the trigger's
// between: at itself if it does, or if there is no between. What makes up for a
// slot, or tries it again, starts no earlier (rule 12).
func (s Spec) NextOpen(at time.Time) time.Time {
	if s.p == nil || s.p.hours() == wholeDay {
		return at
	}
	seconds, faults := Parse(Keys{"cron": {"* * * * * *"}, "between": {s.p.hours().text()}}, s.Zone())
	if len(faults) > 0 {
		return at
	}
	if open := seconds.Next(at.Add(-time.Second)); open.After(at) {
		return open
	}
	return at
}
