package peers

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// feature is one thing that a cron expression may say.
type feature int

const (
	plain feature = iota
	fromN
	seconds
	names
	questionMark
	twoDigits
	twoDigitDay
	tabs
	eitherDay
	starStepDay
	seven
	toSeven
	toZero
	wrapped
	wholeStep
	lastDay
	lastWorkday
	nearWorkday
	lastWeekday
	nthWeekday
	alias
	midnight
	capitalAlias
	every
	featureCount
)

// grammar lists for each feature the peers that are not asked about expressions that use
// it, and why: their behavior is not what rota's rules say.
var grammar = [featureCount]struct {
	says    string
	example string
	not     map[string]string // by name of the peer
}{
	plain:        {"values, lists, ranges, steps", "*/15 8-18/2 1,15 1-6 *", nil},
	fromN:        {"N/S is N to the maximum by S", "5/20 3/7 * * *", nil},
	seconds:      {"six fields, seconds first", "*/20 30 2 * * *", nil},
	names:        {"names of months and weekdays", "0 0 * jan-mar MON,Fri", nil},
	questionMark: {"? in a day field", "0 0 ? * 1", nil},
	twoDigits:    {"two digits", "05 03 01 02 *", nil},
	tabs:         {"tabs between fields", "0\t3 \t* * *", nil},
	eitherDay:    {"day-of-month or day-of-week", "30 4 1,15 * 5", nil},
	twoDigitDay:  {"two digits in day-of-week", "0 0 * * 05", map[string]string{"cronexpr": "Sunday", "supercronic": "Sunday"}},
	starStepDay: {"*/n in a day field: both match", "0 0 */2 * 1",
		map[string]string{"robfig": "one does", "cronexpr": "one does", "supercronic": "one does"}},
	seven:       {"7 is Sunday", "0 0 * * 7", map[string]string{"robfig": refused}},
	toSeven:     {"a range to 7", "0 0 * * 5-7", map[string]string{"robfig": refused, "cronexpr": "not Sunday", "supercronic": refused}},
	toZero:      {"a range to 0", "0 0 * * 0-0", map[string]string{"cronexpr": "all days"}},
	wrapped:     {"a range past the end", "0 0 * NOV-FEB FRI-MON", map[string]string{"robfig": refused, "gronx": refused, "cronexpr": "panics", "supercronic": refused}},
	wholeStep:   {"a step as long as the field", "*/60 * * * *", map[string]string{"cronexpr": refused, "supercronic": refused}},
	lastDay:     {"L", "0 0 L * *", map[string]string{"robfig": refused}},
	lastWorkday: {"LW", "0 0 LW * *", map[string]string{"robfig": refused, "gronx": refused}},
	nearWorkday: {"nW", "0 0 1W,15W * *", map[string]string{"robfig": refused}},
	lastWeekday: {"dL", "0 0 * * 5L", map[string]string{"robfig": refused}},
	nthWeekday:  {"d#n", "0 0 * * 5#2", map[string]string{"robfig": refused}},
	alias:       {"@yearly … @hourly", "@weekly", nil},
	midnight:    {"@midnight", "@midnight", map[string]string{"gronx": refused, "cronexpr": refused, "supercronic": refused}},
	capitalAlias: {"aliases in any case", "@Daily",
		map[string]string{"robfig": refused, "cronexpr": refused, "supercronic": refused}},
	every: {"@every", "@every 1h30m", map[string]string{"gronx": refused, "cronexpr": refused, "supercronic": refused}},
}

const refused = "refused"

// asked reports whether a peer is asked about an expression that uses these.
func asked(peer string, uses []feature) bool {
	for _, f := range uses {
		if grammar[f].not[peer] != "" {
			return false
		}
	}
	return true
}

// TestGrammar holds the table against the peers: with each example, those that
// are asked do as rota does for fifty slots, and the others do not.
func TestGrammar(t *testing.T) {
	for _, f := range grammar {
		ours := fifty(Rota, f.example)
		for _, p := range Peers {
			theirs := fifty(p, f.example)
			switch not := f.not[p.Name]; {
			case (not == refused) != (theirs == refused):
				t.Errorf("%s: %s: the table says %q, it answers %s", f.example, p.Name, not, theirs)
			case (not == "") != (theirs == ours):
				t.Errorf("%s: the table says %q of %s, which answers\n%s\nand rota\n%s", f.example, not, p.Name, theirs, ours)
			}
		}
	}
}

func fifty(p Parser, text string) (says string) {
	defer func() {
		if recover() != nil {
			says = "panics"
		}
	}()
	next, err := p.Parse(text, time.UTC)
	if err != nil {
		return refused
	}
	var b strings.Builder
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 50 {
		if at = next(at); at.IsZero() {
			break
		}
		fmt.Fprintln(&b, at.Format(time.DateTime))
	}
	return b.String()
}

// TestGrammarIsDocumented finds the table in doc.go.
func TestGrammarIsDocumented(t *testing.T) {
	row := func(first string, cell func(peer string) string) string {
		b := "//\t" + first + strings.Repeat(" ", max(0, 34-utf8.RuneCountInString(first)))
		for _, p := range Peers {
			b += fmt.Sprintf("%-12s", cell(p.Name))
		}
		return strings.TrimRight(b, " ") + "\n"
	}
	table := row("", func(peer string) string { return peer })
	for _, f := range grammar {
		table += row(f.says, func(peer string) string { return cmp.Or(f.not[peer], "asked") })
	}
	if !strings.Contains(documentation(t), table) {
		t.Errorf("doc.go does not have this table:\n%s", table)
	}
}
