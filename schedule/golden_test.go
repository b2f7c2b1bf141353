package schedule

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden reads a file of testdata/schedule as blocks, each a line and what
// belongs below it, and holds it against what make says to each such line.
// Lines that begin with "# " are comments.
func golden(t *testing.T, name string, atLeast int, make func(line string) []string) {
	t.Helper()
	path := filepath.Join("..", "testdata", "schedule", name)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n := 0
	for line := range strings.Lines(string(old)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "    "): // the result of make
			continue
		case line == "" || strings.HasPrefix(line, "# "):
			fmt.Fprintln(&b, line)
			continue
		}
		n++
		fmt.Fprintln(&b, line)
		for _, said := range make(line) {
			fmt.Fprintln(&b, "    "+said)
		}
	}
	if n < atLeast {
		t.Errorf("%s has %d entries, want %d", name, n, atLeast)
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := strings.Split(string(old), "\n"), strings.Split(b.String(), "\n")
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("%s:%d: got\n%s\nwant\n%s", name, i+1, at(got, i), at(want, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end of file)"
}

// Every refused trigger says where it is wrong, and what to write instead.
func TestRefused(t *testing.T) {
	golden(t, "refused.txt", 150, func(line string) (said []string) {
		text := strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\e`, "").Replace(line)
		s, faults := ParseExpr(text, time.UTC)
		if len(faults) == 0 || s != (Spec{}) {
			t.Errorf("%s is not refused", line)
		}
		for _, f := range faults {
			if f.Key != "" || f.Index != 0 || f.Start > f.End || f.End > len(text) {
				t.Errorf("%s: fault out of place: %+v", line, f)
			}
			said = append(said, strings.Repeat(" ", f.Start)+strings.Repeat("^", max(1, f.End-f.Start))+" "+f.Error())
		}
		return said
	})
}

// Errors that only keys can have. A line reads "key: value | value; key: value".
func TestRefusedKeys(t *testing.T) {
	golden(t, "refused-keys.txt", 40, func(line string) (said []string) {
		keys := keysOf(line)
		s, faults := Parse(keys, time.UTC)
		if len(faults) == 0 || s != (Spec{}) {
			t.Errorf("%s is not refused", line)
		}
		for _, f := range faults {
			if v := keys[f.Key]; f.Start > f.End || f.End > 0 && f.End > len(v[f.Index]) {
				t.Errorf("%s: fault out of place: %+v", line, f)
			}
			said = append(said, fmt.Sprintf("%s[%d] %d-%d: %v", f.Key, f.Index, f.Start, f.End, f))
		}
		return said
	})
}

func keysOf(line string) Keys {
	keys := Keys{}
	if line == "(nothing)" {
		return keys
	}
	for pair := range strings.SplitSeq(line, "; ") {
		key, values, _ := strings.Cut(pair, ":")
		keys[key] = []string{}
		if values != "" {
			keys[key] = strings.Split(values[1:], " | ")
		}
	}
	return keys
}

// Every explanation, and the canonical text, which means the same.
func TestExplain(t *testing.T) {
	golden(t, "explained.txt", 120, func(line string) []string {
		s, faults := ParseExpr(line, time.UTC)
		if faults != nil {
			t.Errorf("%s: %v", line, faults)
			return nil
		}
		again, faults := ParseExpr(s.String(), time.UTC)
		if faults != nil || !same(again, s) || again.Explain() != s.Explain() {
			t.Errorf("%s: its text %q means something else", line, s)
		}
		said := []string{s.Explain()}
		if s.String() != line {
			said = append(said, "= "+s.String())
		}
		for _, w := range s.Warnings() {
			said = append(said, "! "+w.Error())
		}
		return said
	})
}

// Tables of slots: a zone, a trigger, an instant, and what comes after it.
//
//	zone America/New_York
//	30 2 * * *  from 2025-03-08T12:00
//	    2025-03-09 03:00:00 EDT  gap: moved from 02:30
func TestSlots(t *testing.T) {
	zone := time.UTC
	golden(t, "slots.txt", 60, func(line string) (said []string) {
		if name, found := strings.CutPrefix(line, "zone "); found {
			zone = refereeZone(t, name)
			return nil
		}
		text, from, _ := strings.Cut(line, "  from ")
		after, err := time.ParseInLocation("2006-01-02T15:04", from, zone)
		if err != nil {
			if after, err = time.Parse("2006-01-02T15:04Z07:00", from); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		s, faults := ParseExpr(text, zone)
		if faults != nil {
			t.Errorf("%s: %v", line, faults)
			return nil
		}
		for s = s.From(after); len(said) < 4; {
			if after = s.Next(after); after.IsZero() {
				return append(said, "never")
			}
			slot := after.In(zone).Format("Mon 2006-01-02 15:04:05 MST")
			if note := s.Note(after); note != "" {
				slot += "  " + note
			}
			said = append(said, slot)
		}
		return said
	})
}
