package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

type randomVerdict int

const (
	agreed randomVerdict = iota
	beyondLimit
	refusedTrigger
)

// TestRandom tries some of the triggers of TestExhaustiveRandom, and looks less
// far.
func TestRandom(t *testing.T) {
	found := 0
	for n := range uint64(120) {
		if judgeRandom(t, n, 90*86400) == agreed {
			found++
		}
	}
	if found < 60 {
		t.Errorf("only %d of 120 triggers had a slot to compare", found)
	}
}

// judgeRandom holds Next against the referee for the n-th random trigger, in a
// random zone, from a random instant on; every other one is close to a change
// of the clock. It looks for a slot as far as the given number of seconds.
func judgeRandom(t testing.TB, n uint64, far int64) randomVerdict {
	r := rand.New(rand.NewPCG(n, 42))
	names := refereeZoneNames()
	zone := refereeZone(t, names[r.IntN(len(names))])
	after := year(1973) + r.Int64N(year(2100)-year(1973)) // with offsets of whole minutes
	if n%2 == 0 {
		begin := year(2000) + r.Int64N(30*365*86400)
		if near := changes(zone, begin, begin+2*365*86400, 86400); len(near) > 0 {
			after = near[0] - 4*3600 + r.Int64N(6*3600)
		}
	}
	text := randomTrigger(r)
	s, faults := ParseExpr(text, zone)
	if faults != nil {
		if !strings.Contains(faults[0].Msg, "never fires") && !strings.Contains(faults[0].Msg, "no time of the day") {
			t.Errorf("%s: %v", text, faults)
		}
		return refusedTrigger
	}
	got := s.Next(time.Unix(after, 0))
	want, found := refereeTrigger(text).first(t, zone, after, after+far)
	if found && got.Unix() != want || !found && !got.IsZero() && got.Unix() < after+far {
		t.Errorf("%s in %s after %v: got %v, want %v", text, zone, time.Unix(after, 0).In(zone), got.In(zone), time.Unix(want, 0).In(zone))
	}
	if !found {
		return beyondLimit
	}
	return agreed
}

// first walks the clock to the first slot after an instant.
func (v *verdict) first(t testing.TB, zone *time.Location, after, limit int64) (int64, bool) {
	const chunk = 6 * 3600
	step := int64(60)
	if v.seconds {
		step = 1
	}
	date := func(at int64) bool { return v.date(read(time.Unix(at, 0).In(zone))) }
	at := after/step*step + step
	for here, there := date(at), false; at < limit; at, here = at+chunk, there {
		if there = date(at + chunk); !here && !there {
			continue // then nothing in between does either
		}
		for _, k := range walk(t, zone, at, at+chunk, step) {
			if v.slot(&k) {
				return k.at, k.at < limit
			}
		}
	}
	return 0, false
}

// randomTrigger writes a trigger that the grammar admits; it may never fire.
func randomTrigger(r *rand.Rand) string {
	var text string
	fixed := false
	switch r.IntN(4) {
	case 0:
		text, fixed = randomFixed(r), true
	case 1:
		text = randomField(r, 0, 59, nil) + " " + randomCron(r)
	default:
		text = randomCron(r)
	}
	if r.IntN(6) == 0 {
		text += fmt.Sprintf(" between %02d:%02d-%02d:%02d", r.IntN(24), r.IntN(30), r.IntN(24), 30+r.IntN(30))
	}
	if r.IntN(6) == 0 {
		text += " except " + several(r, 4, ", ", func() string { return randomExcept(r) })
		if r.IntN(2) == 0 {
			text += pick(r, " on_except next", " on_except previous")
		}
	}
	if r.IntN(4) == 0 && fixed {
		text += fmt.Sprintf(" every %d starts %d-%02d-%02d", 2+r.IntN(6), 1960+r.IntN(12), 1+r.IntN(12), 1+r.IntN(28))
	}
	return text
}

// randomExcept writes a date, a range of dates, or weekdays.
func randomExcept(r *rand.Rand) string {
	date := func() string { return fmt.Sprintf("%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)) }
	year := 1990 + r.IntN(60)
	switch r.IntN(5) {
	case 0:
		return date()
	case 1:
		return date() + ".." + date()
	case 2:
		a := weekdays[r.IntN(7)]
		return pick(r, a, a+"-"+weekdays[r.IntN(7)])
	case 3:
		return fmt.Sprintf("%d-%s..%d-%s", year, date(), year+1+r.IntN(3), date())
	}
	return fmt.Sprintf("%d-%s", year, date())
}

func pick(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

func several(r *rand.Rand, most int, sep string, one func() string) string {
	items := []string{one()}
	for len(items) < most && r.IntN(3) == 0 {
		items = append(items, one())
	}
	return strings.Join(items, sep)
}

func randomField(r *rand.Rand, low, high int, names []string) string {
	value := func() int { return low + r.IntN(high-low+1) }
	name := func(n int) string {
		if names != nil && r.IntN(2) == 0 {
			return names[(n-low)%len(names)]
		}
		return fmt.Sprintf(pick(r, "%d", "%02d"), n)
	}
	if r.IntN(3) == 0 {
		return pick(r, "*", "*", fmt.Sprintf("*/%d", 1+r.IntN(min(high-low, 30))))
	}
	return several(r, 4, ",", func() string {
		a, b := value(), value()
		if names == nil && b < a {
			a, b = b, a
		}
		step := 1 + r.IntN(min(high-low, 12))
		switch r.IntN(6) {
		case 0:
			return name(a) + "-" + name(b)
		case 1:
			return fmt.Sprintf("%s-%s/%d", name(a), name(b), step)
		case 2:
			return fmt.Sprintf("%s/%d", name(a), step)
		}
		return name(a)
	})
}

func randomCron(r *rand.Rand) string {
	dom, dow := randomField(r, 1, 31, nil), randomField(r, 0, 7, weekdayNames)
	if r.IntN(4) == 0 {
		dom = several(r, 3, ",", func() string {
			return pick(r, "L", "LW", fmt.Sprintf("%dW", 1+r.IntN(31)), fmt.Sprint(1+r.IntN(31)))
		})
	}
	if r.IntN(4) == 0 {
		dow = several(r, 3, ",", func() string {
			day := pick(r, append(weekdayNames, "0", "3", "7")...)
			return pick(r, day+"L", fmt.Sprintf("%s#%d", day, 1+r.IntN(5)), day)
		})
	}
	if r.IntN(3) == 0 {
		dom = pick(r, "*", "?", dom)
	}
	if r.IntN(3) == 0 {
		dow = pick(r, "*", "?", dow)
	}
	return strings.Join([]string{
		randomField(r, 0, 59, nil), randomField(r, 0, 23, nil), dom, randomField(r, 1, 12, monthNames), dow,
	}, " ")
}

func randomFixed(r *rand.Rand) string {
	var text string
	if r.IntN(2) == 0 {
		text += "weekday " + several(r, 3, ", ", func() string {
			a := weekdays[r.IntN(7)]
			return pick(r, a, a+"-"+weekdays[r.IntN(7)], fmt.Sprint(1+r.IntN(7)))
		}) + " "
	}
	if r.IntN(2) == 0 {
		text += "monthday " + several(r, 3, ", ", func() string {
			n := 1 + r.IntN(31)
			return pick(r, fmt.Sprint(n), fmt.Sprint(-n), "last", ordinal(1+r.IntN(23))+" workday", pick(r, "first", "last")+" workday", "last "+weekdays[r.IntN(7)],
				ordinals[r.IntN(6)]+" "+weekdays[r.IntN(7)], fmt.Sprintf("%d-%d", n, n+r.IntN(32-n)))
		}) + " "
	}
	if r.IntN(3) == 0 {
		text += "month " + several(r, 3, ", ", func() string {
			a := months[r.IntN(12)]
			return pick(r, a, a+"-"+months[r.IntN(12)], fmt.Sprint(1+r.IntN(12)))
		}) + " "
	}
	return text + "at " + several(r, 4, ", ", func() string {
		clock := fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60))
		return pick(r, clock, clock, clock, fmt.Sprintf("%s:%02d", clock, r.IntN(60)))
	})
}
