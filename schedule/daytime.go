package schedule

import (
	"fmt"
	"slices"
	"strings"
)

func (d *builder) parseAt(v value) {
	if d.separated(v) {
		return
	}
	second, fault := timeOfDay(v, span{0, len(v.text)})
	if fault != nil {
		d.add(*fault)
		return
	}
	if i, found := slices.BinarySearch(d.at, second); !found {
		d.at = slices.Insert(d.at, i, second)
	}
}

func (d *builder) parseBetween(v value) {
	i := strings.IndexByte(v.text, '-')
	if i < 0 {
		d.add(v.whole(`write "08:00-18:00"`, "%q is not a range of times", v.text))
		return
	}
	open, fault := timeOfDay(v, span{0, i})
	shut, fault2 := timeOfDay(v, span{i + 1, len(v.text)})
	switch {
	case fault != nil || fault2 != nil:
		for _, f := range []*Fault{fault, fault2} {
			if f != nil {
				d.add(*f)
			}
		}
	case open == shut:
		d.add(v.whole("remove it for the whole day", "between %s is empty", v.text))
	case shut == 0:
		d.window = window{open, day}
	default:
		d.window = window{open, shut}
	}
}

// timeOfDay reads "HH:MM" or "HH:MM:SS" as a second of the day.
func timeOfDay(v value, at span) (int32, *Fault) {
	text := v.text[at.start:at.end]
	shape := len(text) == 5 || len(text) == 8
	for i := range len(text) {
		shape = shape && (i%3 == 2) == (text[i] == ':') && (i%3 == 2 || isDigit(text[i]))
	}
	if !shape {
		hint := `write "HH:MM" or "HH:MM:SS", such as "08:00"`
		if near := suggestTime(text); near != "" {
			hint = fmt.Sprintf("write %q", near)
		}
		f := v.fault(at.start, at.end, hint, "%q is not a time of day", text)
		return 0, &f
	}
	var parts [3]int
	for i, limit := range []int{23, 59, 59}[:(len(text)+1)/3] {
		if parts[i] = atoi(text[i*3 : i*3+2]); parts[i] > limit {
			hint := "the day ends at 23:59:59"
			if parts[0] == 24 {
				hint = `midnight is "00:00"`
			}
			f := v.fault(at.start+i*3, at.start+i*3+2, hint, "%s %d is out of range 0-%d", cronFields[hour-i].name, parts[i], limit)
			return 0, &f
		}
	}
	return clock(parts[0], parts[1], parts[2]), nil
}

// timeText is the inverse of timeOfDay.
func timeText(s int32) string {
	if s%60 != 0 {
		return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/3600, s/60%60)
}
