package notify

import (
	"time"

	"rota/runner"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	Failure   Kind = "failure" // failed, timeout or lost, and no attempt is left
	Success   Kind = "success"
	Missed    Kind = "missed"
	Recover   Kind = "recover" // ok after a failure
	Output    Kind = "output"  // it wrote something
	Late      Kind = "late"    // it runs for longer than it usually does
	Stale     Kind = "stale"   // no success within the time that is expected
	Held      Kind = "held"    // too many failures in a row
	BadConfig Kind = "bad_config"
	Trouble   Kind = "trouble" // of rota itself
	Test      Kind = "test"
)

// Event is something to tell.
type Event struct {
	Number int64 // in the outbox of whoever sends it; 0: it is in none
	Kind   Kind
	Run    runner.Run // that it is of; of Stale and Held its Task alone may be set, of BadConfig, Trouble and Test nothing is
	Text   string     // for people, what happened or why; "": the Why of Run
	Time   time.Time  // zero: now
}

// Target is somebody to tell, and how.
type Target struct {
	Name        string
	Action      runner.Action  // *runner.Mail, *runner.HTTP or *runner.Command
	Process     runner.Process // the surroundings of a command
	AtMostEvery time.Duration  // what happens sooner is gathered; 0: nothing is
}

// Undelivered is somebody who could not be told when it was last tried.
type Undelivered struct {
	Target  string // or "ping HOST"
	Error   string
	Since   time.Time // of the first failure in a row
	Waiting int       // events that will be tried again
	Dropped int       // that will not
}
