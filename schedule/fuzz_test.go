package schedule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seeds are the lines of the tables in testdata/schedule.
func seeds(f *testing.F, names ...string) (lines []string) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "schedule", name))
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' && !strings.HasPrefix(line, "    ") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// fuzzZones have all kinds of changes of the clock: gaps and repeats of an hour, of half
// of one and of a day, at midnight and with seconds.
var fuzzZones = []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia", "America/Santiago"}

// checkFaults holds faults to what everyone relies on.
func checkFaults(t *testing.T, faults []Fault, length func(f Fault) int) {
	for _, f := range faults {
		if f.Msg == "" || f.Hint == "" || f.Start < 0 || f.Start > f.End || f.End > length(f) {
			t.Errorf("bad fault: %+v", f)
		}
	}
}

// checkSpec holds a trigger to the promises of its methods.
func checkSpec(t *testing.T, s Spec, zone *time.Location, after time.Time) {
	again, faults := ParseExpr(s.String(), zone)
	if faults != nil || !same(again, s) || again.String() != s.String() {
		t.Fatalf("%q does not read back: %q, %v", s, again, faults)
	}
	if s.Explain() == "" || s.Kind() == None {
		t.Errorf("%q: Explain() = %q, Kind() = %v", s, s.Explain(), s.Kind())
	}
	s = s.From(after)
	for range 10 {
		next := s.Next(after)
		if next.IsZero() {
			return
		}
		if !next.After(after) || next.Nanosecond() != 0 || next.Location() != time.UTC {
			t.Fatalf("%q: Next(%v) = %v", s, after, next)
		}
		if before := s.Next(next.Add(-1)); !before.Equal(next) {
			t.Fatalf("%q: Next(%v) = %v, but Next just before that is %v", s, after, next, before)
		}
		if half := after.Add(next.Sub(after) / 2); half.Before(next) && !s.Next(half).Equal(next) {
			t.Fatalf("%q: Next(%v) = %v, but from half way there it is %v", s, after, next, s.Next(half))
		}
		s.Note(next)
		after = next
	}
}

func FuzzParseExpr(f *testing.F) {
	for _, line := range seeds(f, "refused.txt", "explained.txt", "slots.txt") {
		text, _, _ := strings.Cut(line, "  from ")
		f.Add(text, int64(1_741_500_000), uint8(1))
		f.Add(text, int64(-5_000_000_000), uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, where uint8) {
		zone := refereeZone(t, fuzzZones[int(where)%len(fuzzZones)])
		after := time.Unix(unix%300_000_000_000, unix&0xffff)
		s, faults := ParseExprAt(text, zone, after)
		checkFaults(t, faults, func(Fault) int { return len(text) })
		checkFaults(t, s.Warnings(), func(Fault) int { return len(text) })
		if faults != nil {
			if s != (Spec{}) {
				t.Error("a Spec beside faults")
			}
			return
		}
		checkSpec(t, s, s.Zone(), after)
	})
}

func FuzzParse(f *testing.F) {
	for _, line := range seeds(f, "refused-keys.txt") {
		f.Add(line, int64(1_741_500_000))
	}
	f.Fuzz(func(t *testing.T, line string, unix int64) {
		keys := keysOf(line)
		s, faults := Parse(keys, refereeZone(t, "America/New_York"))
		checkFaults(t, faults, func(f Fault) int {
			if v := keys[f.Key]; f.Index < len(v) {
				return len(v[f.Index])
			}
			return 0
		})
		if faults == nil {
			checkSpec(t, s, s.Zone(), time.Unix(unix%300_000_000_000, 0))
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"", "90s", "15m", "1h30m", "2d", "1w", "90", "1h30", "-1s", "1.5h", "2000ms", "0.0078125d", "1.5s500ms", "5M", "1m1h", "36525d", "99999999999999999999s", "1 h", "5 minutes", "1,5 days and 2 secs"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Duration(text)
		if meant := suggestDuration(text); meant != "" {
			if m, wrong := Duration(meant); wrong != nil || err == nil && m != d {
				t.Errorf("Duration(%q) = %v, %v, and is meant to be %q: %v", text, d, err, meant, wrong)
			}
		}
		if err != nil {
			checkFaults(t, []Fault{err.(Fault)}, func(Fault) int { return len(text) })
			return
		}
		again, err := Duration(FormatDuration(d))
		if d < 0 || err != nil || again != d || FormatDuration(again) != FormatDuration(d) {
			t.Errorf("Duration(%q) = %v, written %q, read as %v, %v", text, d, FormatDuration(d), again, err)
		}
	})
}

func FuzzZone(f *testing.F) {
	for _, name := range []string{"", "UTC", "Europe/Berlin", "berlin", "Local", "posixrules", "right/UTC", "../UTC", "Europe/", "EST5EDT", "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		zone, err := Zone(name)
		if err != nil {
			checkFaults(t, []Fault{err.(Fault)}, func(Fault) int { return len(name) })
			return
		}
		if again, _ := Zone(name); zone.String() != name || again != zone {
			t.Errorf("Zone(%q) = %v, then %v", name, zone, again)
		}
	})
}
