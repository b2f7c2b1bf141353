package runner

import "time"

// Run is the run of a slot or of a request, or a summary of consecutive slots of a task
// with the same outcome and reason. It is a record: a value.
type Run struct {
	ID        string    `json:"run"`  // TASK/SLOT or TASK/KEY
	Task      string    `json:"task"` // its name
	Cause     Cause     `json:"cause"`
	State     State     `json:"state,omitempty"`   // "" once there is an outcome
	Outcome   Outcome   `json:"outcome,omitempty"` // "" while there is a state
	Why       string    `json:"why,omitempty"`     // the reason of the state or outcome, for people
	Reason    Reason    `json:"reason,omitzero"`   // the same for programs
	Scheduled time.Time `json:"scheduled,omitzero"`
	Queued    time.Time `json:"queued,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
	Attempts  int       `json:"attempts,omitempty"`
	Exit      *int      `json:"exit,omitempty"`   // of the attempt that ended last; nil: its process did not exit by itself, or there was none
	Signal    string    `json:"signal,omitempty"` // what ended it, "KILL"; "" if nothing did
	Error     string    `json:"error,omitempty"`  // the tail of its output, if it failed
	Usage

	// Of a summary row, which has Count > 0; First to Last are its slots.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Count int       `json:"count,omitempty"`
	By    string    `json:"by,omitempty"` // the run that superseded its slots

	Revision string `json:"revision,omitempty"` // of the file that it was decided by
	Queue    string `json:"queue,omitempty"`
	Priority int    `json:"priority,omitempty"`

	// Of a request, and of a run that is delayed.
	NotBefore time.Time         `json:"not_before,omitzero"` // a delayed run waits until then; zero: until Scheduled
	On        string            `json:"on,omitempty"`        // the trigger of a recurring request, as rota reads it
	Params    map[string]string `json:"params,omitempty"`
	Input     string            `json:"input,omitempty"`      // what it reads, if that is short
	InputFile string            `json:"input_file,omitempty"` // else the file with it
	Content   string            `json:"content,omitempty"`    // a digest of all that was asked for: the same id with another is another request
	Parent    string            `json:"parent,omitempty"`     // the run whose hook asked for it, or the recurring request that it is of
	Who       string            `json:"who,omitempty"`        // who asked for it
	User      string            `json:"user,omitempty"`       // whose rights it has: the user of its task when it was made and then when it was started last; "": those of rota
	Force     bool              `json:"force,omitempty"`      // it starts even if its task is held
	Binding   bool              `json:"binding,omitempty"`    // of one forced or held: by somebody who may control its task, not only own it
	Trace     string            `json:"trace,omitempty"`      // what TRACEPARENT says; "": it has not started, and nobody gave one
	Result    int64             `json:"result,omitempty"`     // bytes of its result; 0: there is none
}

// IsSummary reports whether the row is a summary of slots that were not executed.
func (r Run) IsSummary() bool { return r.Count > 0 }

// IsSlot reports whether it is the run of a slot, not of a request or a hook.
func (r Run) IsSlot() bool { return r.Cause != CauseManual && r.Cause != CauseChain }

// Brief returns the run without the parts that may be large, for lists.
func (r Run) Brief() Run {
	r.Params, r.Input, r.InputFile = nil, "", ""
	return r
}

// Took is how long a run that has ended took, with the waits between its attempts; false:
// it was not executed, the clock was set back meanwhile or it was superseded while it
// waited for another attempt.
func (r Run) Took() (time.Duration, bool) {
	if r.Outcome == "" || r.Started.IsZero() || r.Finished.Before(r.Started) || r.Reason.Is(ReasonSuperseded) {
		return 0, false
	}
	return r.Finished.Sub(r.Started), true
}

// Cause is what caused a run.
type Cause string

// The causes.
const (
	CauseSchedule Cause = "schedule"
	CauseManual   Cause = "manual"
	CauseChain    Cause = "chain"   // a hook of another task
	CauseCatchup  Cause = "catchup" // a late slot
	CauseStart    Cause = "start"   // at_start
)

// State is the state of a run without an outcome.
type State string

// The states.
const (
	Held      State = "held"
	Recurring State = "recurring"
	Delayed   State = "delayed"
	Queued    State = "queued"
	Running   State = "running"
)

// Outcome is how a run ended.
type Outcome string

// IsFailure reports whether it is one that hooks and hold_after count as a failure.
func (o Outcome) IsFailure() bool { return o == Failed || o == TimedOut || o == Lost }

// The outcomes.
const (
	OK        Outcome = "ok"
	Failed    Outcome = "failed"
	TimedOut  Outcome = "timeout"
	Cancelled Outcome = "cancelled"
	Skipped   Outcome = "skipped"
	Missed    Outcome = "missed"
	Lost      Outcome = "lost"
	Replaced  Outcome = "replaced"
)

// Usage is what the process of the attempt that ended last has used, with all that it
// started and waited for. A built-in action in the process of rota has none.
type Usage struct {
	CPU    time.Duration `json:"cpu,omitempty"`     // of user and system together
	MaxRSS int64         `json:"max_rss,omitempty"` // bytes of memory that the largest process had; 0: not more than rota itself, and so not known
}

// Result is how an executed run ended.
type Result struct {
	Outcome  Outcome
	Reason   Reason `json:",omitzero"`
	Why      string `json:",omitempty"` // the same as a text: "exit 3", "killed by SEGV"; what was left behind
	Finished time.Time
	Exit     *int   `json:",omitempty"` // as in Run
	Signal   string `json:",omitempty"`
	Error    string `json:",omitempty"`
	Result   int64  `json:",omitempty"` // as in Run
	Usage
	Stuck bool `json:",omitempty"` // the action has not come back yet
}

// Transition is one step in the life of a run; it has a State or an Outcome.
type Transition struct {
	Time    time.Time `json:"time"`
	State   State     `json:"state,omitempty"`
	Outcome Outcome   `json:"outcome,omitempty"`
	Why     string    `json:"why,omitempty"` // the same as a text
	Reason  Reason    `json:"reason,omitzero"`
	Until   time.Time `json:"until,omitzero"` // of State Delayed and Recurring: the run's NotBefore from now on; zero: as it is
	On      string    `json:"on,omitempty"`   // of State Recurring: the run's trigger from now on; "": as it is
}

// Because gives a run its reason.
func (r *Run) Because(why Reason) { r.Reason, r.Why = why, why.String() }

// Because returns the transition with its reason.
func (t Transition) Because(why Reason) Transition {
	t.Reason, t.Why = why, why.String()
	return t
}

// Because returns the result with its reason.
func (r Result) Because(why Reason) Result {
	r.Reason, r.Why = why, why.String()
	return r
}

// Recorder is called with a run whenever it changes: the log, metrics, the page and
// notifications are all recorders. It must not block for long.
type Recorder interface {
	Record(Run) error
}
