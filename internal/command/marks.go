package command

import (
	"rota/internal/api"
	"rota/runner"
)

// look is how a word for a state or an outcome is shown. The word is always
// there; sign and colour only help the eye.
type look struct{ sign, ascii, color string }

var looks = map[string]look{
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

// marked is a word with its sign.
func marked(word string) string {
	l, known := looks[word]
	if !known {
		return word
	}
	return mark(l.sign, l.ascii) + " " + word
}

// ink is the colour of a word; "" if it has none.
func ink(word string) string { return looks[word].color }

// bad reports whether a word says that something went wrong.
func bad(word string) bool {
	switch runner.Outcome(word) {
	case runner.Failed, runner.TimedOut, runner.Lost:
		return true
	}
	return false
}

// tookOf says how long a run took, or takes so far; "-" if it did not start.
func (w when) tookOf(r api.Run) string {
	switch {
	case r.Started.IsZero(), r.Outcome == "" && r.State != runner.Running: // or it waits for another attempt
		return "-"
	case r.Outcome == "":
		return "so far " + lasted(w.now.Sub(r.Started))
	}
	if took, ok := r.Took(); ok {
		return lasted(took)
	}
	return "-"
}
