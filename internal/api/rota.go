package api

import (
	"time"
)

// Reloaded is what a reload changed, or would.
type Reloaded struct {
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	Changed  []string `json:"changed,omitempty"` // "sync: timeout 1h → 4h"
	Same     int      `json:"same"`
	Settings []string `json:"settings,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Text     string   `json:"text"` // all of it in one line
	Plan     bool     `json:"plan,omitempty"`
}

// Drained is what is left when a daemon is drained.
type Drained struct {
	Until   time.Time `json:"until,omitzero"`
	Forked  []string  `json:"forked"`  // runs that go on
	Waiting int       `json:"waiting"` // runs that wait for the end of the drain, or did
}

// Notified is how a notification went.
type Notified struct {
	Target string  `json:"target"`
	To     string  `json:"to"` // for people
	Took   float64 `json:"took_seconds"`
}
