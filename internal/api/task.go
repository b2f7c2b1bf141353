package api

import (
	"time"

	"rota/runner"
)

// Task is a task as it is in force.
type Task struct {
	Task        string            `json:"task"`
	State       string            `json:"state"` // running, queued, held, the outcome of its last run, "new" or "disabled"
	Description string            `json:"description,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Enabled     bool              `json:"enabled"`
	Schedule    string            `json:"schedule"` // in words
	Timezone    string            `json:"timezone"` // whose clock it goes by; "Local": the machine's
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
	Last        *Run              `json:"last,omitempty"`     // the newest that was executed or is
	Failures    int               `json:"failures,omitempty"` // in a row
	LastSuccess time.Time         `json:"last_success,omitzero"`
	Running     []string          `json:"running,omitempty"`   // ids of runs
	Late        bool              `json:"late,omitempty"`      // one of these takes longer than warn_after
	Waiting     []string          `json:"waiting,omitempty"`   // also held, delayed
	Recurring   []Run             `json:"recurring,omitempty"` // requests with a trigger of their own
	RunsLeft    []RunsLeft        `json:"runs_left,omitempty"` // of a task asked for by name: of its triggers with a count
	Settings    []Setting         `json:"settings,omitempty"`  // of a task asked for by name
}

// RunsLeft is how many runs are left of a trigger that is over after so many.
type RunsLeft struct {
	Trigger string `json:"trigger"`
	Count   int    `json:"count"`
	Left    int    `json:"left"`
}

// Setting is a key of a task and its value, as in the file.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default bool   `json:"default,omitempty"` // not given, neither there nor in [defaults]
}

// Awaited is a task after which another one runs.
type Awaited struct {
	Task string `json:"task"`
	OK   bool   `json:"ok"` // it has been, since the other one last ran
}

// Hold says since when something is held, by whom and why.
type Hold struct {
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until it is released
	// Binding is true of what somebody holds who may control it: who only owns it
	// can neither end that nor start anything in spite of it.
	Binding bool `json:"binding,omitempty"`
}

// On is the trigger that replaces those of a task.
type On struct {
	Expr  string    `json:"expr"` // "never": nothing does
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until the file's triggers change
}

// Holding asks for tasks to be held.
type Holding struct {
	Tasks []string      `json:"tasks,omitempty"`
	All   bool          `json:"all,omitempty"`
	At    time.Time     `json:"at,omitzero"`   // when it begins; zero: now
	For   time.Duration `json:"for,omitempty"` // "2h" from then on; 0: until released
	Why   string        `json:"why,omitempty"`
}

// Released is what is held no more.
type Released struct {
	Tasks []string `json:"tasks"`
	Runs  []string `json:"runs"`
}

// Rescheduling asks for another trigger.
type Rescheduling struct {
	Name  string    `json:"name"` // of a task, or the id of a recurring request
	Expr  string    `json:"expr"` // a trigger, "default" or "never"
	Until time.Time `json:"until,omitzero"`
	Then  string    `json:"then,omitempty"` // what follows a trigger of one instant: "default" or "never"; "": "default"
}

// CheckThen refuses Then where it has no meaning: with anything but one instant, and
// with Until, which says the same.
func (r Rescheduling) CheckThen(instant bool) error {
	switch {
	case r.Then == "", instant && r.Then == "default":
	case r.Then != "default" && r.Then != "never":
		return Errorf(Usage, "", "then is default or never, not %q", r.Then)
	case !instant:
		return Errorf(Usage, "leave it out", "then is for a trigger of one instant")
	case !r.Until.IsZero():
		return Errorf(Usage, "leave one of them out", "then and until exclude each other")
	}
	return nil
}

// Rescheduled is what a reschedule changed.
type Rescheduled struct {
	Name  string    `json:"name"`
	Expr  string    `json:"expr"` // as it is understood; "default" or "never"
	Until time.Time `json:"until,omitzero"`
	Then  string    `json:"then,omitempty"` // after a trigger of one instant: "default" or "never"
	Was   time.Time `json:"was,omitzero"`   // the next slot before
	Next  time.Time `json:"next,omitzero"`  // and now; zero: none
}
