package crontab

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "* * * * * x\n", "A=b\n*/5 1-3,7 * jan mon-fri root x%y\\%z\n", "@reboot x\n", "0 0 L * 5#2 2027-2030/2 x\n",
		"\xef\xbb\xbf0 0 * * * x", "~ 3~9 * * * -n x\n", "-1 * * * * x\n", "A='\n", "0 0 15W,LW jan monL x\r\n", "1-5/9,*/99 5-1 * * 7 \x00\xff\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Dialects {
			for _, system := range []bool{false, true} {
				table := Parse(text, Options{Dialect: d, System: system})
				for i, l := range table.Lines {
					if l.Number != i+1 || strings.Contains(l.Text, "\n") {
						t.Fatalf("%s: line %d is number %d: %q", d, i+1, l.Number, l.Text)
					}
					if l.Fault != nil && (l.Fault.Start < 0 || l.Fault.Start > l.Fault.End || l.Fault.End > len(l.Text)) {
						t.Errorf("%s: %q: %+v", d, l.Text, l.Fault)
					}
					if (l.Kind == Job) != (l.Entry != nil) {
						t.Errorf("%s: %q: kind %d, entry %v", d, l.Text, l.Kind, l.Entry)
					}
					if e := l.Entry; e != nil && !e.When.Boot && e.When.Cron() == "" {
						t.Errorf("%s: %q has no time", d, l.Text)
					}
				}
			}
		}
	})
}

// The limits.
func TestBounds(t *testing.T) {
	lines := strings.Repeat("#\n", MaxLines+10)
	for _, d := range Dialects {
		table := Parse(lines, Options{Dialect: d})
		if !table.Cut || len(table.Lines) != MaxLines {
			t.Errorf("%s: %d lines, cut %v", d, len(table.Lines), table.Cut)
		}
		if (table.Refused != nil) != (d == Debian) {
			t.Errorf("%s: %v", d, table.Refused)
		}
	}
	if table := Parse("0 5 * * * "+strings.Repeat("x", 200_000)+"\n", Options{Dialect: Cronie}); table.Lines[0].Fault == nil {
		t.Error("cronie takes a command of 200,000 bytes")
	}
}

// A job has what was set before it, also after a later line sets it again.
func TestEnvironmentOfJobs(t *testing.T) {
	table := Parse("A=1\n* * * * * a\nA=2\nB=3\n* * * * * b\n", Options{Dialect: Debian})
	for i, want := range map[int][]Value{1: {{"A", "1"}}, 4: {{"A", "2"}, {"B", "3"}}} {
		got := table.Lines[i].Entry.Env
		if len(got) != len(want) {
			t.Errorf("line %d: %v, want %v", i+1, got, want)
			continue
		}
		for j := range want {
			if got[j] != want[j] {
				t.Errorf("line %d: %v, want %v", i+1, got, want)
			}
		}
	}
}

// The command of a line, as the shell gets it.
func TestCommand(t *testing.T) {
	for _, c := range []struct {
		line    string
		system  bool
		command string
	}{
		{"* * * * * a  b", false, "a  b"},
		{"*/5\t*  * * 1-5 root a b", true, "a b"},
		{"@reboot a b", false, "a b"},
		{"@daily root a b", true, "a b"},
		{"* * * * * a %b", false, "a "},
		{`* * * * * a \%b \%c%d`, false, "a %b %c"},
		{"* * * * *", false, ""},
		{"* * * * * root", true, ""},
		{"@daily", false, ""},
		{"A = b c d e f g", false, ""},
		{"# * * * * * a", false, ""},
		{"", false, ""},
	} {
		for _, d := range []Dialect{Debian, Cronie} {
			got := ""
			if e := Parse(c.line+"\n", Options{Dialect: d, System: c.system}).Lines[0].Entry; e != nil {
				got = e.Command
			}
			if got != c.command {
				t.Errorf("%s: %q: %q, want %q", d, c.line, got, c.command)
			}
		}
	}
}
