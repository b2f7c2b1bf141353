package runner

import "time"

// Actions is the table of what a task can do, by the name of its key in the
// file: each entry makes an empty action of its kind, to be filled by package
// config or decoded from the JSON that a shim is given.
var Actions = map[string]func() Action{}

// Input is what an action may know of the run it belongs to. Templates see it.
type Input struct {
	Task      string
	Run       string // the run's id
	Scheduled time.Time
	Started   time.Time
	Attempt   int // from 1
	Cause     Cause
	Host      string
	Params    map[string]string
	Process   Process // the surroundings of a command
	Policy    Policy
	StateDir  string

	// LastSuccess is when the newest run with outcome ok finished; zero if
	// none is known.
	LastSuccess time.Time
	// Note, if not nil, is called with something worth keeping in the record
	// of the run that is no error, such as processes left behind.
	Note func(text string)
}
