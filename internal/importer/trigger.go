package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rota/internal/crontab"
)

// mostTimes is how many times of day are still easier to read than a cron line.
const mostTimes = 4

// triggers returns the keys for a schedule, as a person would write them.
func triggers(w *crontab.When) (keys []pair, why string) {
	if w.Boot {
		return []pair{{"at_start", str("boot")}}, ""
	}
	if keys = plainTimes(w); keys == nil {
		keys = []pair{{"cron", str(w.Cron())}}
	}
	switch n := len(w.Years); {
	case n == 1:
		keys = append(keys, bounds(w.Years[0])...)
	case n > 20:
		return nil, "it names too many years"
	case n > 1:
		var all []string
		for _, y := range w.Years {
			all = append(all, inline(append(slices.Clone(keys), bounds(y)...)))
		}
		keys = []pair{{"triggers", "[" + strings.Join(all, ", ") + "]"}}
	}
	return keys, ""
}

func bounds(y crontab.Years) []pair {
	var keys []pair
	if y.First > 1970 {
		keys = append(keys, pair{"starts", str(fmt.Sprintf("%d-01-01", y.First))})
	}
	return append(keys, pair{"ends", str(fmt.Sprintf("%d-01-01", y.Last+1))})
}

// plainTimes returns days and times of day; nil if a cron line is more readable.
func plainTimes(w *crontab.When) []pair {
	if w.Alias != "" || w.Second != nil {
		return nil
	}
	hours, ok := numbers(&w.Hour)
	minutes, ok2 := numbers(&w.Minute)
	if !ok || !ok2 || len(hours)*len(minutes) > mostTimes {
		return nil
	}
	var at []string
	for _, h := range hours {
		for _, m := range minutes {
			at = append(at, fmt.Sprintf("%02d:%02d", h, m))
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	dom, dow := w.Dom.Text(), w.Dow.Text()
	var keys []pair
	switch {
	case dom == "*" && dow == "*":
	case dom == "*":
		days, ok := w.Dow.Values()
		if !ok {
			return nil
		}
		keys = append(keys, pair{"weekday", weekdays(days)})
	case dow == "*":
		days, ok := w.Dom.Values()
		if dom == "L" {
			keys = append(keys, pair{"monthday", str("last")})
			break
		}
		if !ok {
			return nil
		}
		keys = append(keys, pair{"monthday", values(days)})
	default:
		return nil
	}
	if month := w.Month.Text(); month != "*" {
		months, ok := w.Month.Values()
		if !ok {
			return nil
		}
		keys = append(keys, pair{"month", values(months)})
	}
	return append(keys, pair{"at", list(at)})
}

// numbers returns the values of a field without ranges and steps.
func numbers(f *crontab.Field) (list []int, ok bool) {
	items, ok := f.Values()
	for _, item := range items {
		n, err := strconv.Atoi(item)
		if err != nil {
			return nil, false
		}
		list = append(list, n)
	}
	return list, ok
}

// weekdays returns days of the week by their names.
func weekdays(items []string) string {
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	var all []string
	for _, item := range items {
		var parts []string
		for _, part := range strings.Split(strings.ToLower(item), "-") {
			if n, err := strconv.Atoi(part); err == nil && n >= 0 && n <= 7 {
				part = names[n]
			}
			parts = append(parts, part)
		}
		if text := strings.Join(parts, "-"); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if i := slices.Index(items, "0-7"); i >= 0 {
		return str("mon-sun")
	}
	return list(all)
}

// values returns numbers as TOML numbers, and names and ranges as strings.
func values(items []string) string {
	var all []string
	for _, item := range items {
		if n, err := strconv.Atoi(item); err == nil {
			all = append(all, strconv.Itoa(n))
		} else {
			all = append(all, str(strings.ToLower(item)))
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// scheduleSlug returns a schedule as part of a name.
func scheduleSlug(keys []pair) string {
	var parts []string
	for _, p := range keys {
		switch p.key {
		case "cron":
			if text := strings.Trim(p.value, `"`); strings.HasPrefix(text, "@") {
				parts = append(parts, text[1:])
			}
		case "at":
			parts = append(parts, strings.ReplaceAll(p.value, ":", ""))
		case "weekday", "monthday", "month", "at_start":
			parts = append(parts, p.value)
		}
	}
	return slug(strings.Join(parts, "-"), 24)
}
