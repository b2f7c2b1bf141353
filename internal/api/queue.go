package api

// Queue is a queue as it is in force.
type Queue struct {
	Queue       string   `json:"queue"`
	State       string   `json:"state"` // "started" or "stopped"
	Workers     int      `json:"workers"`
	Capacity    int      `json:"capacity"`
	Description string   `json:"description,omitempty"`
	Running     []string `json:"running"` // ids of runs
	Waiting     int      `json:"waiting"`
	Hold        *Hold    `json:"hold,omitempty"` // who stopped it; nil: it never was stopped, or autostart does not start it
}

// Queues is the answer to patterns.
type Queues struct {
	Queues   []Queue  `json:"queues"`
	Warnings []string `json:"warnings,omitempty"`
}
