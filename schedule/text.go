package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// text writes the draft in canonical form.
func (d *draft) text() string {
	var b strings.Builder
	put := func(key, text string) {
		if text == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(key)
		b.WriteByte(' ')
		b.WriteString(text)
	}
	every := d.every + d.cron.every
	if every > 0 {
		put("interval", secondsText(every))
	}
	if d.delay >= 0 && d.delay != every {
		put("initial_delay", secondsText(d.delay))
	}
	if d.anchor == "finish" {
		put("anchor", d.anchor)
	}
	put("weekday", strings.Join(rangesOf(rotate(d.weekdays), 1, weekdays), ", "))
	put("monthday", strings.Join(monthdayItems(d.monthdays), ", "))
	put("month", strings.Join(rangesOf(d.months, 1, months), ", "))
	put("at", strings.Join(timeItems(d.at), ", "))
	put("cron", d.cron.text)
	put("once", d.moment.text)
	put("at_start", d.boot)
	if d.jitter > 0 {
		put("jitter", FormatDuration(d.jitter))
	}
	if d.window != wholeDay {
		put("between", timeText(d.window.open)+"-"+timeText(d.window.shut%day))
	}
	if d.except != nil {
		put("except", strings.Join(d.except.items(), ", "))
	}
	put("starts", d.starts.text)
	put("ends", d.ends.text)
	return strings.TrimPrefix(b.String(), "cron ") // such a line speaks for itself
}

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
