package api

import (
	"time"

	"rota/runner"
)

// RunQuery selects runs; its zero value is the newest hundred.
type RunQuery struct {
	Task     string         // "": of all tasks
	States   []runner.State // with neither States nor Outcomes: any
	Outcomes []runner.Outcome
	Since    time.Time // that began, or were to, at or after it; zero: any
	N        int       // how many at most; 0: 100
}

// Run is all that is known of a run.
type Run struct {
	runner.Run
	Transitions []runner.Transition `json:"transitions"`
	Outputs     bool                `json:"output,omitempty"` // there is output to read
}

// Why is the answer to "why did it not run?", in sentences.
type Why struct {
	Task   string      `json:"task"`
	At     time.Time   `json:"at,omitzero"` // the slot that the answer is about
	Reason string      `json:"reason"`      // a word for programs: "ran", "held", "overlap", "missed", …
	Text   []string    `json:"text"`        // for people: one sentence each
	Run    *runner.Run `json:"run,omitempty"`
	Next   time.Time   `json:"next,omitzero"`
}

// Forgetting selects runs to be forgotten: those of the ids, or of the outcomes
// and age.
type Forgetting struct {
	IDs      []string         `json:"ids,omitempty"`
	Task     string           `json:"task,omitempty"`
	Outcomes []runner.Outcome `json:"outcomes,omitempty"`
	Older    time.Duration    `json:"older,omitempty"` // nanoseconds since the end; 0: any
}

// Shown is a run without what is shown to nobody: a digest, and a path on the
// machine of the daemon.
func Shown(r runner.Run) runner.Run {
	r.Content, r.InputFile = "", ""
	return r
}
