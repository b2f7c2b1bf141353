package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// text writes the builder in canonical form.
func (d *builder) text() string {
	var b strings.Builder
	for _, k := range keywords {
		text := k.text(d)
		if text == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(k.name)
		b.WriteByte(' ')
		b.WriteString(text)
	}
	return strings.TrimPrefix(b.String(), "cron ") // such a line speaks for itself
}

func (d *builder) weekdayText() string {
	return strings.Join(rangesOf(rotate(d.weekdays), 1, weekdays), ", ")
}

func (d *builder) monthdayText() string { return strings.Join(monthdayItems(d.monthdays), ", ") }

func (d *builder) monthText() string { return strings.Join(rangesOf(d.months, 1, months), ", ") }

func (d *builder) atText() string { return strings.Join(timeItems(d.at), ", ") }

func (d *builder) jitterText() string {
	if d.jitter == 0 {
		return ""
	}
	return FormatDuration(d.jitter)
}

func (d *builder) eachRunText() string {
	if d.eachRun && d.jitter > 0 {
		return "true"
	}
	return ""
}

func (d *builder) betweenText() string {
	if d.window == wholeDay {
		return ""
	}
	return d.window.text()
}

func (d *builder) exceptText() string {
	if d.except == nil {
		return ""
	}
	return strings.Join(d.except.items(), ", ")
}

// text is the window as between takes it.
func (w window) text() string { return timeText(w.open) + "-" + timeText(w.shut%day) }

func secondsText(n int64) string { return FormatDuration(time.Duration(n) * time.Second) }

// rotate moves Sunday from bit 0 to bit 7.
func rotate(week uint8) uint64 { return uint64(week&^1) | uint64(week&1)<<7 }

// rangesOf names the members of a set, three or more in a row as a range.
func rangesOf(set uint64, base int, names []string) (items []string) {
	name := func(i int) string {
		if names == nil {
			return fmt.Sprint(i)
		}
		return names[i-base]
	}
	for i := from(set, 0); i >= 0; {
		end := i + bits.TrailingZeros64(^(set >> i)) - 1
		switch {
		case end-i >= 2:
			items = append(items, name(i)+"-"+name(end))
		default:
			for j := i; j <= end; j++ {
				items = append(items, name(j))
			}
		}
		i = from(set, end+1)
	}
	return items
}

func monthdayItems(s days) []string {
	items := rangesOf(uint64(s.dom), 1, nil)
	for n := 1; n <= 5; n++ {
		for w := range weekdays {
			if s.nth[n]>>((w+1)%7)&1 != 0 {
				items = append(items, ordinals[n-1]+" "+weekdays[w])
			}
		}
	}
	for w := range weekdays {
		if s.last>>((w+1)%7)&1 != 0 {
			items = append(items, "last "+weekdays[w])
		}
	}
	items = append(items, s.workdayItems()...)
	for n := 31; n >= 1; n-- {
		if s.back>>n&1 != 0 {
			items = append(items, fmt.Sprint(-n))
		}
	}
	if s.back>>1&1 != 0 {
		items[len(items)-1] = "last"
	}
	return items
}

func timeItems(list []int32) (items []string) {
	for _, s := range list {
		items = append(items, timeText(s))
	}
	return items
}
