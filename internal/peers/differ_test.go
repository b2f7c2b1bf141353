package peers

import (
	"os"
	"regexp"
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

// TestDifferences asks what doc.go says that rota and its peers answer.
func TestDifferences(t *testing.T) {
	var a ask
	missing := map[string]bool{} // parsers that the case has not named
	end := func() {
		for name := range missing {
			t.Errorf("%s  %s: doc.go does not say what %s answers", a.expr, a.zone, name)
		}
	}
	cases := 0
	for line := range strings.Lines(documentation(t)) {
		line = strings.TrimSuffix(line, "\n")
		if m := caseLine.FindStringSubmatch(line); m != nil {
			end()
			a = ask{m[1], m[2], m[3]}
			cases++
			for _, p := range All() {
				missing[p.Name] = true
			}
		} else if m := answerLine.FindStringSubmatch(line); m != nil {
			for _, name := range strings.Fields(m[2]) {
				if !missing[name] {
					t.Errorf("%s  %s: doc.go tells twice, or of a stranger: %s", a.expr, a.zone, name)
					continue
				}
				delete(missing, name)
				t.Run(name, func(t *testing.T) {
					got := ""
					if m[1] == hangs {
						got = a.answerAlone(t, named(name))
					} else {
						got = a.answer(named(name))
					}
					if got != m[1] {
						t.Errorf("%s  %s  %s\ngot  %s\nwant %s", a.expr, a.zone, a.after, got, m[1])
					}
				})
			}
		}
	}
	end()
	if cases < 50 {
		t.Errorf("doc.go has %d cases", cases)
	}
}
