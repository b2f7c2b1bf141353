// Package runner executes runs: it decides what may start, starts it in one of three
// modes, watches it and ends it. It knows no schedule, no file format and no store:
// changes of runs go to a [Recorder].
package runner

import (
	"context"
	"io"
	"time"

	"rota/runner/internal/process"
)

// Task is the part of a task that matters for running it: what it does and how.
// It is a value that never changes; package config makes it from the file.
type Task struct {
	Name   string
	Action Action `json:"-"` // encoded by name, see actions.go
	Policy
	Process
	Data
}

// Data is what the runs of a task are given, and how much of what they write is kept.
type Data struct {
	Params map[string]string // names and defaults of what a request may give
	Zone   string            // the time zone of the times in its templates, as time.LoadLocation takes it; "": the times' own
	Output int64             // how many bytes of output a run keeps; or [runlog.NoRoom]

	InputMax  int64 // how many bytes of input a request may give; 0: none
	ResultMax int64 // how many bytes of result a run may have; 0: none
}

// Policy is how the runs of a task start, wait and end.
type Policy struct {
	Mode        Mode
	OnlyIf      *Command // the condition of each run; nil: none
	Queue       string   // "": none
	Overlap     Overlap
	Timeout     time.Duration // 0: none
	TimeoutOK   bool          // being stopped at the time-out is the normal end of a run
	KillAfter   time.Duration // from the stop signal to KILL
	StopSignal  string        // "TERM", "INT", …; "none": no signal, the task has KillAfter to see by itself, see StopAsked
	Leftovers   Leftovers     // what becomes of processes that outlive their command; "": they are kept
	SuccessExit []int         // exit codes that count as ok
	Priority    int           // -1, 0 or 1; higher goes first

	Missed       CatchUp       // "": none is started, but for triggers that are due only once, and for slots slightly late while rota ran
	MissedWithin time.Duration // slots that are later are not started; 0: for MissedAll a day, else no limit
	MaxWait      time.Duration // a run that is queued for longer is skipped; 0: no limit
	Retry        Retry
	HoldAfter    int // after so many failures in a row the task is held; 0: never
}

// termination is how the runs of a task are stopped.
func (p Policy) termination() process.Termination {
	return process.Termination{Signal: process.Signal(p.StopSignal), Grace: p.KillAfter}
}

// Leftovers is what is done with processes of a run that are alive when its command has
// ended by itself.
type Leftovers string

// The values of leftovers.
const (
	LeftoversKeep Leftovers = "keep" // they are not stopped
	LeftoversStop Leftovers = "stop" // they are stopped, and only then the run ends
)

// CatchUp is what is done with slots that could not be started in time.
type CatchUp string

// The values of missed.
const (
	MissedSkip CatchUp = "skip" // they are recorded as missed
	MissedOnce CatchUp = "once" // one run, for the newest
	MissedAll  CatchUp = "all"  // a run for each, the oldest first
)

// Retry says when a run that did not end well is attempted again.
type Retry struct {
	Max      int // attempts after the first; 0: none
	Delay    time.Duration
	Factor   float64 // by which each delay is longer than the one before
	MaxDelay time.Duration
	On       []string // outcomes and exit codes that are retried
}

// Process is the settings of a command.
type Process = process.Settings

// Limits are resource limits as setrlimit(2) means them.
type Limits = process.Limits

// Mode is how a run starts and whether it outlives the daemon.
type Mode string

// The modes.
const (
	Sequential Mode = "sequential" // one after another in its queue; ends with the daemon
	Threaded   Mode = "threaded"   // at once; ends with the daemon
	Forked     Mode = "forked"     // at once, detached; outlives the daemon
)

// Overlap is what is done with a slot whose task has a waiting or running run.
type Overlap string

// The overlap policies.
const (
	OverlapSkip    Overlap = "skip"    // the slot is skipped
	OverlapQueue   Overlap = "queue"   // it waits; newer ones are summarized under it
	OverlapReplace Overlap = "replace" // what runs is stopped, what waits dropped
	OverlapAllow   Overlap = "allow"   // no limit but the queue's
)

// Queue is how many runs execute at once and how many may wait.
type Queue struct {
	Workers     int
	Capacity    int
	Description string
}

// Action is what a task does.
type Action interface {
	// Run does it, writes its output to out and returns when it is done or
	// when ctx is. An error is the run's failure; it may be an [*Exit].
	Run(ctx context.Context, in Input, out io.Writer) error
}
