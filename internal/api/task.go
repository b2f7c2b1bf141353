package api

import (
	"time"

	"rota/runner"
)

// Task is a task with its settings in force and its state.
type Task struct {
	Task        string            `json:"task"`
	State       string            `json:"state"` // running, queued, held, the outcome of its last run, "new" or "disabled"
	Description string            `json:"description,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Enabled     bool              `json:"enabled"`
	Schedule    string            `json:"schedule"` // in words
	Timezone    string            `json:"timezone"` // the zone of its times; "Local": that of the machine
	Next        time.Time         `json:"next,omitzero"`
	Mode        runner.Mode       `json:"mode"`
	Queue       string            `json:"queue,omitempty"`
	Action      string            `json:"action"`
	Does        string            `json:"does"`
	User        string            `json:"user,omitempty"`
	Params      map[string]string `json:"params,omitempty"`
	Hold        *Hold             `json:"hold,omitempty"`
	Planned     *Hold             `json:"planned,omitempty"`  // the hold that begins at its Since
	On          *On               `json:"on,omitempty"`       // replaces its triggers
	After       []Awaited         `json:"after,omitempty"`    // the tasks after which it runs
	Skip        []time.Time       `json:"skip,omitempty"`     // upcoming slots to be skipped
	Last        *Run              `json:"last,omitempty"`     // the newest run that was or is executed
	Failures    int               `json:"failures,omitempty"` // consecutive failures
	LastSuccess time.Time         `json:"last_success,omitzero"`
	Running     []string          `json:"running,omitempty"`   // ids of runs
	Late        bool              `json:"late,omitempty"`      // a running run takes longer than warn_after
	Waiting     []string          `json:"waiting,omitempty"`   // ids of queued, held and delayed runs
	Recurring   []Run             `json:"recurring,omitempty"` // recurring requests
	RunsLeft    []RunsLeft        `json:"runs_left,omitempty"` // only for tasks queried by name: for each trigger with a count
	Settings    []Setting         `json:"settings,omitempty"`  // only for tasks queried by name
}

// RunsLeft is how many runs are left of a trigger with a count.
type RunsLeft struct {
	Trigger string `json:"trigger"`
	Count   int    `json:"count"`
	Left    int    `json:"left"`
}

// Setting is a key of a task with its value in force.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default bool   `json:"default,omitempty"` // neither given in the task nor in [defaults]
}

// Awaited is a task after which another one runs.
type Awaited struct {
	Task string `json:"task"`
	OK   bool   `json:"ok"` // it was ok since the other task last ran
}

// Hold is a hold of a task, a run or a queue.
type Hold struct {
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until it is released
	// Binding is set if a caller with MayControl made the hold: a caller with only
	// MayOwn can then neither end it nor start runs in spite of it.
	Binding bool `json:"binding,omitempty"`
}

// On is the trigger that replaces those of a task.
type On struct {
	Expr  string    `json:"expr"` // "never": no trigger
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until the file's triggers change
}

// Holding is a request to hold tasks.
type Holding struct {
	Tasks []string      `json:"tasks,omitempty"`
	All   bool          `json:"all,omitempty"`
	At    time.Time     `json:"at,omitzero"`   // when the hold begins; zero: now
	For   time.Duration `json:"for,omitempty"` // "2h" from then on; 0: until released
	Why   string        `json:"why,omitempty"`
}

// Released holds the names that were released.
type Released struct {
	Tasks []string `json:"tasks"`
	Runs  []string `json:"runs"`
}

// Rescheduling is a request for another trigger.
type Rescheduling struct {
	Name  string    `json:"name"` // the name of a task, or the id of a recurring request
	Expr  string    `json:"expr"` // a trigger, "default" or "never"
	Until time.Time `json:"until,omitzero"`
	Then  string    `json:"then,omitempty"` // the triggers after one with a single instant: "default" or "never"; "": "default"
}

// CheckThen returns an error if Then has no meaning: with a trigger of more than one
// instant, or with Until.
func (r Rescheduling) CheckThen(instant bool) error {
	switch {
	case r.Then == "", instant && r.Then == "default":
	case r.Then != "default" && r.Then != "never":
		return Errorf(Usage, "", "then is default or never, not %q", r.Then)
	case !instant:
		return Errorf(Usage, "omit it", "then is for a trigger of one instant")
	case !r.Until.IsZero():
		return Errorf(Usage, "omit one of them", "then and until exclude each other")
	}
	return nil
}

// Rescheduled is what a reschedule changed.
type Rescheduled struct {
	Name  string    `json:"name"`
	Expr  string    `json:"expr"` // in canonical form; "default" or "never"
	Until time.Time `json:"until,omitzero"`
	Then  string    `json:"then,omitempty"` // after a trigger of one instant: "default" or "never"
	Was   time.Time `json:"was,omitzero"`   // the next slot before
	Next  time.Time `json:"next,omitzero"`  // the next slot now; zero: none
}
