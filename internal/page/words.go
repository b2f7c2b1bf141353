package page

import (
	"strings"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

// word is a state or an outcome for a template: the text is always shown, with a mark and
// a class for its colour.
type word struct{ Text, Mark, Class string }

var words = map[string]word{
	string(runner.OK):        {"ok", "✓", "ok"},
	string(runner.Failed):    {"failed", "✗", "bad"},
	string(runner.TimedOut):  {"timed out", "✗", "bad"},
	string(runner.Lost):      {"lost", "✗", "bad"},
	string(runner.Missed):    {"missed", "!", "late"},
	string(runner.Running):   {"running", "▶", "run"},
	string(runner.Held):      {"held", "‖", "held"},
	string(runner.Queued):    {"queued", "·", "late"},
	string(runner.Delayed):   {"later", "·", "quiet"},
	string(runner.Recurring): {"recurring", "·", "quiet"},
	string(runner.Cancelled): {"cancelled", "–", "quiet"},
	string(runner.Skipped):   {"skipped", "–", "quiet"},
	string(runner.Replaced):  {"replaced", "–", "quiet"},
	"new":                    {"new", "·", "quiet"},
	"disabled":               {"disabled", "–", "quiet"},
	"late":                   {"late", "!", "late"},
	"running late":           {"running late", "▶", "late"},
	"started":                {"started", "▶", "run"},
	"stopped":                {"stopped", "‖", "held"},
}

func wordFor(state string) word {
	if w, ok := words[state]; ok {
		return w
	}
	return word{escape.Line(state), "·", "quiet"}
}

// isFailure reports whether a state says that something went wrong.
func isFailure(state string) bool { return runner.Outcome(state).IsFailure() }

// lastLine is the last line of a text that is not empty, shortened to fit a row.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \t\r\n")
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return escape.Line(escape.Cut(strings.TrimSpace(text), 200))
}

// causes are the causes of runs for people.
var causes = map[runner.Cause]string{
	runner.CauseSchedule: "by its schedule", runner.CauseManual: "requested", runner.CauseChain: "after another run",
	runner.CauseCatchup: "catch-up", runner.CauseStart: "at the start",
}

// took is how long a run took, or has run so far.
func (v *visit) took(r api.Run) string {
	switch {
	case r.Started.IsZero(), r.Outcome == "" && r.State != runner.Running:
		return "–"
	case r.Outcome == "":
		return "so far " + span(max(0, v.now.Sub(r.Started)))
	}
	if took, ok := r.Took(); ok {
		return lasted(took)
	}
	return "–"
}

// count is "1 run" or "3 runs".
func count(n int, one, many string) string { return api.Plural(n, one, many) }
