package command

import (
	"testing"
	"time"

	"rota/schedule"
)

func TestUntil(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "now",
		999 * time.Millisecond:        "now",
		time.Second:                   "in 1s",
		59999 * time.Millisecond:      "in 59s",
		time.Minute:                   "in 1m",
		252 * time.Second:             "in 4m 12s",
		2*time.Hour + 59*time.Second:  "in 2h",
		2*time.Hour + 3*time.Minute:   "in 2h 3m",
		24*time.Hour - time.Second:    "in 23h 59m",
		25*time.Hour + 59*time.Minute: "in 1d 1h",
		400 * 24 * time.Hour:          "in 400d",
	} {
		if got := inText(d); got != want {
			t.Errorf("until(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	berlin, err := schedule.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	relative := when{now: now, zone: berlin}
	absolute := when{now: now, zone: time.UTC, absolute: true}
	day := 24 * time.Hour
	for _, test := range []struct {
		at                       time.Duration // after now; before it if negative
		ago, till, concat, exact string
	}{
		{0, "just now", "now", "Sun 2026-11-22 13:00:00 CET, just now", "2026-11-22 12:00:00"},
		{-999 * time.Millisecond, "just now", "now", "Sun 2026-11-22 12:59:59 CET, just now", "2026-11-22 11:59:59"},
		{-time.Second, "1s ago", "now", "Sun 2026-11-22 12:59:59 CET, 1s ago", "2026-11-22 11:59:59"},
		{-123 * time.Minute, "2h 3m ago", "now", "Sun 2026-11-22 10:57:00 CET, 2h 3m ago", "2026-11-22 09:57:00"},
		{-14*day + time.Second, "13d 23h ago", "now", "Sun 2026-11-08 13:00:01 CET, 13d 23h ago", "2026-11-08 12:00:01"},
		{-14 * day, "2026-11-08", "now", "Sun 2026-11-08 13:00:00 CET", "2026-11-08 12:00:00"},
		{252 * time.Second, "2026-11-22 13:04:12", "in 4m 12s", "Sun 2026-11-22 13:04:12 CET, in 4m 12s", "2026-11-22 12:04:12"},
		{14*day - time.Second, "2026-12-06 12:59:59", "in 13d 23h", "Sun 2026-12-06 12:59:59 CET, in 13d 23h", "2026-12-06 11:59:59"},
		{14 * day, "2026-12-06 13:00:00", "2026-12-06", "Sun 2026-12-06 13:00:00 CET", "2026-12-06 12:00:00"},
	} {
		at := now.Add(test.at)
		for _, got := range []struct{ name, got, want string }{
			{"ago", relative.ago(at), test.ago},
			{"till", relative.till(at), test.till},
			{"both", relative.both(at), test.concat},
			{"ago, absolute", absolute.ago(at), test.exact},
			{"till, absolute", absolute.till(at), test.exact},
			{"both, absolute", absolute.both(at), fullTime(at)},
		} {
			if got.got != got.want {
				t.Errorf("%v from now, %s: %q, want %q", test.at, got.name, got.got, got.want)
			}
		}
	}
	for name, got := range map[string]string{"ago": relative.ago(time.Time{}), "till": relative.till(time.Time{}), "both": relative.both(time.Time{}), "full": absolute.full(time.Time{})} {
		if got != "-" {
			t.Errorf("%s never: %q, want a dash", name, got)
		}
	}
}

func TestBefore(t *testing.T) {
	berlin, err := schedule.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // 13:00 in Berlin
	for _, test := range []struct{ text, want string }{
		{"02:30", "2026-11-22T01:30:00Z"},
		{"13:00", "2026-11-22T12:00:00Z"}, // now is not too late
		{"13:01", "2026-11-21T12:01:00Z"},
		{"23:59:59", "2026-11-21T22:59:59Z"},
		{"3h", "2026-11-22T09:00:00Z"},
		{"7d", "2026-11-15T12:00:00Z"},
		{"2026-11-20", "2026-11-19T23:00:00Z"},
		{"2026-11-20 02:30", "2026-11-20T01:30:00Z"},
		{"2026-11-20T02:30:00Z", "2026-11-20T02:30:00Z"},
		{"2027-01-01", "2026-12-31T23:00:00Z"}, // the instant may be in the future
	} {
		got, err := before(test.text, now, berlin)
		if err != nil || got.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("%s is %s, %v, want %s", test.text, got.UTC().Format(time.RFC3339), err, test.want)
		}
	}
	// The day without a 02:30, and the one that has it twice.
	for _, test := range []struct{ now, want string }{
		{"2027-03-28T01:30:00Z", "2027-03-28T01:00:00Z"},
		{"2027-10-31T01:40:00Z", "2027-10-31T00:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := before("02:30", now, berlin); err != nil || got.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("02:30 at %s is %s, %v, want %s", test.now, got.UTC().Format(time.RFC3339), err, test.want)
		}
	}
	for _, text := range []string{"", "noon", "25:00", "yesterday", "-3h", "0001-01-01"} {
		if got, err := before(text, now, berlin); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func FuzzBefore(f *testing.F) {
	for _, seed := range []string{"2026-12-24T18:00:00Z", "2026-12-24 18:00", "18:00", "2h", "2026-12-24"} {
		f.Add(seed)
	}
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := before(text, now, time.UTC); err == nil && at.IsZero() {
			t.Errorf("%q is read as no time at all", text)
		}
	})
}
