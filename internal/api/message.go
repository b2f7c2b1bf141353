package api

import (
	"time"
)

// Message is something that happened: one of its fields is set.
type Message struct {
	Run   *Run     `json:"run,omitempty"`   // it changed
	Event *Event   `json:"event,omitempty"` // of rota itself
	Log   *LogLine `json:"log,omitempty"`   // a line of a run's output
}

// Event is something that happened to rota itself.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Task string    `json:"task,omitempty"`
	Who  string    `json:"who,omitempty"`
	Text string    `json:"text,omitempty"`
}

// EventQuery selects events; its zero value is the newest hundred.
type EventQuery struct {
	Task  string    // of that task, and those of rota as a whole; "": all
	Since time.Time // at or after it; zero: any
	N     int       // how many at most; 0: 100
}

// LogLine is a line of a run's output.
type LogLine struct {
	Time time.Time `json:"time"`
	Run  string    `json:"run"`
	Line string    `json:"line"`
	User string    `json:"-"` // whose rights the run was made with

}
