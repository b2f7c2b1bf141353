package command

import (
	"os"
	"rota/internal/api"
	"rota/runner"
	"strings"
)

// style is how a word for a state or an outcome is shown. The word is always
// shown, with a sign and a colour.
type style struct{ sign, ascii, color string }

var styles = map[string]style{
	string(runner.OK):        {"✓", "+", "32"},
	string(runner.Failed):    {"✗", "x", "31"},
	string(runner.TimedOut):  {"✗", "x", "31"},
	string(runner.Lost):      {"✗", "x", "31"},
	string(runner.Missed):    {"✗", "x", "33"},
	string(runner.Running):   {"▶", ">", "36"},
	string(runner.Held):      {"‖", "=", "33"},
	string(runner.Queued):    {"·", ".", "33"},
	string(runner.Delayed):   {"·", ".", "33"},
	string(runner.Recurring): {"·", ".", ""},
	string(runner.Cancelled): {"-", "-", "2"},
	string(runner.Skipped):   {"-", "-", "2"},
	string(runner.Replaced):  {"-", "-", "2"},
	"new":                    {"·", ".", "2"},
	"disabled":               {"-", "-", "2"},
}

// withSymbol is a word with its symbol.
func withSymbol(word string) string {
	l, known := styles[word]
	if !known {
		return word
	}
	return symbolFor(l.sign, l.ascii) + " " + word
}

// colorOf is the colour of a word; "" if it has none.
func colorOf(word string) string { return styles[word].color }

// tookText is how long a run took, or has run so far; "-" if it did not start.
func (w when) tookText(r api.Run) string {
	switch {
	case r.Started.IsZero(), r.Outcome == "" && r.State != runner.Running: // or it waits for its next attempt
		return "-"
	case r.Outcome == "":
		return "so far " + durationText(w.now.Sub(r.Started))
	}
	if took, ok := r.Took(); ok {
		return durationText(took)
	}
	return "-"
}

// symbolFor is a symbol, or its replacement where the locale is not UTF-8.
func symbolFor(sign, ascii string) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" {
			if strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8") {
				return sign
			}
			return ascii
		}
	}
	return ascii
}
