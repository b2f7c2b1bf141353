package notify

import (
	"time"

	"rota/runner"
)

// Kind is the kind of an event.
type Kind string

// The kinds of events.
const (
	Failure   Kind = "failure" // failed, timeout or lost, and no attempt is left
	Success   Kind = "success"
	Missed    Kind = "missed"
	Recover   Kind = "recover" // ok after a failure
	Output    Kind = "output"  // the run wrote output
	Late      Kind = "late"    // the run takes longer than warn_after
	Stale     Kind = "stale"   // no success within expect_success_within
	Held      Kind = "held"    // too many failures in a row held the task
	BadConfig Kind = "bad_config"
	Trouble   Kind = "trouble" // a fault of rota itself
	Test      Kind = "test"
)

// Event is an event to report to targets.
type Event struct {
	Number int64 // in the outbox of the caller; 0: not in an outbox
	Kind   Kind
	Run    runner.Run // the run of the event; for Stale and Held only its Task may be set, for BadConfig, Trouble and Test nothing
	Text   string     // what happened or why, for people; "": the Why of Run
	Time   time.Time  // zero: now
}

// Target is a target of notifications: [notify.NAME].
type Target struct {
	Name        string
	Action      runner.Action  // *runner.Mail, *runner.HTTP or *runner.Command
	Process     runner.Process // the environment of a command
	AtMostEvery time.Duration  // the least time between two notifications; events in between are sent together; 0: none
}

// Undelivered is a target or host whose last delivery failed.
type Undelivered struct {
	Target  string // or "ping HOST"
	Error   string
	Since   time.Time // of the first failure in a row
	Waiting int       // events whose delivery will be tried again
	Dropped int       // events that were given up
}
