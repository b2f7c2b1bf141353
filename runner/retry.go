package runner

import (
	"slices"
	"strconv"
	"time"
)

// Next reports whether a run whose attempt ended like this is attempted again,
// and how long to wait before.
func (r Retry) Next(attempts int, res Result) (time.Duration, bool) {
	code := ""
	if res.Exit != nil {
		code = strconv.Itoa(*res.Exit)
	}
	if attempts > r.Max || !slices.Contains(r.On, string(res.Outcome)) && (res.Outcome != Failed || !slices.Contains(r.On, code)) {
		return 0, false
	}
	// In floating point, which does not overflow where a Duration would.
	delay := float64(r.Delay)
	for range attempts - 1 {
		if delay *= r.Factor; delay >= float64(r.MaxDelay) {
			break
		}
	}
	return time.Duration(min(delay, float64(r.MaxDelay))), true
}
