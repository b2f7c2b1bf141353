package api

import (
	"fmt"
	"strconv"
	"time"

	"rota/runner"
)

// RunQuery selects runs; its zero value selects the newest hundred.
type RunQuery struct {
	Task     string         // "": of all tasks
	States   []runner.State // with neither States nor Outcomes: any
	Outcomes []runner.Outcome
	Since    time.Time // runs that began, or were due, at or after it; zero: any
	N        int       // how many at most; 0: 100

	Summaries bool // only summary rows, of slots that were not executed

	// For an overview of several tasks: of each of Tasks the last Each runs that started or,
	// with Active, the runs that ended or were skipped at or after it, and those that are
	// running or queued. The default of N is 100,000 then.
	Tasks  []string
	Each   int
	Active time.Time
}

// MostTasks is how many Tasks a RunQuery may have.
const MostTasks = 1000

// Run is the public form of a run. [RunOf] makes it.
type Run struct {
	ID        string            `json:"run"`  // TASK/SLOT or TASK/KEY
	Task      string            `json:"task"` // its name
	Cause     runner.Cause      `json:"cause"`
	State     runner.State      `json:"state,omitempty"`   // "" once there is an outcome
	Outcome   runner.Outcome    `json:"outcome,omitempty"` // "" while there is a state
	Why       string            `json:"why,omitempty"`     // the reason of a state or outcome, for people
	Reason    runner.ReasonCode `json:"reason,omitempty"`  // the same for programs: a word; "": not known
	Scheduled time.Time         `json:"scheduled,omitzero"`
	Queued    time.Time         `json:"queued,omitzero"`
	Started   time.Time         `json:"started,omitzero"`
	Finished  time.Time         `json:"finished,omitzero"`
	Attempts  int               `json:"attempts,omitempty"`
	Exit      *int              `json:"exit,omitempty"`   // of the attempt that ended last; nil: its process did not exit by itself, or there was none
	Signal    string            `json:"signal,omitempty"` // the signal that ended it, "KILL"; "": none
	Error     string            `json:"error,omitempty"`  // the tail of its output, if it failed

	CPU    float64 `json:"cpu,omitempty"`     // CPU seconds of its process, and of the children that it waited for
	MaxRSS int64   `json:"max_rss,omitempty"` // the peak memory, in bytes, of the largest of these processes; 0: not known, as for one smaller than rota

	// For a summary row, which has Count > 0; its slots are First to Last.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Count int       `json:"count,omitempty"`
	By    string    `json:"by,omitempty"` // the run that superseded its slots

	Revision string `json:"revision,omitempty"` // of the file that was in force when it was decided
	Queue    string `json:"queue,omitempty"`
	Priority int    `json:"priority,omitempty"`

	// For requests and delayed runs.
	NotBefore time.Time         `json:"not_before,omitzero"` // a delayed run waits until then; zero: until Scheduled
	On        string            `json:"on,omitempty"`        // the trigger of a recurring request, in canonical form
	Params    map[string]string `json:"params,omitempty"`
	Input     string            `json:"input,omitempty"`       // its input, if that is short
	LongInput bool              `json:"long_input,omitempty"`  // its input is long, and only the daemon has it
	Parent    string            `json:"parent,omitempty"`      // the run whose hook requested it, or its recurring request
	Who       string            `json:"who,omitempty"`         // who requested it
	User      string            `json:"user,omitempty"`        // the user that it runs as: the user of its task when it was made or, later, last started; "": the user of rota
	Trace     string            `json:"traceparent,omitempty"` // the trace that it belongs to, as W3C Trace Context names it
	Force     bool              `json:"force,omitempty"`       // start it even if its task is held
	Binding   bool              `json:"binding,omitempty"`     // it was forced or held by a caller with MayControl over its task, not only MayOwn
	Result    int64             `json:"result,omitempty"`      // bytes of its result; 0: none
}

// IsSummary reports whether r is a summary row, of slots that were not executed.
func (r Run) IsSummary() bool { return r.Count > 0 }

// RunOf returns the public form of a run: without paths of the daemon's machine, and
// without the digest.
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

// RunsOf returns [RunOf] of each run.
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

// LogQuery selects the output of a run.
type LogQuery struct {
	Run     string // its id, or a task for its newest run
	Follow  bool   // continue until the run or, for a single attempt, that attempt has ended
	Attempt int    // counted from 1; 0: the last; AllAttempts: each, after a line that names it
}

// AllAttempts selects the output of all attempts, the first one first.
const AllAttempts = -1

// Attempt reads the number of an attempt; "" is the last one, "all" is [AllAttempts].
func Attempt(text string) (int, error) {
	switch text {
	case "":
		return 0, nil
	case "all":
		return AllAttempts, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, Errorf(Usage, `give its number, from 1, or "all"`, "no attempt %q", short(text))
	}
	return n, nil
}

// RunDetails is a run with all details.
type RunDetails struct {
	Run
	Transitions []Transition `json:"transitions"`
	Outputs     bool         `json:"output,omitempty"`  // there is output of the last attempt to read
	WithOutput  []int        `json:"outputs,omitempty"` // the attempts of which there is some
}

// Transition is a change of the state of a run; it has a State or an Outcome.
type Transition struct {
	Time    time.Time         `json:"time"`
	State   runner.State      `json:"state,omitempty"`
	Outcome runner.Outcome    `json:"outcome,omitempty"`
	Why     string            `json:"why,omitempty"`
	Reason  runner.ReasonCode `json:"reason,omitempty"` // as in Run
	Until   time.Time         `json:"until,omitzero"`   // for State Delayed and Recurring: the new NotBefore of the run; zero: unchanged
	On      string            `json:"on,omitempty"`     // for State Recurring: the new trigger of the run; "": unchanged
}

// TransitionsOf returns the public form of the transitions of a run.
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

// Forgetting selects runs to remove: by ids, or by outcome and age.
type Forgetting struct {
	IDs      []string         `json:"ids,omitempty"`
	Task     string           `json:"task,omitempty"`
	Outcomes []runner.Outcome `json:"outcomes,omitempty"`
	Older    time.Duration    `json:"older,omitempty"` // "90d" since the end; 0: any
}

// Word returns the state of a run or, once it has one, its outcome.
func (r Run) Word() string {
	if r.Outcome != "" {
		return string(r.Outcome)
	}
	return string(r.State)
}

// HowEnded describes in two words how a failed process ended; "" if that adds nothing to
// the outcome.
func (r Run) HowEnded() string {
	switch {
	case r.Signal != "":
		return "killed by " + r.Signal
	case r.Exit != nil && *r.Exit != 0:
		return fmt.Sprintf("exit %d", *r.Exit)
	}
	return ""
}

// Took is [runner.Run.Took].
func (r Run) Took() (time.Duration, bool) {
	return runner.Run{Outcome: r.Outcome, Started: r.Started, Finished: r.Finished, Reason: runner.Reason{Code: r.Reason}}.Took()
}
