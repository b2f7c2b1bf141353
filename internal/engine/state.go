package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rota/config"
	"rota/internal/api"
	"rota/internal/clock"
	"rota/internal/ledger"
	"rota/internal/metrics"
	"rota/internal/plan"
	"rota/runner"
	"rota/schedule"
)

// dependencies is what an engine acts through. It is set before the engine begins, and stays.
type dependencies struct {
	options       Options
	log           *slog.Logger
	ledger        ledger.Ledger
	runner        *runner.Runner
	clock         clock.Clock
	stateDir      string
	runs          context.Context      // for the goroutines that follow forked runs
	sleepTime     func() time.Duration // how long the machine has slept since it was started
	freeRoom      func() room          // on the disk of the state directory
	notifications *notifications       // nil: none are sent
	hub           *api.Hub             // the subscribers of Watch
	metrics       *metrics.Metrics
	recorders     []runner.Recorder // called with each change of a run, besides options.Record
}

// configuration is the file as it is in force, and as it is on the disk.
type configuration struct {
	cfg        *config.Config
	inForce    atomic.Pointer[config.Config] // cfg, for others
	broken     error                         // what is wrong with the file on the disk; nil: nothing
	notInForce error                         // why the good file on the disk is not in force yet; nil: it is
	loaded     time.Time                     // when the file in force was read
}

// state is the scheduling state: slots, runs, tasks and queues. Except for waiters it is
// rebuilt from the ledger at a start.
type state struct {
	cursor         ledger.Cursor
	boot           string // the boot id of the kernel; if that is not available, the one in the cursor
	agenda         schedule.Agenda
	entries        map[string]plan.Entry // by the agenda's key
	ahead          ahead
	needsPlan      bool // plan has failed: the agenda does not match the tasks
	view           runner.View
	states         map[string]ledger.TaskState // of tasks and queues, as in the ledger
	stoppedQueues  map[string]bool             // by queue; true: it starts no runs
	startSlots     []runner.Slot               // slots of at_start triggers that are due
	lastSuccesses  map[string]time.Time        // when each task last ended ok
	lastFinishes   map[string]time.Time        // when each task last ended
	vanished       map[string]bool             // tasks missing from the file for longer than vanishedFor, see mayReturn
	scheduledTasks int                         // number of tasks with triggers
	relativeStarts map[string]bool             // runs requested with a delay (--in) instead of a time
	conditions     map[string]*condition       // of waiting runs, by id
	overdue        map[string]overdue          // of runs under way, by id
	toCheck        []string                    // ids of runs whose condition this turn checks
	waiters        waiters                     // calls that wait for a run to end or for a drain
}

// progress is where the engine is between start and end, and what keeps it from
// scheduling.
type progress struct {
	started        time.Time     // the time at which the engine began
	epochStart     time.Time     // the time at which the engine, or the current epoch, began
	lastSleepTime  time.Duration // the value of sleepTime at the last turn
	oldEpochEnd    time.Time     // the end of the last epoch, until the agenda of the new one is planned; else zero
	drainEnds      time.Time     // when a drain ends by itself; zero: never, or no drain
	room           room          // disk space as seen by the last decision about forked runs
	forkedStarts   uint64        // number of forked runs that decision has considered
	waitingForRoom bool          // one of them waits for disk space
	alarms         alarms        // for on_trouble
	recordError    string        // why the ledger cannot be written; "": it can
	fatal          error         // why the engine must end; nil: it continues
	stopping       bool          // no run starts any more
	onceFailed     []string      // with --once: the runs that failed
	statusLine     string        // the status line as last reported to systemd
	closed         chan struct{} // closed when the engine no longer answers
	forced         chan struct{} // closed when a stop no longer waits for runs
	forceOnce      sync.Once     // closes forced
}

// shared holds what other goroutines use, too.
type shared struct {
	leases             sync.Map      // of leasedRun, by run id
	taskLocks          sync.Map      // of *sync.Mutex, by task: see recovers and commitEnd
	afterMu            sync.Mutex    // held while the end of a run that others run after is recorded
	busyIDs            requestIDs    // of requests that are being recorded
	quota              quota         // limits the waiting runs of each user
	retentionRequested chan struct{} // runs have ended since the last retention; holds one value
	lag                atomic.Int64  // microseconds by which the last slot started late
	eventCount         atomic.Int64  // number of events so far
	outputBytes        atomic.Int64  // size of all outputs, as last measured by retention
	unrecordedEnds     atomic.Int64  // number of runs whose end could not be recorded yet
}
