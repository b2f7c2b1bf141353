package api

import (
	"fmt"
	"strconv"
	"time"

	"rota/runner"
)

// RunQuery selects runs; its zero value is the newest hundred.
type RunQuery struct {
	Task     string         // "": of all tasks
	States   []runner.State // with neither States nor Outcomes: any
	Outcomes []runner.Outcome
	Since    time.Time // that began, or were to, at or after it; zero: any
	N        int       // how many at most; 0: 100

	Summaries bool // only rows that stand for slots that were not executed

	// For an overview of some tasks: of each of Tasks the last Each that started or, with
	// Active, what ended, or was skipped, at or after that, or runs or is queued. N is
	// 100,000 then where it is 0.
	Tasks  []string
	Each   int
	Active time.Time
}

// MostTasks is how many Tasks a RunQuery can have.
const MostTasks = 1000

// Run is a run as it is shown to others. [RunOf] makes it.
type Run struct {
	ID        string            `json:"run"`  // TASK/SLOT or TASK/KEY
	Task      string            `json:"task"` // its name
	Cause     runner.Cause      `json:"cause"`
	State     runner.State      `json:"state,omitempty"`   // "" once there is an outcome
	Outcome   runner.Outcome    `json:"outcome,omitempty"` // "" while there is a state
	Why       string            `json:"why,omitempty"`     // the reason of a state or outcome, for people
	Reason    runner.ReasonCode `json:"reason,omitempty"`  // the same for programs: a word; "": none is known
	Scheduled time.Time         `json:"scheduled,omitzero"`
	Queued    time.Time         `json:"queued,omitzero"`
	Started   time.Time         `json:"started,omitzero"`
	Finished  time.Time         `json:"finished,omitzero"`
	Attempts  int               `json:"attempts,omitempty"`
	Exit      *int              `json:"exit,omitempty"`   // of the attempt that ended last; nil: its process did not exit by itself, or there was none
	Signal    string            `json:"signal,omitempty"` // what ended it, "KILL"; "" if nothing did
	Error     string            `json:"error,omitempty"`  // the tail of its output, if it failed

	CPU    float64 `json:"cpu,omitempty"`     // seconds that its process computed, and what that waited for
	MaxRSS int64   `json:"max_rss,omitempty"` // bytes of memory that the largest of these had; 0: not known, as of one smaller than rota

	// Of a summary row, which has Count > 0; First to Last are its slots.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Count int       `json:"count,omitempty"`
	By    string    `json:"by,omitempty"` // the run that superseded its slots

	Revision string `json:"revision,omitempty"` // of the file that it was decided by
	Queue    string `json:"queue,omitempty"`
	Priority int    `json:"priority,omitempty"`

	// Of a request, and of what waits for a time of its own.
	NotBefore time.Time         `json:"not_before,omitzero"` // a delayed run waits until then; zero: until Scheduled
	On        string            `json:"on,omitempty"`        // the trigger of a recurring request, as rota reads it
	Params    map[string]string `json:"params,omitempty"`
	Input     string            `json:"input,omitempty"`       // what it reads, if that is short
	LongInput bool              `json:"long_input,omitempty"`  // it reads an input that only the daemon has
	Parent    string            `json:"parent,omitempty"`      // the run whose hook asked for it, or the recurring request that it is of
	Who       string            `json:"who,omitempty"`         // who asked for it
	User      string            `json:"user,omitempty"`        // whose rights it has: the user of its task when it was made and then when it was started last; "": those of rota
	Trace     string            `json:"traceparent,omitempty"` // the trace that it belongs to, as W3C Trace Context names it
	Force     bool              `json:"force,omitempty"`       // it starts even if its task is held
	Binding   bool              `json:"binding,omitempty"`     // of one forced or held: by somebody who may control its task, not only own it
	Result    int64             `json:"result,omitempty"`      // bytes of its result; 0: there is none
}

// IsSummary reports whether the row stands for slots that were not executed.
func (r Run) IsSummary() bool { return r.Count > 0 }

// RunOf is a run as it is shown to others: without a path on the daemon's machine, and
// without a digest.
func RunOf(r runner.Run) Run {
	return Run{
		ID: r.ID, Task: r.Task, Cause: r.Cause, State: r.State, Outcome: r.Outcome, Why: r.Why, Reason: r.Reason.Code,
		Scheduled: r.Scheduled, Queued: r.Queued, Started: r.Started, Finished: r.Finished,
		Attempts: r.Attempts, Exit: r.Exit, Signal: r.Signal, Error: r.Error, CPU: r.CPU.Seconds(), MaxRSS: r.MaxRSS,
		First: r.First, Last: r.Last, Count: r.Count, By: r.By,
		Revision: r.Revision, Queue: r.Queue, Priority: r.Priority, NotBefore: r.NotBefore, On: r.On,
		Params: r.Params, Input: r.Input, LongInput: r.InputFile != "", Parent: r.Parent, Who: r.Who, User: r.User, Trace: r.Trace,
		Force: r.Force, Binding: r.Binding, Result: r.Result,
	}
}

// RunsOf is [RunOf] of each.
func RunsOf(runs []runner.Run) []Run {
	if runs == nil {
		return nil
	}
	all := make([]Run, len(runs))
	for i, r := range runs {
		all[i] = RunOf(r)
	}
	return all
}

// LogQuery asks for the output of a run.
type LogQuery struct {
	Run     string // its id, or a task for its newest run
	Follow  bool   // go on until the run has ended or, of an attempt alone, that attempt
	Attempt int    // counted from 1; 0: the last; AllAttempts: each, after a line that names it
}

// AllAttempts asks for the output of all attempts, the first one first.
const AllAttempts = -1

// Attempt reads which attempt is meant: "" is the last one, "all" [AllAttempts].
func Attempt(text string) (int, error) {
	switch text {
	case "":
		return 0, nil
	case "all":
		return AllAttempts, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, Errorf(Usage, `give its number, from 1, or "all"`, "there is no attempt %q", short(text))
	}
	return n, nil
}

// RunDetails is all that is known of a run.
type RunDetails struct {
	Run
	Transitions []Transition `json:"transitions"`
	Outputs     bool         `json:"output,omitempty"` // there is output to read
}

// Transition is one step in the life of a run; it has a State or an Outcome.
type Transition struct {
	Time    time.Time         `json:"time"`
	State   runner.State      `json:"state,omitempty"`
	Outcome runner.Outcome    `json:"outcome,omitempty"`
	Why     string            `json:"why,omitempty"`
	Reason  runner.ReasonCode `json:"reason,omitempty"` // as in Run
	Until   time.Time         `json:"until,omitzero"`   // of State Delayed and Recurring: the run's NotBefore from now on; zero: as it is
	On      string            `json:"on,omitempty"`     // of State Recurring: the run's trigger from now on; "": as it is
}

// TransitionsOf are the steps in the life of a run as they are shown to others.
func TransitionsOf(steps []runner.Transition) []Transition {
	all := make([]Transition, len(steps))
	for i, t := range steps {
		all[i] = Transition{Time: t.Time, State: t.State, Outcome: t.Outcome, Why: t.Why, Reason: t.Reason.Code, Until: t.Until, On: t.On}
	}
	return all
}

// Why is the answer to "why did it not run?", in sentences.
type Why struct {
	Task   string    `json:"task"`
	At     time.Time `json:"at,omitzero"` // the slot that the answer is about
	Reason string    `json:"reason"`      // a word for programs: "ran", "held", "overlap", "missed", …
	Text   []string  `json:"text"`        // for people: one sentence each
	Run    *Run      `json:"run,omitempty"`
	Next   time.Time `json:"next,omitzero"`
}

// Forgetting selects runs to be forgotten: those of the ids, or of the outcomes
// and age.
type Forgetting struct {
	IDs      []string         `json:"ids,omitempty"`
	Task     string           `json:"task,omitempty"`
	Outcomes []runner.Outcome `json:"outcomes,omitempty"`
	Older    time.Duration    `json:"older,omitempty"` // "90d" since the end; 0: any
}

// Word is the state of a run or, once it has one, its outcome.
func (r Run) Word() string {
	if r.Outcome != "" {
		return string(r.Outcome)
	}
	return string(r.State)
}

// HowEnded says in two words how a process ended that did not end well; "" if there is
// nothing to say beyond the outcome.
func (r Run) HowEnded() string {
	switch {
	case r.Signal != "":
		return "killed by " + r.Signal
	case r.Exit != nil && *r.Exit != 0:
		return fmt.Sprintf("exit %d", *r.Exit)
	}
	return ""
}
