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
	runs          context.Context      // for what follows forked runs
	asleep        func() time.Duration // how long the machine has slept since it was started
	roomLeft      func() room          // on the disk of the state directory
	notifications *notifications       // nil: nobody is told
	hub           *api.Hub             // of those who watch
	metrics       *metrics.Metrics
	recorders     []runner.Recorder // that are told of each run, beside options.Record
}

// configuration is the file as it is in force, and as it is on the disk.
type configuration struct {
	cfg        *config.Config
	inForce    atomic.Pointer[config.Config] // cfg, for others
	broken     error                         // what is wrong with the file on the disk; nil: nothing
	notInForce error                         // why the good file on the disk is not in force yet; nil: it is
	loaded     time.Time                     // when the file in force was read
}

// state is what the engine knows of slots, runs, tasks and queues. A restart makes it
// anew from the ledger, but for the calls.
type state struct {
	cursor        ledger.Cursor
	boot          string // names this start of the machine; as in the cursor, if the kernel does not tell
	agenda        schedule.Agenda
	entries       map[string]plan.Entry // by the agenda's key
	ahead         ahead
	unplanned     bool // the agenda is not that of the tasks: plan has failed
	view          runner.View
	states        map[string]ledger.TaskState // of tasks and queues, as the ledger has them
	stoppedQueues map[string]bool             // the queues; true: it starts nothing
	starts        []runner.Slot               // at_start triggers that are due
	success       map[string]time.Time        // when each task last ended ok
	finished      map[string]time.Time        // when each task last ended
	vanished      map[string]bool             // tasks that were in the file no more for too long, see mayReturn
	tasks         int                         // with triggers
	spans         map[string]bool             // the runs that were asked for with a delay, and not for a time
	conditions    map[string]*condition       // of runs that wait, by id
	overdue       map[string]overdue          // of runs under way, by id
	toAsk         []string                    // ids of runs whose condition the turn asks
	calls         calls                       // of those who wait for something
}

// progress is how far the engine is between its beginning and its end, and what keeps it
// from going on.
type progress struct {
	started     time.Time     // what the clock showed when the engine began
	since       time.Time     // what it showed then, or at the beginning of a new epoch
	slept       time.Duration // how long the machine had slept at the last turn, see asleep
	renewed     time.Time     // up to when the last epoch had come, while the agenda of the new one is not planned; else zero
	drained     time.Time     // when a drain ends by itself; zero: never, or there is none
	room        room          // as the last decision about forked runs saw it
	forking     uint64        // how many forked runs that decision has looked at
	roomAwaited bool          // one of them waits for room
	alarms      alarms        // for on_trouble
	failing     string        // why nothing can be recorded; "": it can
	fatal       error         // why the engine must end; nil: it need not
	stopping    bool          // nothing new starts
	onceFailed  []string      // runs that failed, with --once
	status      string        // as last told to systemd
	over        chan struct{} // closed when the engine answers no more
	forced      chan struct{} // closed when a stop does not wait any more
	forceOnce   sync.Once     // to close it
}

// shared is what other goroutines use, too.
type shared struct {
	leases             sync.Map      // of underway, by the run's id
	recovery           sync.Map      // of *sync.Mutex, by task: see recovers and finish
	gathers            sync.Mutex    // held while the end of a run is recorded after which others run
	asking             requestIDs    // of the requests that are being recorded
	quota              quota         // what each user has waiting
	retentionRequested chan struct{} // runs have ended since the last retention; room for one
	lag                atomic.Int64  // by how many microseconds the last slot started late
	events             atomic.Int64  // that have happened
	kept               atomic.Int64  // bytes of outputs, as retention last saw them
	unwritten          atomic.Int64  // runs whose end could not be recorded yet
}

// inbox is what others have the engine do.
type inbox struct {
	mu    sync.Mutex // guards posts
	posts []func()
	woken chan struct{} // has room for one; for drain, which has no clock
}
