package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const holidayJobs = `
[tasks.a]
at = "08:00"
timezone = "UTC"
except = ["2026-12-01", "file:holidays.txt"]
log = "a"
[tasks.b]
triggers = [{ interval = "1h", except = "file:holidays.txt" }, { cron = "@daily", except = "file:./holidays.txt" }]
log = "b"
`

// withHolidays reads holidayJobs beside a file of dates, and counts how often
// that was read.
func withHolidays(text string) (c *Config, reads int, err error) {
	c, err = Parse("/etc/rota/jobs.toml", holidayJobs, Options{Now: now, Read: func(path string) ([]byte, error) {
		if path != "/etc/rota/holidays.txt" {
			return nil, os.ErrNotExist
		}
		reads++
		return []byte(text), nil
	}})
	return c, reads, err
}

// A trigger has no slots on the dates of the file that except names, and
// several that name one file make it be read once.
func TestHolidays(t *testing.T) {
	c, reads, err := withHolidays("\ufeff# Winter\n12-02 # each year\r\n\n \t2026-12-03\t")
	if err != nil || reads != 1 {
		t.Fatalf("%d reads, %v", reads, err)
	}
	trigger := c.Tasks.Get("a").Triggers[0]
	same(t, "text", trigger.String(), "at 08:00 except 12-02, 2026-12-01, 2026-12-03")
	got := trigger.Next(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	same(t, "next", got, time.Date(2026, 12, 4, 8, 0, 0, 0, time.UTC))
	var paths []string
	for _, s := range c.Sources {
		paths = append(paths, s.Path)
	}
	same(t, "sources", paths, []string{"/etc/rota/jobs.toml", "/etc/rota/holidays.txt"})

	wider, _, err := withHolidays("2026-12-02..2026-12-11 # closed\nsun\n")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "text with a range", wider.Tasks.Get("a").Triggers[0].String(), "at 08:00 except sun, 2026-12-01, 2026-12-02..2026-12-11")

	other, _, err := withHolidays("12-02\n2026-12-03\n2026-12-24\n")
	if err != nil {
		t.Fatal(err)
	}
	if other.Revision == c.Revision {
		t.Error("the revision is the same for different files of dates")
	}
	same(t, "changes", Diff(c, other).String(), "2 changed (a: every day at 08:00, except on 2 December, 1 December 2026 and 3 December 2026 → every day at 08:00, except on 4 dates; b: triggers)")
	same(t, "many", other.Tasks.Get("a").Triggers[0].Explain(), "every day at 08:00, except on 4 dates")
}

// Faults of a file of dates that are too big for a directory of examples.
func TestHolidaysTooMany(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"as many as can be", strings.Repeat("2026-12-25 # x\n\n", maxDates), ""},
		{"one more", strings.Repeat("12-25\n", maxDates) + " 12-26\n12-27\n", "/etc/rota/holidays.txt:2001:2: more than 2000 dates"},
		{"as large as can be", "#" + strings.Repeat("x", maxDateFile-7) + "\n12-25", ""},
		{"larger", "#" + strings.Repeat("x", maxDateFile) + "\n12-25", "/etc/rota/holidays.txt: the file is larger than 1 MiB"},
		{"one long line", strings.Repeat("x", maxDateFile), "/etc/rota/holidays.txt:1:1: this line is not a date; write 2026-12-25, 12-25 for every year, or 2027-05-01..2027-05-10"},
	} {
		_, _, err := withHolidays(c.text)
		if fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// A file of dates is handled as the other files: it is saved for a later start, it is
// watched, and other users must not be able to change it.
func TestHolidaysFile(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := scene{T: t, dir: dir}
	s.write("etc/jobs.toml", "a EXCEPT")
	s.text("far/holidays.txt", "12-25\n")
	first, err := Load(s.path("etc/jobs.toml"), Options{TrustFile: true})
	s.must(err)
	if dirs := first.Dirs(); !slices.Contains(dirs, s.path("far")) {
		t.Errorf("watched are %v", dirs)
	}

	s.must(first.Save(s.path("state"), Options{}))
	s.must(os.Rename(s.path("far"), s.path("gone")))
	again, err := LoadSaved(s.path("state"), Options{})
	s.must(err)
	if again.Revision != first.Revision || !Diff(first, again).Empty() {
		t.Errorf("saved %+v and loaded %+v", first, again)
	}
	if dirs := again.Dirs(); !slices.Contains(dirs, dir) { // where the directory comes back
		t.Errorf("watched are %v", dirs)
	}

	s.must(os.Rename(s.path("gone"), s.path("far")))
	s.must(os.Chmod(s.path("far/holidays.txt"), 0o646))
	_, err = Load(s.path("etc/jobs.toml"), Options{TrustFile: true})
	want := s.path("far/holidays.txt") + ": anybody may change the file; type: chmod o-w " + s.path("far/holidays.txt")
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A file of dates is either read as it stands, or each fault has a place in it.
func FuzzHolidays(f *testing.F) {
	files, err := filepath.Glob(examples + "/dates/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _, err := withHolidays(text)
		if e := (*Errors)(nil); errors.As(err, &e) {
			inPlace(t, e.Faults, text)
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.SplitSeq(strings.TrimPrefix(text, byteOrderMark), "\n") {
			if date, _, _ := strings.Cut(line, "#"); strings.TrimSpace(date) != "" {
				want = append(want, strings.TrimSpace(date))
			}
		}
		if got, _ := readDates(strings.TrimPrefix(text, byteOrderMark)); !slices.Equal(got, want) {
			t.Errorf("dates %q in %q", got, text)
		}
	})
}
