package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var spanUnits = map[string]time.Duration{
	"": time.Second, "us": time.Microsecond, "usec": time.Microsecond, "µs": time.Microsecond,
	"ms": time.Millisecond, "msec": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	"M": 2629800 * time.Second, "month": 2629800 * time.Second, "months": 2629800 * time.Second,
	"y": 31557600 * time.Second, "year": 31557600 * time.Second, "years": 31557600 * time.Second,
}

// mostSpan is a span that counts as endless for timers.
const mostSpan = 100 * 365 * 24 * time.Hour

// Span reads a time span, such as "1h 30min" or "90"; "infinity" is 0 and endless.
func Span(text string) (d time.Duration, endless bool, err error) {
	rest := strings.TrimSpace(text)
	if rest == "infinity" {
		return 0, true, nil
	}
	if rest == "" {
		return 0, false, fmt.Errorf("a time span is missing")
	}
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n < 0 {
			n = len(rest)
		}
		number, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false, fmt.Errorf("%q is not a time span", text)
		}
		rest = strings.TrimLeft(rest[n:], " \t")
		n = strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == ' ' || r == '\t' || r == '.' })
		if n < 0 {
			n = len(rest)
		}
		one, known := spanUnits[rest[:n]]
		if !known {
			return 0, false, fmt.Errorf("%q is not a time span", text)
		}
		rest = strings.TrimLeft(rest[n:], " \t")
		more := number * float64(one)
		if more > float64(mostSpan-d) {
			return 0, false, fmt.Errorf("%q is too long", text)
		}
		d += time.Duration(more)
	}
	return d, false, nil
}
