package command

import (
	"slices"
	"strings"
	"testing"
)

// words reads a command line of the tables below.
func words(line string) []string { return append([]string{"rota"}, strings.Fields(line)...) }

func TestNormalise(t *testing.T) {
	for _, test := range []struct{ typed, want string }{
		{"", ""},
		{"next", "next --"},
		{"next backup site", "next -- backup site"},
		{"next backup -n 5", "next --n=5 -- backup"},
		{"next -n5 backup", "next --n=5 -- backup"},
		{"next -n=5 backup", "next --n=5 -- backup"},
		{"next --n 5 backup", "next --n=5 -- backup"},
		{"-n 5 next backup", "next --n=5 -- backup"},
		{"next -n -5", "next --n=-5 --"},
		{"next backup --from=2h --until 3h", "next --from=2h --until=3h -- backup"},

		{"next --json", "--json=true next --"},
		{"--json next", "--json=true next --"},
		{"next backup --json", "--json=true next -- backup"},
		{"next --json=false", "--json=false next --"},
		{"next -c jobs.toml backup", "--c=jobs.toml next -- backup"},
		{"-cjobs.toml next", "--c=jobs.toml next --"},
		{"next --config=a=b", "--config=a=b next --"},
		{"next --config --json", "--config=--json next --"},
		{"next -q backup -v", "--q=true --v=true next -- backup"},

		{"check -", "check -- -"},
		{"check - --json", "--json=true check -- -"},
		{"check -- --json", "check -- --json"},
		{"exec -- -c", "exec -- -c"},
		{"explain monthday -1 at 08:00 -n 3", "explain --n=3 -- monthday -1 at 08:00"},
		{"-- next --json", "next -- --json"},
		{"nosuch --n 5 x", "nosuch -- x"},

		{"--help", "help --"},
		{"-h", "help --"},
		{"next --help", "help -- next"},
		{"--help next", "help -- next"},
		{"next backup -n 5 -h", "help -- next"},
		{"help next --help", "help -- next"},
		{"check -- --help", "check -- --help"},
		{"--version", "version --"},
		{"-V --json", "--json=true version --"},
		{"next x --version", "version --"},
	} {
		got, err := normalise((&session{}).app(), words(test.typed))
		if err != nil || strings.Join(got, " ") != strings.TrimSpace("rota "+test.want) {
			t.Errorf("rota %s: got %q, %v, want %q", test.typed, got, err, test.want)
		}
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for typed, want := range map[string]string{
		"next --nosuch":     "unknown flag --nosuch; try: rota help",
		"next --jsno":       "unknown flag --jsno; did you mean --json?",
		"next --jso":        "unknown flag --jso; did you mean --json?",
		"next --untill 5h":  "unknown flag --untill; did you mean --until?",
		"-- --json":         `no command "--json"; try: rota help`,
		"next -n":           "-n needs a value; try: rota help next",
		"--config":          "--config needs a value; try: rota help",
		"list -n 5":         "list has no flag -n; try: rota help list",
		"exec x --output=a": "exec has no flag --output; try: rota help exec",
		"-n 5":              "-n is a flag of a command, but no command is given; try: rota help",
		"next -x":           "unknown flag -x; try: rota help",
		"next --=x":         "unknown flag --=x; try: rota help",
		"next -qv":          "unknown flag -qv; try: rota help",
	} {
		_, err := normalise((&session{}).app(), words(typed))
		if got := errorText(err); got != want {
			t.Errorf("rota %s: got %q, want %q", typed, got, want)
		}
		if err != nil && codeOf(err) != exitUsage {
			t.Errorf("rota %s: exit code %d", typed, codeOf(err))
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestFlagsAgree proves what allFlags relies on.
func TestFlagsAgree(t *testing.T) {
	takes := map[string]bool{}
	app := (&session{}).app()
	for _, f := range allFlags(app) {
		for _, name := range f.Names() {
			if takes, seen := takes[name]; seen && takes != takesValue(f) {
				t.Errorf("%s takes a value in one command and none in another", flagText(name))
			}
			takes[name] = takesValue(f)
		}
	}
	for _, c := range app.Commands {
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				if hasName(app.Flags, name) {
					t.Errorf("%s of %s is a global flag, too", flagText(name), c.Name)
				}
			}
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{"next backup -n 5", "-c x --json check -", "exec -- --json", "next -n5 --from=2h", "-h next", "--=", "- -- -"} {
		f.Add(seed)
	}
	app := (&session{}).app()
	f.Fuzz(func(t *testing.T, typed string) {
		args := append([]string{"rota"}, strings.Split(typed, " ")...)
		once, err := normalise(app, args)
		if err != nil {
			return
		}
		// It has one form only, and all words that are no flags are in it.
		twice, err := normalise(app, once)
		if err != nil || !slices.Equal(once, twice) {
			t.Errorf("%q becomes %q, but that becomes %q, %v", args, once, twice, err)
		}
		if end := slices.Index(args, "--"); end >= 0 && !slices.ContainsFunc(once, isHelp) {
			for _, w := range args[end+1:] {
				if !slices.Contains(once, w) {
					t.Errorf("%q becomes %q, without %q", args, once, w)
				}
			}
		}
	})
}

func isHelp(word string) bool { return word == "help" || word == "version" }

// TestVerbs proves that hints lead to commands that exist.
func TestVerbs(t *testing.T) {
	app := (&session{}).app()
	for verb, hint := range verbs {
		if app.Command(verb) != nil {
			t.Errorf("%s needs no hint", verb)
		}
		for _, part := range strings.Split(hint, "rota ")[1:] {
			if name, _, _ := strings.Cut(part, " "); app.Command(name) == nil {
				t.Errorf("%s: there is no command %s", verb, name)
			}
		}
	}
}

// TestHelpFits holds every page to a terminal of 80 columns and plain words.
func TestHelpFits(t *testing.T) {
	app := (&session{}).app()
	check := func(name, page string) {
		for _, line := range strings.Split(page, "\n") {
			if n := len([]rune(line)); n > 80 || strings.TrimRight(line, " \t") != line || strings.Contains(line, "\t") {
				t.Errorf("rota help %s: %q has %d columns, or blanks at its end", name, line, n)
			}
		}
	}
	var b strings.Builder
	mainPage(&b, app)
	check("", b.String())
	for _, c := range app.Commands {
		b.Reset()
		page(&b, c)
		check(c.Name, b.String())
		if c.Category == "" || c.Usage == "" || !strings.Contains(c.Description, "  rota "+c.Name) {
			t.Errorf("rota help %s: no category, usage or example", c.Name)
		}
	}
}
