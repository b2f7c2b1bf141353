package api

import (
	"time"
)

// NextQuery selects upcoming slots.
type NextQuery struct {
	Tasks []string  // empty: all
	N     int       // slots of each task; 0: all up to Until or, without it, 1
	Until time.Time // zero: no limit
}

// Slot is one due instant of a task. At has the zone to show it in.
type Slot struct {
	Task    string    `json:"task"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
	Request string    `json:"request,omitempty"` // the id of its recurring request
}
