// Package control shows a rota to others and lets them act on it: over HTTP on a
// unix socket or TCP, from the command line, from a page. It knows who may do
// what and how it is said on the wire; what is done, the daemon knows.
package control

import (
	"context"
	"io"
	"time"

	"rota/runner"
)

// Reader answers questions. The daemon and [Client] are Readers, and so is what
// reads the ledger and the file while no daemon runs. A name of a run may be a
// task alone: that is its newest run. Errors that a caller can act on are
// [*Error].
type Reader interface {
	// Status tells how rota itself is.
	Status(ctx context.Context) (Status, error)
	// Tasks returns the tasks of those names, in that order; without names all
	// of them, by name.
	Tasks(ctx context.Context, names ...string) ([]Task, error)
	// Next returns slots to come, in time order.
	Next(ctx context.Context, q NextQuery) ([]Slot, error)
	// Runs returns runs and folded rows, the newest first.
	Runs(ctx context.Context, q RunQuery) ([]runner.Run, error)
	// Run returns all that is known of a run.
	Run(ctx context.Context, id string) (Run, error)
	// Log opens the output of a run's last attempt. With follow it ends when
	// the run has ended.
	Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error)
	// Result opens the result of a run: NotNow while it has not ended, NotFound
	// if it has none. Of a standing request it is, like the Log, that of its
	// newest run.
	Result(ctx context.Context, id string) (io.ReadCloser, error)
	// Why tells what became of the slot of a task at an instant, or why there
	// was none; zero: the last one that was, or should have been.
	Why(ctx context.Context, task string, at time.Time) (Why, error)
	// Queues returns the queues whose names match one of the patterns; without
	// patterns all. A pattern that matches none is a warning.
	Queues(ctx context.Context, patterns ...string) (Queues, error)
}

// Service is a running rota. Who acts stands in the context: see [As].
type Service interface {
	Reader
	// Request asks for a run and returns it at once. input may be nil.
	Request(ctx context.Context, r Request, input io.Reader) (runner.Run, error)
	// Wait returns a run once it has an outcome.
	Wait(ctx context.Context, id string) (runner.Run, error)
	// Cancel ends a run that waits. Conflict if it runs or has ended.
	Cancel(ctx context.Context, id string) (runner.Run, error)
	// CancelAll ends all runs that wait, of one task or, for "", of all, and
	// returns how many: in small steps, so that it may end some and then fail.
	CancelAll(ctx context.Context, task string) (int, error)
	// Stop stops a run under way, or all those of a task, and returns them once
	// they have ended. With kill they get no time to end by themselves.
	Stop(ctx context.Context, id string, kill bool) ([]runner.Run, error)
	// Hold keeps tasks from starting anything by themselves.
	Hold(ctx context.Context, h Holding) ([]Task, error)
	// Release ends holds of tasks, and lets held runs start. Without names all
	// tasks are released; held runs are released by name only.
	Release(ctx context.Context, names ...string) (Released, error)
	// Reschedule puts another trigger in the place of those of a task or of a
	// standing request, for a time or until the file's triggers change.
	Reschedule(ctx context.Context, r Rescheduling) (Rescheduled, error)
	// Skip leaves out the next slot of a task that is not left out already.
	Skip(ctx context.Context, task string) (Slot, error)
	// StartQueues and StopQueues let queues start runs, or keep them from it.
	// They return the queues that match.
	StartQueues(ctx context.Context, patterns ...string) (Queues, error)
	StopQueues(ctx context.Context, patterns ...string) (Queues, error)
	// Forget removes ended runs, with output and result, and returns how many.
	Forget(ctx context.Context, f Forgetting) (int, error)
	// Reload puts the file in force, or with plan tells what that would change.
	// The error of a file that is wrong has Code File and its faults.
	Reload(ctx context.Context, plan bool) (Reloaded, error)
	// Drain starts nothing new, and returns when only forked runs are under
	// way. It lasts for d or, if that is 0, until the daemon ends.
	Drain(ctx context.Context, d time.Duration) (Drained, error)
	// Notify sends a notification to a target of that name, to try it.
	Notify(ctx context.Context, name string) (Notified, error)
	// Watch sends what happens as it happens, until ctx ends or the reader is
	// too slow; then it closes the channel.
	Watch(ctx context.Context) (<-chan Message, error)
}

// Status is how a rota is.
type Status struct {
	Daemon   bool      `json:"daemon"` // false: none runs, and this is what it left
	Version  string    `json:"version,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Config   string    `json:"config"`
	Revision string    `json:"revision,omitempty"`
	Loaded   time.Time `json:"loaded,omitzero"`  // when the file that is in force was read
	Broken   string    `json:"broken,omitempty"` // what is wrong with the file on the disk, which is not in force
	StateDir string    `json:"state_dir"`
	Timezone string    `json:"timezone,omitempty"`

	Tasks    int  `json:"tasks"`
	Held     int  `json:"held"`
	Running  int  `json:"running"`
	Waiting  int  `json:"waiting"`
	Draining bool `json:"draining,omitempty"`

	Next        *Slot         `json:"next,omitempty"`
	Lag         float64       `json:"lag_seconds,omitempty"` // by how much the last slot was started late
	Epoch       int           `json:"epoch,omitempty"`
	Through     time.Time     `json:"through,omitzero"` // every slot until then is written down
	Trouble     []string      `json:"trouble,omitempty"`
	Undelivered []Undelivered `json:"undelivered,omitempty"`

	LedgerBytes int64 `json:"ledger_bytes,omitempty"`
	OutputBytes int64 `json:"output_bytes,omitempty"`
}

// Undelivered is a notification target that could not be reached.
type Undelivered struct {
	Target  string    `json:"target"`
	Error   string    `json:"error"`
	Since   time.Time `json:"since,omitzero"`
	Waiting int       `json:"waiting,omitempty"` // notifications that will be tried again
	Dropped int       `json:"dropped,omitempty"` // that will not
}

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
	On          *On               `json:"on,omitempty"`       // instead of its triggers
	Skip        []time.Time       `json:"skip,omitempty"`     // slots to come that are left out
	Last        *runner.Run       `json:"last,omitempty"`     // the newest that was executed or is
	Failures    int               `json:"failures,omitempty"` // in a row
	LastSuccess time.Time         `json:"last_success,omitzero"`
	Running     []string          `json:"running,omitempty"`  // ids of runs
	Waiting     []string          `json:"waiting,omitempty"`  // also held, delayed
	Standing    []runner.Run      `json:"standing,omitempty"` // requests with a trigger of their own
	Settings    []Setting         `json:"settings,omitempty"` // of a task asked for by name
}

// Setting is a key of a task and its value, as in the file.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default bool   `json:"default,omitempty"` // not given, neither there nor in [defaults]
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

// On is what stands in the place of a task's triggers.
type On struct {
	Expr  string    `json:"expr"` // "never": nothing does
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: until the file's triggers change
}

// NextQuery asks for slots to come.
type NextQuery struct {
	Tasks []string  // none: all
	N     int       // of each task; 0: 1
	Until time.Time // zero: any
}

// Slot is one due instant of a task. At has the zone to show it in.
type Slot struct {
	Task    string    `json:"task"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
	Request string    `json:"request,omitempty"` // the standing request that it is of
}

// RunQuery selects runs; its zero value is the newest hundred.
type RunQuery struct {
	Task     string         // "": of all tasks
	States   []runner.State // with neither States nor Outcomes: any
	Outcomes []runner.Outcome
	Since    time.Time // that began, or were to, at or after it; zero: any
	N        int       // how many at most; 0: 100
}

// Run is all that is known of a run.
type Run struct {
	runner.Run
	Transitions []runner.Transition `json:"transitions"`
	Outputs     bool                `json:"output,omitempty"` // there is output to read
}

// Why is the answer to "why did it not run?", in sentences.
type Why struct {
	Task   string      `json:"task"`
	At     time.Time   `json:"at,omitzero"` // the slot that the answer is about
	Reason string      `json:"reason"`      // a word for programs: "ran", "held", "overlap", "missed", …
	Text   []string    `json:"text"`        // for people: one sentence each
	Run    *runner.Run `json:"run,omitempty"`
	Next   time.Time   `json:"next,omitzero"`
}

// Queue is a lane and what it does.
type Queue struct {
	Queue       string   `json:"queue"`
	State       string   `json:"state"` // "started" or "stopped"
	Workers     int      `json:"workers"`
	Capacity    int      `json:"capacity"`
	Description string   `json:"description,omitempty"`
	Running     []string `json:"running"` // ids of runs
	Waiting     int      `json:"waiting"`
	Hold        *Hold    `json:"hold,omitempty"` // who stopped it; nil: it never was, or autostart leaves it out
}

// Queues is the answer to patterns.
type Queues struct {
	Queues   []Queue  `json:"queues"`
	Warnings []string `json:"warnings,omitempty"`
}

// Request asks for a run. At most one of At, In and On is given.
type Request struct {
	Task   string            `json:"task"`
	Key    string            `json:"id,omitempty"` // [A-Za-z0-9._-]{1,64}; "": a new one
	Params map[string]string `json:"params,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	In     time.Duration     `json:"in,omitempty"` // nanoseconds
	On     string            `json:"on,omitempty"` // a trigger of its own: a standing request
	Held   bool              `json:"held,omitempty"`
	Again  bool              `json:"again,omitempty"` // join one that waits already
	Force  bool              `json:"force,omitempty"` // even if the task is held
}

// Holding asks for tasks to be held.
type Holding struct {
	Tasks []string      `json:"tasks,omitempty"`
	All   bool          `json:"all,omitempty"`
	For   time.Duration `json:"for,omitempty"` // nanoseconds; 0: until released
	Why   string        `json:"why,omitempty"`
}

// Released is what is held no more.
type Released struct {
	Tasks []string `json:"tasks"`
	Runs  []string `json:"runs"`
}

// Rescheduling asks for another trigger.
type Rescheduling struct {
	Name  string    `json:"name"` // of a task, or the id of a standing request
	Expr  string    `json:"expr"` // a trigger, "default" or "never"
	Until time.Time `json:"until,omitzero"`
}

// Rescheduled is what a reschedule changed.
type Rescheduled struct {
	Name  string    `json:"name"`
	Expr  string    `json:"expr"` // as it is understood; "default" or "never"
	Until time.Time `json:"until,omitzero"`
	Was   time.Time `json:"was,omitzero"`  // the next slot before
	Next  time.Time `json:"next,omitzero"` // and now; zero: none
}

// Forgetting selects runs to be forgotten: those of the ids, or of the outcomes
// and age.
type Forgetting struct {
	IDs      []string         `json:"ids,omitempty"`
	Task     string           `json:"task,omitempty"`
	Outcomes []runner.Outcome `json:"outcomes,omitempty"`
	Older    time.Duration    `json:"older,omitempty"` // nanoseconds since the end; 0: any
}

// Reloaded is what a reload changed, or would.
type Reloaded struct {
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	Changed  []string `json:"changed,omitempty"` // "sync: timeout 1h → 4h"
	Same     int      `json:"same"`
	Settings []string `json:"settings,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Text     string   `json:"text"` // all of it in one line
	Plan     bool     `json:"plan,omitempty"`
}

// Drained is what is left when a daemon is drained.
type Drained struct {
	Until   time.Time `json:"until,omitzero"`
	Forked  []string  `json:"forked"`  // runs that go on
	Waiting int       `json:"waiting"` // runs that wait for the end of the drain
}

// Notified is how a notification went.
type Notified struct {
	Target string  `json:"target"`
	To     string  `json:"to"` // for people
	Took   float64 `json:"took_seconds"`
}

// Message is something that happened: one of its fields is set.
type Message struct {
	Run   *runner.Run `json:"run,omitempty"`   // it changed
	Event *Event      `json:"event,omitempty"` // of rota itself
	Log   *LogLine    `json:"log,omitempty"`   // a line of a run's output
}

// Event is something that happened to rota itself.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Task string    `json:"task,omitempty"`
	Who  string    `json:"who,omitempty"`
	Text string    `json:"text,omitempty"`
}

// LogLine is a line of a run's output.
type LogLine struct {
	Time time.Time `json:"time"`
	Run  string    `json:"run"`
	Line string    `json:"line"`
	User string    `json:"-"` // whose rights the run was made with

}
