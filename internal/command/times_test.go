package command

import (
	"testing"
	"time"

	"rota/schedule"
)

func TestInstant(t *testing.T) {
	berlin, err := schedule.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC) // 13:00 in Berlin
	for _, test := range []struct{ text, want string }{
		{"2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"},
		{"2026-12-24T18:00:00+05:00", "2026-12-24T13:00:00Z"},
		{"2026-12-24 18:00", "2026-12-24T17:00:00Z"},
		{"2026-12-24T18:00", "2026-12-24T17:00:00Z"},
		{"2026-12-24 18:00:30", "2026-12-24T17:00:30Z"},
		{"2026-12-24", "2026-12-23T23:00:00Z"},
		{"1999-07-01", "1999-06-30T22:00:00Z"},
		{"18:00", "2026-12-24T17:00:00Z"},
		{"18:00:30", "2026-12-24T17:00:30Z"},
		{"13:00", "2026-12-25T12:00:00Z"}, // now is not after now
		{"08:00", "2026-12-25T07:00:00Z"},
		{"2026-12-24 18:00+05:00", "2026-12-24T13:00:00Z"},
		{"2h", "2026-12-24T14:00:00Z"},
		{"1d12h", "2026-12-26T00:00:00Z"},
		{"2027-03-28 02:30", "2027-03-28T01:00:00Z"}, // the clock has no 02:30 that day
		{"2027-10-31 02:30", "2027-10-31T00:30:00Z"}, // and here two: the first
	} {
		got, err := instant(test.text, now, berlin)
		if err != nil || got.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("%s is %s, %v, want %s", test.text, got.UTC().Format(time.RFC3339), err, test.want)
		}
	}
	for _, text := range []string{"", "noon", "8", "8:00", "25:00", "2026-02-30", "2026-12-24 8", "2026-12-24 18:00 19:00", "18:00, 19:00", "-2h", "18:00 month 1", "interval 3h", "0001-01-01T00:00:00Z", "0001-01-01 00:00Z",
		"9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00", "9999-12-31 23:59", "1969-12-31"} {
		if got, err := instant(text, now, berlin); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func FuzzInstant(f *testing.F) {
	for _, seed := range []string{"2026-12-24T18:00:00Z", "2026-12-24 18:00", "18:00", "2h", "2026-12-24", "18:00 weekday mon"} {
		f.Add(seed)
	}
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := instant(text, now, time.UTC); err == nil && at.IsZero() {
			t.Errorf("%q is read as no time at all", text)
		}
	})
}

func TestTimesOutOfRange(t *testing.T) {
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"9999-12-31 23:59", "60000d", "1969-12-31"} {
		if at, err := before(text, now, time.UTC); err == nil {
			t.Errorf("%q is %v, want an error", text, at)
		}
	}
}
