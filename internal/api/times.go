package api

import "time"

// The range of times that can be given. In any zone they have a year of four digits, as
// JSON cannot hold others: one such time would make a whole list fail.
var (
	firstTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC)
)

// longest is the longest duration that can be given.
const longest = 100 * 365 * 24 * time.Hour

// CheckTime returns an error if a given instant is out of range; what is its name in the
// error. The zero time counts as not given.
func CheckTime(what string, t time.Time) error {
	if !t.IsZero() && (t.Before(firstTime) || t.After(lastTime)) {
		return Errorf(Usage, "give a time between 1970 and 9998", "%s is out of range: the year %d", what, t.UTC().Year())
	}
	return nil
}

// CheckSpan returns an error if a given duration is out of range; what is its name in the error.
func CheckSpan(what string, d time.Duration) error {
	switch {
	case d < 0:
		return Errorf(Usage, "", "%s cannot be negative", what)
	case d > longest:
		return Errorf(Usage, "", "%s is longer than 100 years", what)
	}
	return nil
}
