package schedule

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// term is a number and a unit as people write them: "5 minutes", "1.5 h".
var term = regexp.MustCompile(`^[\s,]*(?:and\s+)?([0-9]{1,9})(?:[.,]([0-9]{1,6}))?\s*([a-z]+)`)

// unitNames are other names of the units, by their own.
var unitNames = map[byte][]string{
	'w': {"wk", "week"},
	'd': {"day"},
	'h': {"hr", "hour"},
	'm': {"min", "minute"},
	's': {"sec", "second"},
}

// suggestDuration returns the valid duration that the text most likely
// stands for; "" if that is not clear.
func suggestDuration(text string) string {
	var sum time.Duration
	var plain strings.Builder // the numbers as they stand
	decimals := false
	rest := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "every ")
	for rest != "" {
		m := term.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		u := slices.IndexFunc(units, func(u unit) bool {
			name := strings.TrimSuffix(m[3], "s")
			return m[3] == string(u.name) || slices.Contains(unitNames[u.name], name)
		})
		if u < 0 {
			return ""
		}
		length, ok := scaled(m[1], m[2], units[u].size)
		if sum += length; !ok || sum > maxDuration {
			return ""
		}
		plain.WriteString(m[1] + string(units[u].name))
		decimals = decimals || m[2] != ""
		rest = rest[len(m[0]):]
	}
	if _, fault := strictDuration(plain.String()); fault == nil && !decimals {
		return plain.String()
	}
	if sum == 0 {
		return ""
	}
	return FormatDuration(sum)
}

// scaled returns a number, which may have decimals, times a unit; false if that
// is more than any duration or no number of whole seconds.
func scaled(whole, decimals string, unit time.Duration) (time.Duration, bool) {
	n, _ := strconv.ParseInt(whole, 10, 64) // at most nine digits
	if n > int64(maxDuration/unit) {
		return 0, false
	}
	f, _ := strconv.ParseInt("0"+decimals, 10, 64) // at most six
	scale := int64(1)
	for range decimals {
		scale *= 10
	}
	seconds := f * int64(unit/time.Second)
	return time.Duration(n)*unit + time.Duration(seconds/scale)*time.Second, seconds%scale == 0
}
