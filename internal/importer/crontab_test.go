package importer

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rota/config"
	"rota/internal/crontab"
)

// host is a machine with systemd and a few users.
func host(d crontab.Dialect) Host {
	return Host{
		Dialect: d, Systemd: true,
		Exists: func(path string) bool { return path == "/run/systemd/system" },
		User:   func(name string) bool { return slices.Contains([]string{"root", "www-data", "postgres"}, name) },
		Zone:   func(name string) bool { _, err := time.LoadLocation(name); return err == nil && name != "" },
	}
}

// parsed is what an import made, read again: it always is a valid file.
func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("jobs.toml", text, config.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// slots are the next five instants of a task.
func slots(cfg *config.Config, name string) string {
	var all []time.Time
	for _, spec := range cfg.Tasks.Get(name).Triggers {
		for at, n := newYear, 0; n < 5; n++ {
			if at = spec.Next(at); at.IsZero() {
				break
			}
			all = append(all, at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	var texts []string
	for _, at := range all[:min(5, len(all))] {
		texts = append(texts, strings.TrimSuffix(at.UTC().Format("2006-01-02T15:04:05"), ":00"))
	}
	return strings.Join(texts, " ")
}

var caseOfCrons = regexp.MustCompile(`^(\d+) (".*")( system)?$`)

// TestCrons reads testdata/crons.txt, which says what it is.
func TestCrons(t *testing.T) {
	t.Setenv("TZ", "UTC")
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	data, err := os.ReadFile("testdata/crons.txt")
	if err != nil {
		t.Fatal(err)
	}
	type expected struct {
		cron  crontab.Dialect
		wants []string
	}
	number, text, system := "", "", false
	var group []*expected
	seen := map[string]bool{}
	check := func() {
		for _, e := range group {
			seen[number] = true
			t.Run(number+"/"+string(e.cron), func(t *testing.T) { checkCron(t, e.cron, text, system, e.wants) })
		}
		group = nil
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if m := caseOfCrons.FindStringSubmatch(line); m != nil {
			check()
			if text, err = strconv.Unquote(m[2]); err != nil {
				t.Fatal(line, err)
			}
			number, system = m[1], m[3] != ""
			text = strings.ReplaceAll(text, "long1500", strings.Repeat("x", 1500))
			text = strings.ReplaceAll(text, "long70000", strings.Repeat("x", 70000))
			continue
		}
		switch want, indented := strings.CutPrefix(line, "\t"); {
		case line == "" || line[0] == '#':
		case indented:
			for _, e := range group {
				e.wants = append(e.wants, want)
			}
		default:
			check()
			for _, name := range strings.Fields(line) {
				group = append(group, &expected{cron: crontab.Dialect(name)})
			}
		}
	}
	check()
	if len(seen) != 37 {
		t.Errorf("%d texts, want 37", len(seen))
	}
}

func checkCron(t *testing.T, cron crontab.Dialect, text string, system bool, wants []string) {
	imported := func() Result {
		return Crontabs([]Crontab{{Name: "crontab", Text: text, System: system, Off: OffFile("crontab")}}, host(cron))
	}
	r := imported()
	if again := imported(); again.Text != r.Text {
		t.Errorf("importing twice makes two files:\n%s\n%s", r.Text, again.Text)
	}
	cfg := parsed(t, r.Text)
	var report []string
	for _, n := range r.Notes {
		report = append(report, n.String())
	}
	lines := strings.Split(r.Text, "\n")
	for _, want := range wants {
		word, rest, _ := strings.Cut(want, " ")
		ok := true
		switch word {
		case "!":
			ok = !slices.ContainsFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "#") && strings.Contains(l, rest) })
		case "note":
			ok = strings.Contains(strings.Join(report, "\n"), rest)
		case "never":
			ok = len(r.Tasks) == 0 && len(r.Off) == 0 && r.Left > 0
		case "next":
			if ok = len(r.Tasks) > 0; !ok {
				break
			}
			got := slots(cfg, r.Tasks[0])
			ok = got == rest || rest == "drawn" && strings.Count(got, " ") == 4
			if !ok {
				t.Errorf("next %s, want %s", got, rest)
			}
		default:
			ok = slices.Contains(lines, want)
		}
		if !ok {
			t.Errorf("%s\n%.2000s\n%s", want, r.Text, strings.Join(report, "\n"))
		}
	}
}

var countOnly = regexp.MustCompile(`^\d+$`)

// TestCrontabs reads testdata/crontabs.txt, which says what it is.
func TestCrontabs(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	data, err := os.ReadFile("testdata/crontabs.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "\n== ")[1:]
	if len(cases) < 30 {
		t.Errorf("only %d crontabs", len(cases))
	}
	for _, one := range cases {
		head, rest, _ := strings.Cut(one, "\n")
		text, want, _ := strings.Cut(rest, "--\n")
		words := strings.Fields(head)
		t.Run(words[0], func(t *testing.T) {
			h := host(crontab.Dialect(words[1]))
			r := Crontabs([]Crontab{{Name: "crontab", Text: text, System: len(words) > 2}}, h)
			checkTasks(t, r, want)
			parsed(t, r.Text)
		})
	}
}

// checkTasks holds an import against lines of testdata: a task and its slots, how
// many stay comments, and a line that must be there.
func checkTasks(t *testing.T, r Result, want string) {
	t.Helper()
	cfg := parsed(t, r.Text)
	lines := strings.Split(r.Text, "\n")
	var tasks, wants []string
	left := 0
	for line := range strings.Lines(want) {
		line = strings.TrimSuffix(line, "\n")
		switch text, indented := strings.CutPrefix(line, "\t"); {
		case line == "":
		case indented:
			if !slices.ContainsFunc(lines, func(l string) bool { return l == text }) {
				t.Errorf("no line %s", text)
			}
		case countOnly.MatchString(line):
			left, _ = strconv.Atoi(line)
		default:
			wants = append(wants, strings.TrimSuffix(line, " none"))
		}
	}
	for _, name := range r.Tasks {
		tasks = append(tasks, strings.TrimSpace(name+" "+slots(cfg, name)))
	}
	if !slices.Equal(tasks, wants) {
		t.Errorf("tasks\n%s\nwant\n%s", strings.Join(tasks, "\n"), strings.Join(wants, "\n"))
	}
	if r.Left != left {
		t.Errorf("%d stay comments, want %d", r.Left, left)
	}
	if t.Failed() {
		t.Logf("%s\n%v", r.Text, r.Notes)
	}
}
