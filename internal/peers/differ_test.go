package peers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documentation returns the text of doc.go.
func documentation(t *testing.T) string {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	caseLine   = regexp.MustCompile(`^//\t(\S.*?)  (\S+)  (\d{4}-\d\d-\d\d \d\d:\d\d)$`)
	answerLine = regexp.MustCompile(`^//\t\t(\S.*?)  +(\S.*)$`)
)

// difference is a case of doc.go.
type difference struct {
	ask
	answers []string
	who     [][]string // of each answer, names of parsers
}

func differences(t *testing.T) (all []difference) {
	for line := range strings.Lines(documentation(t)) {
		line = strings.TrimSuffix(line, "\n")
		if m := caseLine.FindStringSubmatch(line); m != nil {
			all = append(all, difference{ask: ask{m[1], m[2], m[3]}})
		} else if m := answerLine.FindStringSubmatch(line); m != nil {
			d := &all[len(all)-1]
			d.answers = append(d.answers, m[1])
			d.who = append(d.who, strings.Fields(m[2]))
		}
	}
	return all
}

// TestDifferences asks what doc.go says that rota and its peers answer.
func TestDifferences(t *testing.T) {
	all := differences(t)
	if len(all) < 50 {
		t.Errorf("doc.go has %d cases", len(all))
	}
	for _, d := range all {
		t.Run(d.expr+" "+d.zone, func(t *testing.T) {
			if len(d.answers) < 2 {
				t.Error("doc.go shows no difference")
			}
			var told []string
			for i, want := range d.answers {
				told = append(told, d.who[i]...)
				for _, name := range d.who[i] {
					ask := d.answer
					if want == hangs {
						ask = d.answerAlone
					}
					if got := ask(named(name)); got != want {
						t.Errorf("after %s\n%s says  %s\ndoc.go says  %s", d.after, name, got, want)
					}
				}
			}
			var want []string
			for _, p := range All() {
				want = append(want, p.Name)
			}
			slices.Sort(told)
			slices.Sort(want)
			if !slices.Equal(told, want) {
				t.Errorf("doc.go mentions %q, not of %q", told, want)
			}
		})
	}
}
