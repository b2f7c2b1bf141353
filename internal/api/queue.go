package api

// Queue is a lane and what it does.
type Queue struct {
	Queue       string   `json:"queue"`
	State       string   `json:"state"` // "started" or "stopped"
	Workers     int      `json:"workers"`
	Capacity    int      `json:"capacity"`
	Description string   `json:"description,omitempty"`
	Running     []string `json:"running"` // ids of runs
	Waiting     int      `json:"waiting"`
	Hold        *Hold    `json:"hold,omitempty"` // who stopped it; nil: it never was, or autostart leaves it out
}

// Queues is the answer to patterns.
type Queues struct {
	Queues   []Queue  `json:"queues"`
	Warnings []string `json:"warnings,omitempty"`
}
