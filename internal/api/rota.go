package api

import (
	"time"
)

// Reloaded holds the changes of a reload, or those that it would make.
type Reloaded struct {
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	Changed  []string `json:"changed,omitempty"` // "sync: timeout 1h → 4h"
	Same     int      `json:"same"`
	Settings []string `json:"settings,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Text     string   `json:"text"` // all changes in one line
	Plan     bool     `json:"plan,omitempty"`
}

// Drained holds the remaining runs of a drained daemon.
type Drained struct {
	Until   time.Time `json:"until,omitzero"`
	Forked  []string  `json:"forked"`  // forked runs, which continue
	Waiting int       `json:"waiting"` // runs that wait, or waited, for the end of the drain
}

// Notified is the result of a test notification.
type Notified struct {
	Target string  `json:"target"`
	To     string  `json:"to"` // for people
	Took   float64 `json:"took_seconds"`
}
