package api

import (
	"time"
)

// NextQuery asks for slots to come.
type NextQuery struct {
	Tasks []string  // none: all
	N     int       // of each task; 0: all up to Until or, without it, 1
	Until time.Time // zero: any
}

// Slot is one due instant of a task. At has the zone to show it in.
type Slot struct {
	Task    string    `json:"task"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
	Request string    `json:"request,omitempty"` // the recurring request that it is of
}
