package schedule

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestKind(t *testing.T) {
	for text, want := range map[string]Kind{
		"interval 10s":                    Interval,
		"@every 10s":                      Interval,
		"weekday mon at 08:00":            Weekday,
		"monthday 1 at 08:00":             Monthday,
		"weekday mon monthday 1 at 08:00": Monthday,
		"at 08:00":                        Daily,
		"month jan at 08:00":              Daily,
		"month jan weekday mon at 08:00":  Weekday,
		"month jan monthday 1 at 08:00":   Monthday,
		"@daily":                          Cron,
		"cron 0 3 * * *":                  Cron,
		"0 3 * * * between 02:00-04:00":   Cron,
		"once 2026-12-24T18:00":           Once,
		"at_start true":                   AtStart,
	} {
		if got := mustParse(text, time.UTC).Kind(); got != want {
			t.Errorf("%s: Kind() = %v, want %v", text, got, want)
		}
	}
}

// A trigger is WILDCARD if the minute or hour field of its cron line begins
// with "*"; else it is FIXED, if it looks at a wall clock at all.
func TestFixed(t *testing.T) {
	for text, want := range map[string]bool{
		"0 3 * * *": true, "0,*/5 3 * * *": true, "0 0-23 * * *": true, "*/10 0 3 * * *": true, "30 0 3 * * *": true,
		"* 3 * * *": false, "*/5 3 * * *": false, "0 * * * *": false, "0 */2 * * *": false, "@hourly": false, "@daily": true,
		"*,5 3 * * *": false, "at 03:00": true, "weekday mon at 03:00": true, "interval 1h": false, "at_start boot": false,
	} {
		if got := mustParse(text, time.UTC).Fixed(); got != want {
			t.Errorf("%s: Fixed() = %v, want %v", text, got, want)
		}
	}
}

// same reports whether two triggers are of one text and one zone.
func same(a, b Spec) bool { return a.String() == b.String() && a.Zone().String() == b.Zone().String() }

func TestSame(t *testing.T) {
	berlin, paris := refereeZone(t, "Europe/Berlin"), refereeZone(t, "Europe/Paris")
	for _, c := range []struct {
		a, b         string
		zoneA, zoneB *time.Location
		want         bool
	}{
		{"at 08:00, 09:00", "at 09:00, 08:00:00", berlin, berlin, true},
		{"weekday mon-wed at 08:00", "weekday 3, 2, 1 at 08:00", berlin, berlin, true},
		{"monthday last at 08:00", "monthday -1 at 08:00", berlin, berlin, true},
		{"@daily", "0  0 * * *", berlin, berlin, true},
		{"0 3 * * mon", "0 3 * * MON", berlin, berlin, true},
		{"interval 90m", "@every 1h30m", berlin, paris, true},
		{"interval 1h initial_delay 1h", "interval 1h", berlin, paris, true},
		{"once 2026-12-24T18:00:00+00:00", "once 2026-12-24T18:00Z", berlin, paris, true},
		{"at_start true", "at_start daemon", berlin, paris, true},
		{"at 08:00 timezone Europe/Paris", "at 08:00", berlin, paris, true},
		{"at 08:00", "at 08:00", berlin, paris, false},
		{"once 2026-12-24T18:00", "once 2026-12-24T18:00", berlin, paris, false},
		{"interval 1h between 08:00-18:00", "interval 1h between 08:00-18:00", berlin, paris, false},
		{"interval 1h", "interval 2h", berlin, berlin, false},
		{"at 08:00", "at 08:00 jitter 5m", berlin, berlin, false},
	} {
		a, b := mustParse(c.a, c.zoneA), mustParse(c.b, c.zoneB)
		if same(a, b) != c.want {
			t.Errorf("%s (%v) and %s (%v): the same is %v, want %v", c.a, c.zoneA, c.b, c.zoneB, !c.want, c.want)
		}
	}
}

func TestZeroSpec(t *testing.T) {
	var s Spec
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	if !s.Next(now).IsZero() || s.Note(now) != "" || s.String() != "" || s.Kind() != None || s.From(now) != s ||
		s.AtStart() != "" || s.Explain() != "never" || s.Warnings() != nil || s.Anchor() != "start" || s.Jitter() != 0 ||
		s.Zone() != time.UTC || s.Fixed() || s.WallClock() != nil {
		t.Error("the zero Spec is not never")
	}
}

// A trigger looks at a wall clock unless its instants are the same in all zones.
func TestWallClock(t *testing.T) {
	berlin := refereeZone(t, "Europe/Berlin")
	for text, looks := range map[string]bool{
		"at 08:00": true, "@daily": true, "once 2026-12-24T18:00": true, "interval 1h between 08:00-18:00": true,
		"interval 1h starts 2026-12-24": true, "weekday mon at 08:00": true, "monthday 1 at 08:00": true,
		"interval 1h": false, "@every 1h": false, "at_start boot": false, "once 2026-12-24T18:00Z": false,
	} {
		s := mustParse(text, berlin)
		if got := s.WallClock(); (got == berlin) != looks || (got == nil) == looks {
			t.Errorf("%s: %v", text, got)
		}
		if got := s.Zone(); (got == berlin) != looks || (got == time.UTC) == looks {
			t.Errorf("%s: in %v", text, got)
		}
	}
}

func TestAttributes(t *testing.T) {
	s := mustParse("interval 15m anchor finish jitter 30s", nil)
	if s.Anchor() != "finish" || s.Jitter() != 30*time.Second {
		t.Errorf("Anchor(), Jitter() = %s, %v", s.Anchor(), s.Jitter())
	}
	for text, want := range map[string]string{"at_start true": "daemon", "at_start boot": "boot", "@daily": ""} {
		if got := mustParse(text, nil).AtStart(); got != want {
			t.Errorf("%s: AtStart() = %q, want %q", text, got, want)
		}
	}
}

// A slot has no note if it is none.
func TestNoteOfNoSlot(t *testing.T) {
	s := mustParse("30 1 * * *", refereeZone(t, "America/New_York"))
	first := time.Date(2025, 11, 2, 5, 30, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		first:                  "repeat: first pass",
		first.Add(time.Hour):   "",
		first.Add(1):           "",
		first.Add(time.Second): "",
	} {
		if got := s.Note(at); got != want {
			t.Errorf("Note(%v) = %q, want %q", at, got, want)
		}
	}
}

func TestIn(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 1, time.UTC)
	s, faults := ParseExprAt("in 5m", refereeZone(t, "Europe/Berlin"), now)
	want := time.Date(2026, 11, 20, 10, 5, 1, 0, time.UTC)
	if got := s.Next(now); faults != nil || !got.Equal(want) {
		t.Errorf("in 5m: %v, %v, want %v", got, faults, want)
	}
	for text, want := range map[string]string{
		"in":       "in needs one duration",
		"in 5m 5m": "in needs one duration",
		"in 5":     `duration "5" has no unit`,
	} {
		if _, faults := ParseExprAt(text, nil, now); len(faults) != 1 || faults[0].Msg != want {
			t.Errorf("%s: %v, want %s", text, faults, want)
		}
	}
}

func TestDuration(t *testing.T) {
	const hour = time.Hour
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "15m": hour / 4, "1h30m": hour * 3 / 2, "2d": 48 * hour, "1w": 168 * hour, "1w1d1h1m1s": 193*hour + 61*time.Second, "007s": 7 * time.Second,
		"1.5h": hour * 3 / 2, "0.5h": hour / 2, "2000ms": 2 * time.Second, "0.5m": 30 * time.Second, "1.50d": 36 * hour, "0.1w": 16*hour + 48*time.Minute, "2.0s": 2 * time.Second,
		"1.5s500ms": 2 * time.Second, "0.0078125d": 675 * time.Second, "1.5h30m": 2 * hour, "1.0000000000000h": hour, "0ms": 0,
	} {
		if got, err := Duration(text); got != want || err != nil {
			t.Errorf("Duration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	// Frequent mistakes, and the hint for each.
	for text, want := range map[string]string{
		"5 minutes": "5m", "5min": "5m", "1 hour": "1h", "10 secs": "10s", "3days": "3d", "1.5 h": "1h30m", "2 weeks": "2w", "90 seconds": "90s",
		"5 m": "5m", "5M": "5m", "1H30M": "1h30m", "1h 30m": "1h30m", "1 hour and 30 minutes": "1h30m", "1 hr, 5 mins": "1h5m", "30m1h": "1h30m", "1h1h": "2h",
		"1,5h": "1h30m", "0.5 m": "30s", "0.5s": "1s", "500ms": "1s", "1.2345678h": "1h14m5s", "0.3333333333333m": "20s", "2500ms": "3s", "1.5 days": "1d12h", " 5m": "5m", "0 min": "0m",
	} {
		_, err := Duration(text)
		if f, _ := err.(Fault); f.Hint != "write "+strconv.Quote(want) {
			t.Errorf("Duration(%q): %v, want the hint %s", text, err, want)
		}
		if _, err := Duration(want); err != nil {
			t.Errorf("Duration(%q): %v", want, err)
		}
	}
	// No guess where the meaning is not clear, or is no duration.
	const usual = `write a duration as "90s", "15m", "1h30m", "2d" or "1w"`
	for text, want := range map[string]string{
		"90": `write "90s"`, "1h30": usual, "5 months": usual, "999999 weeks": usual, "5months": "the units are w, d, h, m, s and ms", "-5 min": "durations are not negative",
		".5h": `write a fraction as "1.5h"`, "1.h": `write a fraction as "1.5h"`, "1.5": usual, "9999w": "the maximum is 100 years", "5217.9w": "the maximum is 100 years", "99999999999999999999999ms": "the maximum is 100 years",
	} {
		if _, err := Duration(text); err == nil || err.(Fault).Hint != want {
			t.Errorf("Duration(%q): %v, want the hint %s", text, err, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Second: "1m30s", 24 * hour: "1d", 7 * 24 * hour: "1w", 8 * 24 * hour: "8d", 36 * hour: "1d12h",
		-hour: "-1h", 250 * time.Millisecond: "0.25s", 61500 * time.Millisecond: "1m1.5s", hour + 1: "1h0.000000001s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", d, got, want)
		}
	}
}

// The names are those of Go's own zone data, all of which can be read.
func TestZoneNames(t *testing.T) {
	if want := refereeZoneNames(); !slices.Equal(zoneNames(), want) {
		t.Error("zones.txt is not what Go's zone data names; run go generate")
	}
	for _, name := range zoneNames() {
		if zone, err := Zone(name); err != nil || zone.String() != name {
			t.Errorf("Zone(%q) = %v, %v", name, zone, err)
		}
	}
}

// Next takes bounded time also where nothing comes for long, or ever.
func TestNextIsBounded(t *testing.T) {
	zone := refereeZone(t, "Europe/Berlin")
	for _, text := range []string{
		"0 0 29 2 */7", "weekday mon monthday 29 month feb at 00:00", "interval 24h between 08:00-08:01 except 01-01", "interval 86401s between 08:00-08:01",
		"interval 1w weekday sat", "interval 1s weekday tue except 03-01..02-28", "interval 6d23h59m59s weekday sat between 08:00-08:01",
		"interval 1w weekday fri-sun except 03-01..02-28", "at 08:00 except 2026-01-01..9990-12-31", "interval 1h except 2026-01-01..9990-12-31",
		"at 08:00 ends 2001-01-01", "0 0 1 1 * except 2030-01-01, 2031-01-01, 2032-01-01",
	} {
		s := mustParse(text, zone).From(time.Unix(year(2026)+12*3600, 0))
		for i := range 10 { // a search without an end would be noticed by the end of time of the test
			s.Next(time.Unix(year(2026)+int64(i)*1e10, 0))
		}
	}
}

// The table of a zone's clock says what time.Time.In says, also where it repeats
// the years back by the calendar's 400.
func TestWall(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i, name := range refereeZoneNames() {
		zone := refereeZone(t, name)
		w := wallOf(zone)
		for range 100 {
			at := year(1850) + r.Int64N(year(9999)-year(1850))
			if i%2 == 0 {
				at = year(1890) + r.Int64N(year(2110)-year(1890))
			}
			s := w.at(at)
			_, off := time.Unix(at, 0).In(zone).Zone()
			if s.off != int64(off) || at < s.start || at >= s.end {
				t.Fatalf("%s at %v: the stretch is %+v, the offset %d", name, time.Unix(at, 0).UTC(), s, off)
			}
			if _, off := time.Unix(s.end, 0).In(zone).Zone(); s.end != never && s.after != int64(off) {
				t.Fatalf("%s at %v: the offset after is %d, not %d", name, time.Unix(s.end, 0).UTC(), off, s.after)
			}
			if _, off := time.Unix(s.start-1, 0).In(zone).Zone(); s.start != -never && s.before != int64(off) {
				t.Fatalf("%s at %v: the offset before is %d, not %d", name, time.Unix(s.start, 0).UTC(), off, s.before)
			}
		}
	}
}

// A slot that on_except moved is not a slot of the trigger without it; other slots are.
func TestMovedFrom(t *testing.T) {
	for _, c := range []struct{ days, where, at, want string }{
		{"monthday 25 at 08:00, 20:00 except sat-sun, 12-25", "next", "2026-12-28T20:00", "Fri 2026-12-25"},
		{"monthday 25 at 08:00 except sat-sun, 12-25", "previous", "2026-12-24T08:00", "Fri 2026-12-25"},
		{"at 08:00 except sat-sun", "next", "2026-12-28T08:00", ""}, // it matches by itself
		{"weekday fri-sun at 08:00 except 2026-10-30..2026-11-01, 2026-11-27..2026-11-29", "next", "2026-11-30T08:00", "Sun 2026-11-29 and 2 more"},
		{"weekday fri-sun at 08:00 except 2026-10-30..2026-11-01, 2026-11-27..2026-11-29", "previous", "2026-10-29T08:00", "Fri 2026-10-30 and 2 more"},
		{"0 8 30,31 12 * except 12-31..01-31", "next", "2027-02-01T08:00", ""}, // which is no slot: too far
	} {
		free, moved := mustParse(c.days, time.UTC), mustParse(c.days+" on_except "+c.where, time.UTC)
		at, err := time.Parse("2006-01-02T15:04", c.at)
		if got := moved.MovedFrom(at); err != nil || got != c.want {
			t.Errorf("%s, %s: %q, %v; want %q", moved, c.at, got, err, c.want)
		}
		at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 500 {
			at = moved.Next(at)
			if own := free.Next(at.Add(-time.Second)).Equal(at); own == (moved.MovedFrom(at) != "") {
				t.Errorf("%s: %v: moved from %q, and a slot without that: %v", moved, at, moved.MovedFrom(at), own)
			}
		}
	}
}
