package units

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Calendar is a calendar expression: the values of each field.
type Calendar struct {
	Weekdays []int // 0 is Monday; nil: any
	Years    []int // nil: any
	Months   []int // nil: any
	Days     []int // 1 to 31, or -1, the last, to -31; nil: any
	Hours    []int
	Minutes  []int
	Seconds  []int
	Zone     string // "": the zone of the machine
}

var shorthands = map[string]string{
	"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00",
	"monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00", "semiannually": "*-01,07-01 00:00:00",
	"semi-annually": "*-01,07-01 00:00:00", "biannually": "*-01,07-01 00:00:00", "bi-annually": "*-01,07-01 00:00:00",
	"yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00", "anually": "*-01-01 00:00:00",
}

var weekdayNames = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// ParseCalendar reads an expression such as "Mon..Fri *-*-1..7 9,17:00".
func ParseCalendar(text string) (*Calendar, error) {
	if len(text) > 1024 {
		return nil, fmt.Errorf("a calendar expression of %d bytes is too long", len(text))
	}
	wrong := fmt.Errorf("%q is not a known calendar expression", text)
	c := &Calendar{}
	words := strings.Fields(text)
	if n := len(words); n > 1 && isZone(words[n-1]) {
		c.Zone, words = words[n-1], words[:n-1]
	}
	if len(words) == 1 {
		if long, known := shorthands[strings.ToLower(words[0])]; known {
			words = strings.Fields(long)
		}
	}
	if len(words) > 0 && isLetter(words[0][0]) {
		ok := false
		if c.Weekdays, ok = weekdaysOf(words[0]); !ok {
			return nil, wrong
		}
		words = words[1:]
	}
	date, clock := "", ""
	for _, w := range words {
		switch {
		case strings.Contains(w, ":") && clock == "":
			clock = w
		case !strings.Contains(w, ":") && date == "" && clock == "":
			date = w
		default:
			return nil, wrong
		}
	}
	if date == "" && clock == "" && c.Weekdays == nil {
		return nil, wrong
	}
	if !c.date(date) || !c.clock(clock) {
		return nil, wrong
	}
	return c, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isZone reports whether the last word can be a time zone: all other words with letters
// come first.
func isZone(word string) bool {
	return word == "UTC" || strings.Contains(word, "/") && isLetter(word[0]) && !strings.Contains(word, ":")
}

func weekdaysOf(text string) (days []int, ok bool) {
	index := func(name string) int {
		name = strings.ToLower(name)
		return slices.IndexFunc(weekdayNames, func(n string) bool { return name == n || name == n[:3] })
	}
	set := map[int]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		first, last, ranged := strings.Cut(part, "..")
		if !ranged {
			first, last, ranged = strings.Cut(part, "-")
		}
		a := index(first)
		b := a
		if ranged {
			b = index(last)
		}
		if a < 0 || b < a {
			return nil, false
		}
		for ; a <= b; a++ {
			set[a] = true
		}
	}
	if len(set) == 7 {
		return nil, true
	}
	return sorted(set), true
}

func sorted(set map[int]bool) []int {
	list := make([]int, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func (c *Calendar) date(text string) bool {
	if text == "" {
		return true
	}
	fromEnd := false
	if head, tail, found := strings.Cut(text, "~"); found {
		fromEnd = true
		text = head + "-" + tail
	}
	parts := strings.Split(text, "-")
	if len(parts) == 2 {
		parts = append([]string{"*"}, parts...)
	}
	if len(parts) != 3 {
		return false
	}
	var ok [3]bool
	c.Years, ok[0] = component(parts[0], 1970, 2199)
	c.Months, ok[1] = component(parts[1], 1, 12)
	if fromEnd {
		c.Days, ok[2] = fromTheEnd(parts[2])
	} else {
		c.Days, ok[2] = component(parts[2], 1, 31)
	}
	return ok[0] && ok[1] && ok[2]
}

// fromTheEnd reads days counted back from the last of the month; a step counts towards
// the last.
func fromTheEnd(text string) (days []int, ok bool) {
	set := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		body, step, stepped := strings.Cut(part, "/")
		first, last, ranged := strings.Cut(body, "..")
		a, ok := number(first, 1, 31)
		if !ok {
			return nil, false
		}
		b, by := a, 1
		if ranged {
			if b, ok = number(last, 1, 31); !ok {
				return nil, false
			}
			a, b = max(a, b), min(a, b)
		}
		if stepped {
			if by, ok = number(step, 1, 31); !ok {
				return nil, false
			}
			if !ranged {
				b = 1
			}
		}
		for ; a >= b; a -= by {
			set[-a] = true
		}
	}
	return sorted(set), true
}

func (c *Calendar) clock(text string) bool {
	c.Hours, c.Minutes, c.Seconds = []int{0}, []int{0}, []int{0}
	if text == "" {
		return true
	}
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return false
	}
	for i, to := range []*[]int{&c.Hours, &c.Minutes, &c.Seconds} {
		if i >= len(parts) {
			break
		}
		most := 59
		if i == 0 {
			most = 23
		}
		list, ok := component(strings.TrimSuffix(parts[i], ".000000"), 0, most)
		if !ok {
			return false
		}
		if list == nil {
			for n := range most + 1 {
				list = append(list, n)
			}
		}
		*to = list
	}
	return true
}

// component reads a field; nil: all values.
func component(text string, low, high int) (list []int, ok bool) {
	if text == "*" {
		return nil, true
	}
	set := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		body, step, stepped := strings.Cut(part, "/")
		first, last, ranged := strings.Cut(body, "..")
		a, ok := number(first, low, high)
		if !ok {
			return nil, false
		}
		b, by := a, 1
		if ranged {
			if b, ok = number(last, low, high); !ok || b < a {
				return nil, false
			}
		}
		if stepped {
			if by, ok = number(step, 1, 10_000); !ok {
				return nil, false
			}
			if !ranged {
				b = high
			}
		}
		for ; a <= b; a += by {
			set[a] = true
		}
	}
	return sorted(set), true
}

func number(text string, low, high int) (int, bool) {
	n, err := strconv.Atoi(text)
	if low == 1970 && err == nil && len(text) <= 2 { // a year of two digits
		if n += 1900; n < 1970 {
			n += 100
		}
	}
	return n, err == nil && low <= n && n <= high && len(text) <= 5 && text[0] != '+' && text[0] != '-'
}
