package schedule

import (
	"fmt"
	"strings"
	"time"
)

// unit is a unit of durations.
type unit struct {
	name byte
	size time.Duration
}

// units are the units of a duration, largest first.
var units = []unit{
	{'w', 7 * 24 * time.Hour},
	{'d', 24 * time.Hour},
	{'h', time.Hour},
	{'m', time.Minute},
	{'s', time.Second},
}

// Duration reads a duration such as "90s", "15m", "1h30m", "1.5h", "2d" or "1w":
// numbers, each with its unit, larger units first. A day is 24 hours. The sum
// is a whole number of seconds, so that "2000ms" is one and "0.5s" is none. A
// bare number is an error that says so. The error is a [Fault].
func Duration(text string) (time.Duration, error) {
	d, fault := duration(text)
	if fault != nil {
		return 0, *fault
	}
	return d, nil
}

func duration(text string) (time.Duration, *Fault) {
	length, fault := strictDuration(text)
	if fault != nil {
		if near := suggestDuration(text); near != "" {
			fault.Hint = fmt.Sprintf("write %q", near)
		}
	}
	return length, fault
}

func strictDuration(text string) (time.Duration, *Fault) {
	const usual = `write a duration as "90s", "15m", "1h30m", "2d" or "1w"`
	if text == "" {
		return 0, &Fault{Msg: "empty duration", Hint: usual}
	}
	var sum time.Duration
	exact := true
	unit := 0 // the largest that may still come
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		if i == start {
			hint := usual
			switch text[i] {
			case '-':
				hint = "durations are not negative"
			case '.', ',':
				hint = `write a fraction as "1.5h"`
			}
			return 0, &Fault{Start: i, End: i + 1, Msg: fmt.Sprintf("%q is not a duration", text), Hint: hint}
		}
		whole, decimals := text[start:i], ""
		if i+1 < len(text) && text[i] == '.' && isDigit(text[i+1]) {
			point := i
			for i++; i < len(text) && isDigit(text[i]); i++ {
			}
			decimals = text[point+1 : i]
		}
		if i == len(text) {
			hint := fmt.Sprintf("write %q", text+"s")
			if start > 0 || decimals != "" {
				hint = usual
			}
			return 0, &Fault{Start: start, End: i, Msg: fmt.Sprintf("duration %q has no unit", text), Hint: hint}
		}
		end := i
		for i < len(text) && isLetter(text[i]) {
			i++
		}
		u, size := unitOf(text[end:i])
		switch {
		case end == i:
			continue // no letter: the next round complains
		case u < 0:
			return 0, &Fault{Start: end, End: i, Msg: fmt.Sprintf("unknown unit %q", text[end:i]), Hint: "the units are w, d, h, m, s and ms"}
		case u < unit:
			return 0, &Fault{Start: start, End: i, Msg: fmt.Sprintf("%q is out of order", text[start:i]), Hint: `each unit once, the larger first: "1h30m"`}
		}
		length, all := inUnit(whole, decimals, size)
		if sum += length; length < 0 || sum > maxDuration {
			return 0, &Fault{Start: start, End: i, Msg: fmt.Sprintf("%q is too long", text), Hint: "the maximum is 100 years"}
		}
		exact = exact && all
		unit = u + 1
	}
	if rest := sum % time.Second; rest > 0 || !exact {
		return 0, &Fault{End: len(text), Msg: fmt.Sprintf("%q is not a whole number of seconds", text), Hint: fmt.Sprintf("write %q", FormatDuration(sum-rest+time.Second))}
	}
	return sum, nil
}

// inUnit returns a number, which may have decimals, times a unit, truncated to
// milliseconds, and whether that is exact. A negative length means that it is too long.
func inUnit(whole, decimals string, unit time.Duration) (length time.Duration, exact bool) {
	n := time.Duration(0)
	for _, c := range whole {
		if n = n*10 + time.Duration(c-'0'); n > maxDuration/unit {
			return -1, false
		}
	}
	decimals = strings.TrimRight(decimals, "0")
	exact = len(decimals) <= 9
	f, scale := int64(0), int64(1)
	for _, c := range decimals[:min(9, len(decimals))] {
		f, scale = f*10+int64(c-'0'), scale*10
	}
	f *= int64(unit / time.Millisecond) // at most 604,800,000 times a billion
	return n*unit + time.Duration(f/scale)*time.Millisecond, exact && f%scale == 0
}

const maxDuration = 36525 * 24 * time.Hour

// unitOf returns the index of the unit with a name in units, and its length; -1 if none
// has the name.
func unitOf(name string) (int, time.Duration) {
	for i, u := range units {
		if name == string(u.name) {
			return i, u.size
		}
	}
	if name == "ms" {
		return len(units), time.Millisecond
	}
	return -1, 0
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// FormatDuration writes a duration as [Duration] reads it: "1h30m", "2d",
// "1w". What is less than a second is a fraction ("0.25s"), which is for
// reading only.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	if d < 0 {
		b.WriteByte('-')
		d = -d
	}
	for i, u := range units {
		if i == 0 && d%u.size != 0 {
			continue // weeks only if nothing remains
		}
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d", n)
			d -= n * u.size
			if u.size == time.Second && d > 0 {
				b.WriteString(strings.TrimRight(fmt.Sprintf(".%09d", d), "0"))
				d = 0
			}
			b.WriteByte(u.name)
		}
	}
	if d > 0 {
		b.WriteString("0" + strings.TrimRight(fmt.Sprintf(".%09d", d), "0") + "s")
	}
	return b.String()
}
