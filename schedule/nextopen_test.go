package schedule

import (
	"testing"
	"time"
)

func TestNextOpen(t *testing.T) {
	for _, c := range []struct{ between, zone, at, want string }{
		{"", "UTC", "2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z"},
		{"08:00-18:00", "UTC", "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z"},
		{"08:00-18:00", "UTC", "2026-11-21T17:59:59Z", "2026-11-21T17:59:59Z"},
		{"08:00-18:00", "UTC", "2026-11-21T18:00:00Z", "2026-11-22T08:00:00Z"},
		{"08:00-18:00", "UTC", "2026-11-21T03:00:00Z", "2026-11-21T08:00:00Z"},
		{"22:00-06:00", "UTC", "2026-11-21T23:00:00Z", "2026-11-21T23:00:00Z"},
		{"22:00-06:00", "UTC", "2026-11-21T06:00:00Z", "2026-11-21T22:00:00Z"},
		{"08:00-18:00", "Europe/Berlin", "2026-11-21T06:59:59Z", "2026-11-21T07:00:00Z"},
		{"02:30-03:30", "America/New_York", "2025-03-08T12:00:00Z", "2025-03-09T07:00:00Z"}, // opens in the gap: right after it
	} {
		zone, err := Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, keys := range []Keys{{"cron": {"* * * * *"}}, {"interval": {"1m"}}} {
			if c.between != "" {
				keys["between"] = []string{c.between}
			}
			spec, faults := Parse(keys, zone)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			at, _ := time.Parse(time.RFC3339, c.at)
			if got := spec.NextOpen(at).UTC().Format(time.RFC3339); got != c.want {
				t.Errorf("%v in %s at %s: %s, want %s", keys, c.zone, c.at, got, c.want)
			}
		}
	}
}
