package api

import "time"

// The times that can be given. What is written of them, in any zone, has a year of
// four digits: JSON has no others, and one that cannot be written would take the
// whole list with it in which it stands.
var (
	firstTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC)
)

// longest is the longest span of time that can be given.
const longest = 100 * 365 * 24 * time.Hour

// CheckTime returns what is wrong with an instant that somebody gave; what is its
// name for them. The zero time was not given.
func CheckTime(what string, t time.Time) error {
	if !t.IsZero() && (t.Before(firstTime) || t.After(lastTime)) {
		return Errorf(Usage, "give a time between 1970 and 9998", "%s is out of range: the year %d", what, t.UTC().Year())
	}
	return nil
}

// CheckSpan returns what is wrong with a span of time that somebody gave.
func CheckSpan(what string, d time.Duration) error {
	switch {
	case d < 0:
		return Errorf(Usage, "", "%s cannot be negative", what)
	case d > longest:
		return Errorf(Usage, "", "%s is longer than 100 years", what)
	}
	return nil
}
