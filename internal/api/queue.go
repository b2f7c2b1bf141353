package api

import "time"

// Queue is a queue with its settings in force.
type Queue struct {
	Queue       string   `json:"queue"`
	State       string   `json:"state"` // "started" or "stopped"
	Workers     int      `json:"workers"`
	Capacity    int      `json:"capacity"`
	Description string   `json:"description,omitempty"`
	Running     []string `json:"running"` // ids of runs
	Waiting     int      `json:"waiting"`
	Hold        *Hold    `json:"hold,omitempty"`    // who stopped it; nil: not stopped by a user
	Started     *Started `json:"started,omitempty"` // who started it; nil: autostart, if it is started
}

// Started is who started a queue, and when.
type Started struct {
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
}

// Queues is the answer to a query of queues.
type Queues struct {
	Queues   []Queue  `json:"queues"`
	Warnings []string `json:"warnings,omitempty"`
}
