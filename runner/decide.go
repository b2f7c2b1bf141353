package runner

import "time"

// Slot is one or several due instants of one task, to be decided together.
type Slot struct {
	Task        string
	Epoch       int       // of the cursor
	First, Last time.Time // Last is the one that runs
	Prev        time.Time // the one before Last; zero if N is 1
	N           int       // how many, First and Last included
	Cause       Cause     // CauseSchedule, CauseCatchup or CauseStart
	Missed      string    // not "": too late to run, and why
}

// Batch is what was decided: all of it goes into one transaction with the
// cursor, and only then does anything start.
type Batch struct {
	Runs  []Run    // new runs, State Queued
	Folds []Run    // rows that stand for slots which are not executed
	Ends  []End    // waiting runs that end without having started
	Claim []string // ids of runs, new or waiting, that start at once
}

// End is the outcome of a run that never started.
type End struct {
	ID      string
	Outcome Outcome
	Why     string
}
