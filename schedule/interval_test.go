package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestFrom(t *testing.T) {
	seen := time.Date(2026, 11, 20, 10, 0, 0, 1, time.UTC) // a nanosecond late
	for _, c := range []struct {
		text        string
		first, then string
	}{
		{"interval 10s", "10:00:11", "10:00:21"},
		{"@every 10s", "10:00:11", "10:00:21"},
		{"interval 10s initial_delay 0s", "10:00:01", "10:00:11"},
		{"interval 10s initial_delay 3s", "10:00:04", "10:00:14"},
		{"interval 10s starts 2026-11-20T10:30:00Z", "10:30:00", "10:30:10"},
		{"interval 1h starts 2026-11-20T09:30:00Z", "10:30:00", "11:30:00"},
		{"at 12:00, 13:00", "12:00:00", "13:00:00"},
	} {
		s := mustParse(c.text, time.UTC).From(seen)
		first := s.Next(seen)
		then := s.Next(first)
		if first.Format(time.TimeOnly) != c.first || then.Format(time.TimeOnly) != c.then {
			t.Errorf("%s: slots %v, %v, want %s, %s", c.text, first, then, c.first, c.then)
		}
		if later := s.From(seen.Add(time.Hour)).Next(seen); !later.Equal(first) {
			t.Errorf("%s: bound a second time, the first slot is %v, want %v", c.text, later, first)
		}
		if !same(s, mustParse(c.text, time.UTC)) || s.String() != mustParse(c.text, time.UTC).String() {
			t.Errorf("%s: From changes what it is", c.text)
		}
	}
}

// For an instant before it was first seen, an interval starts when it was first seen,
// too.
func TestIntervalBeforeFirstSight(t *testing.T) {
	seen := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	s := mustParse("interval 10s initial_delay 0s", time.UTC).From(seen)
	if got := s.Next(seen.Add(-time.Hour)); !got.Equal(seen) {
		t.Errorf("the first slot is %v, want %v", got, seen)
	}
}

// An interval with weekday, between and except has the slots that are left when every
// one of its slots is looked at in turn.
func TestLimitedInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"}
	refused := 0
	for range 1500 {
		zone := refereeZone(t, zones[r.IntN(len(zones))])
		every := 600 + r.Int64N(100_000)
		if r.IntN(2) == 0 {
			every -= every % 1800
			every = max(every, 1800)
		}
		open, shut := fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)), fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60))
		if open == shut {
			continue
		}
		dates := several(r, 3, ", ", func() string { return randomExcept(r) })
		text := fmt.Sprintf("interval %s between %s-%s except %s", secondsText(every), open, shut, dates)
		on := "mon-sun"
		if r.IntN(2) == 0 {
			on = several(r, 2, ", ", func() string { return weekdays[r.IntN(7)] })
			text += " weekday " + on
		}
		onDays := union(strings.ReplaceAll(strings.ToUpper(on), " ", ""), 0, 6, refereeWeekdays)
		fits := func(at int64) bool {
			now := read(time.Unix(at, 0).In(zone))
			return onDays[now.weekday] && inside(now, open, shut) && !excepted(now, dates)
		}
		seen := year(2024) + r.Int64N(2*365*86400)
		s, faults := ParseExpr(text, zone)
		if faults != nil {
			if refused++; !strings.Contains(faults[0].Msg, "never fires") {
				t.Errorf("%s: %v", text, faults)
			}
			for at := seen; at < seen+366*86400; at += 6 * 3600 {
				if now := read(time.Unix(at, 0).In(zone)); onDays[now.weekday] && !excepted(now, dates) {
					t.Fatalf("%s: %v, but %v would do", text, faults, time.Unix(at, 0).In(zone))
				}
			}
			continue
		}
		s = s.From(time.Unix(seen, 0))
		at := time.Unix(seen, 0)
		slot := seen + every
		for range 5 {
			for limit := slot + 400*86400; slot < limit; slot += every {
				if fits(slot) {
					break
				}
			}
			got := s.Next(at)
			if (got.IsZero() || got.Unix() > slot) && !fits(slot) {
				break // none within 400 days
			}
			if got.Unix() != slot {
				t.Fatalf("%s in %s, seen %v: after %v got %v, want %v", text, zone, time.Unix(seen, 0).In(zone), at.In(zone), got.In(zone), time.Unix(slot, 0).In(zone))
			}
			at, slot = got, slot+every
		}
	}
	if refused > 100 {
		t.Errorf("%d of 1500 are refused", refused)
	}
}

func TestFirstMultiple(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		m := 1 + r.Int64N(200)
		a, lo := r.Int64N(1000), r.Int64N(m)
		hi := lo + r.Int64N(m-lo)
		want := int64(-1)
		for k := range m {
			if n := k * a % m; lo <= n && n <= hi {
				want = k
				break
			}
		}
		if got := firstMultiple(a, m, lo, hi); got != want {
			t.Fatalf("firstMultiple(%d, %d, %d, %d) = %d, want %d", a, m, lo, hi, got, want)
		}
	}
}

func TestRestartFrom(t *testing.T) {
	end := time.Date(2026, 11, 20, 10, 0, 7, 1, time.UTC)
	for text, want := range map[string]string{
		"interval 1h anchor finish":                  "11:00:08",
		"interval 1h initial_delay 0s anchor finish": "11:00:08",
		"interval 1h":   "10:30:00",
		"at 12:00":      "12:00:00",
		"@every 30m":    "10:30:00",
		"*/20 * * * *":  "10:20:00",
		"0 0 11 * * *":  "11:00:00",
		"at 10:00:08":   "10:00:08",
		"interval 45m":  "10:15:00",
		"interval 150m": "12:00:00",
	} {
		s := mustParse(text, time.UTC).From(time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)).RestartFrom(end)
		if got := s.Next(end).Format(time.TimeOnly); got != want {
			t.Errorf("%s: after a run that ends at 10:00:07 comes %s, want %s", text, got, want)
		}
	}
}
