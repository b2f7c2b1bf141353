package importer

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"rota/config"
	"rota/internal/units"
)

// TestTimers reads testdata/timers.txt, which says what it is.
func TestTimers(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	data, err := os.ReadFile("testdata/timers.txt")
	if err != nil {
		t.Fatal(err)
	}
	service := regexp.MustCompile(`(?m)^service(?: (\S+))?:\n`)
	cases := strings.Split(string(data), "\n== ")[1:]
	if len(cases) < 20 {
		t.Errorf("only %d timers", len(cases))
	}
	for _, one := range cases {
		name, rest, _ := strings.Cut(one, "\n")
		text, want, _ := strings.Cut(rest, "--\n")
		t.Run(name, func(t *testing.T) {
			at := service.FindStringSubmatchIndex(text)
			started := name
			if at[2] >= 0 {
				started = text[at[2]:at[3]]
			}
			file := func(name, kind string) string { // an instance has the file of its template
				if prefix, _, found := strings.Cut(name, "@"); found {
					name = prefix + "@"
				}
				return "etc/systemd/system/" + name + kind
			}
			fsys := fstest.MapFS{
				file(name, ".timer"):      {Data: []byte(text[:at[0]])},
				file(started, ".service"): {Data: []byte(text[at[1]:])},
				"etc/systemd/system/timers.target.wants/" + name + ".timer": {},
			}
			imported := func() Result {
				r, err := Timers(Systemd{FS: fsys, Dirs: units.System})
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			r := imported()
			if again := imported(); again.Text != r.Text {
				t.Errorf("importing twice makes two files:\n%s\n%s", r.Text, again.Text)
			}
			var report []string
			for _, n := range r.Notes {
				report = append(report, n.String())
			}
			var rows []string
			for row := range strings.Lines(want) {
				note, isNote := strings.CutPrefix(row, "\tnote ")
				no, isNo := strings.CutPrefix(row, "\t! ")
				switch {
				case isNote && !strings.Contains(strings.Join(report, "\n"), strings.TrimSpace(note)):
					t.Errorf("no note %s", note)
				case isNo && !strings.HasPrefix(no, "[") && strings.Contains(r.Text, strings.TrimSpace(no)):
					t.Errorf("it holds %s", no)
				case !isNote && (!isNo || strings.HasPrefix(no, "[")):
					rows = append(rows, row)
				}
			}
			checkTasks(t, r, strings.Join(rows, ""))
		})
	}
}

// calendarSlots are the next five instants of a calendar expression, as its task has them.
func calendarSlots(t *testing.T, text string) string {
	c, err := units.ParseCalendar(text)
	if err != nil {
		return "refused"
	}
	all, err := calendarTriggers(c)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, keys := range all {
		list = append(list, inline(keys))
	}
	cfg, err := config.Parse("jobs.toml", "[tasks.x]\ncommand = \"x\"\ntriggers = ["+strings.Join(list, ", ")+"]\n", config.Options{Now: newYear})
	if err != nil {
		return strings.ReplaceAll(err.Error(), "there is no time zone", "refused")
	}
	return slots(cfg, "x")
}

// TestCalendars holds calendar expressions against what systemd made of them.
func TestCalendars(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	data, err := os.ReadFile("testdata/calendars.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(data)) {
		text, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			continue
		}
		texts = append(texts, text)
		if got := calendarSlots(t, text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if len(texts) < 50 {
		t.Errorf("only %d expressions", len(texts))
	}
	systemd(t, texts)
}

// systemd asks the systemd of this machine, if it has one, about some of them:
// another version may see things differently.
func systemd(t *testing.T, texts []string) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return
	}
	told := regexp.MustCompile(`(?:Next elapse|\(in UTC\)|Iteration #\d+|Iter\. #\d+): \w+ (\S+) (\S+) UTC`)
	for i := 0; i < len(texts); i += 6 {
		if strings.Contains(texts[i], "/") && strings.Contains(texts[i], "Asia") || slices.Contains([]string{"refused"}, calendarSlots(t, texts[i])) {
			continue
		}
		cmd := exec.Command(program, "calendar", "--iterations=5", "--base-time=2026-01-01 00:00:00 UTC", texts[i])
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("systemd-analyze: %v: %s", err, out)
			return
		}
		var all []string
		for _, m := range told.FindAllStringSubmatch(string(out), 5) {
			all = append(all, strings.TrimSuffix(fmt.Sprintf("%sT%s", m[1], m[2]), ":00"))
		}
		if got := calendarSlots(t, texts[i]); got != strings.Join(all, " ") {
			t.Errorf("%s: %s, and systemd says %s", texts[i], got, strings.Join(all, " "))
		}
	}
}
