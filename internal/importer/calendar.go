package importer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rota/internal/units"
)

// mostAt is how many times of day a list may have that no cron line can express.
const mostAt = 96

var isoDays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// calendarTriggers converts a calendar expression to triggers: mostly one.
func calendarTriggers(c *units.Calendar) ([][]pair, error) {
	zone := []pair(nil)
	if c.Zone != "" {
		zone = []pair{{"timezone", str(c.Zone)}}
	}
	times := len(c.Hours) * len(c.Minutes) * len(c.Seconds)
	if len(c.Years) == 1 && len(c.Months) == 1 && len(c.Days) == 1 && c.Days[0] > 0 && c.Weekdays == nil && times == 1 {
		at := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", c.Years[0], c.Months[0], c.Days[0], c.Hours[0], c.Minutes[0], c.Seconds[0])
		return [][]pair{append([]pair{{"once", at}}, zone...)}, nil
	}
	keys, err := calendarKeys(c, times)
	if err != nil {
		return nil, err
	}
	keys = append(keys, zone...)
	if c.Years == nil {
		return [][]pair{keys}, nil
	}
	var all [][]pair
	for i := 0; i < len(c.Years); {
		j := i
		for j+1 < len(c.Years) && c.Years[j+1] == c.Years[j]+1 {
			j++
		}
		one := slices.Clone(keys)
		if c.Years[i] > 1970 {
			one = append(one, pair{"starts", str(fmt.Sprintf("%d-01-01", c.Years[i]))})
		}
		if c.Years[j] < 2199 {
			one = append(one, pair{"ends", str(fmt.Sprintf("%d-01-01", c.Years[j]+1))})
		}
		all = append(all, one)
		i = j + 1
	}
	if len(all) > 20 {
		return nil, errors.New("it names too many years")
	}
	return all, nil
}

func calendarKeys(c *units.Calendar, times int) ([]pair, error) {
	fromEnd := slices.ContainsFunc(c.Days, func(d int) bool { return d < 0 })
	if both := c.Weekdays != nil && c.Days != nil; times > mostTimes && !both && !fromEnd {
		return []pair{{"cron", str(cronOf(c))}}, nil
	}
	if times > mostAt {
		return nil, errors.New("it has too many times of day on days that no cron line can name")
	}
	var keys []pair
	if c.Weekdays != nil {
		keys = append(keys, pair{"weekday", list(runs(c.Weekdays, func(n int) string { return isoDays[n] }))})
	}
	if c.Days != nil {
		keys = append(keys, pair{"monthday", values(monthdays(c.Days))})
	}
	if c.Months != nil {
		keys = append(keys, pair{"month", values(runs(c.Months, strconv.Itoa))})
	}
	var at []string
	for _, h := range c.Hours {
		for _, m := range c.Minutes {
			for _, s := range c.Seconds {
				text := fmt.Sprintf("%02d:%02d", h, m)
				if s > 0 {
					text += fmt.Sprintf(":%02d", s)
				}
				at = append(at, text)
			}
		}
	}
	return append(keys, pair{"at", list(at)}), nil
}

func monthdays(days []int) (items []string) {
	var before, after []int
	for _, d := range days {
		if d < 0 {
			before = append(before, d)
		} else {
			after = append(after, d)
		}
	}
	for _, d := range before {
		if d == -1 && len(before) == 1 {
			items = append(items, "last")
		} else {
			items = append(items, strconv.Itoa(d))
		}
	}
	return append(items, runs(after, strconv.Itoa)...)
}

// runs returns values and, for three or more in a row, ranges.
func runs(list []int, name func(int) string) (items []string) {
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if j-i < 2 {
			items = append(items, name(list[i]))
			i++
			continue
		}
		items = append(items, name(list[i])+"-"+name(list[j]))
		i = j + 1
	}
	return items
}

// cronOf returns a cron line for fields that do not have both weekday and day.
func cronOf(c *units.Calendar) string {
	var fields []string
	if !slices.Equal(c.Seconds, []int{0}) {
		fields = append(fields, cronField(c.Seconds, 0, 59))
	}
	week := "*"
	if c.Weekdays != nil {
		week = strings.Join(runs(c.Weekdays, func(n int) string { return isoDays[n] }), ",")
	}
	return strings.Join(append(fields, cronField(c.Minutes, 0, 59), cronField(c.Hours, 0, 23), cronField(c.Days, 1, 31), cronField(c.Months, 1, 12), week), " ")
}

// cronField returns a field with the values; nil: all.
func cronField(list []int, low, high int) string {
	if list == nil || len(list) == high-low+1 {
		return "*"
	}
	if n := len(list); n > 2 {
		step := list[1] - list[0]
		even := !slices.ContainsFunc(list[1:], func(v int) bool { return (v-list[0])%step != 0 }) && list[n-1] == list[0]+(n-1)*step && list[n-1]+step > high
		switch {
		case !even || step == 1:
		case list[0] == low:
			return fmt.Sprintf("*/%d", step)
		default:
			return fmt.Sprintf("%d/%d", list[0], step)
		}
	}
	return strings.Join(runs(list, strconv.Itoa), ",")
}
