package api

import (
	"time"
)

// Message reports a change: exactly one of its fields is set.
type Message struct {
	Run   *Run     `json:"run,omitempty"`   // the run changed
	Event *Event   `json:"event,omitempty"` // of rota itself
	Log   *LogLine `json:"log,omitempty"`   // a line of a run's output
}

// Event is an event of rota or of a task, other than a change of a run.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Task string    `json:"task,omitempty"`
	Who  string    `json:"who,omitempty"`
	Text string    `json:"text,omitempty"`
}

// EventQuery selects events; its zero value selects the newest hundred.
type EventQuery struct {
	Task  string    // events of the task, and of rota as a whole; "": all
	Since time.Time // events at or after it; zero: any
	N     int       // how many at most; 0: 100
}

// LogLine is a line of a run's output.
type LogLine struct {
	Time time.Time `json:"time"`
	Run  string    `json:"run"`
	Line string    `json:"line"`
	User string    `json:"-"` // the user of the run

}
