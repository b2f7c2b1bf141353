// Package api defines the interface of a daemon: the [Service] that the daemon, the client,
// the guard and the command line share, its values and errors, and its callers with their
// rights. It does not depend on HTTP or sockets.
package api

import (
	"context"
	"io"
	"time"
)

// Reader answers queries. The daemon and its client are Readers, and so is the reader of the
// ledger and the file that commands use while no daemon runs. The id of a run may be the
// name of a task, for its newest run. Errors that a caller can act on are [*Error].
type Reader interface {
	// Status returns the state of rota itself.
	Status(ctx context.Context) (Status, error)
	// Tasks returns the named tasks, in the given order; without names all tasks,
	// sorted by name.
	Tasks(ctx context.Context, names ...string) ([]Task, error)
	// Next returns upcoming slots, in time order.
	Next(ctx context.Context, q NextQuery) ([]Slot, error)
	// Runs returns runs and summary rows, the newest first.
	Runs(ctx context.Context, q RunQuery) ([]Run, error)
	// Events returns events, the newest first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)
	// Run returns a run with all details.
	Run(ctx context.Context, id string) (RunDetails, error)
	// Log opens the output of a run.
	Log(ctx context.Context, q LogQuery) (io.ReadCloser, error)
	// Result opens the result of a run: NotNow while it has not ended, NotFound
	// if it has none. For a recurring request it is, like the Log, that of its
	// newest run.
	Result(ctx context.Context, id string) (io.ReadCloser, error)
	// Why explains what happened to the slot of a task at an instant, or why there
	// was no slot; zero: the last slot.
	Why(ctx context.Context, task string, at time.Time) (Why, error)
	// Queues returns the queues whose names match one of the patterns; without
	// patterns all queues. A pattern that matches none is a warning.
	Queues(ctx context.Context, patterns ...string) (Queues, error)
}

// Service is a running daemon. The context names the caller: see [As].
type Service interface {
	Reader
	// Request requests a run and returns it at once. input may be nil.
	Request(ctx context.Context, r Request, input io.Reader) (Run, error)
	// Wait returns a run once it has an outcome.
	Wait(ctx context.Context, id string) (Run, error)
	// Cancel ends a pending run. It is a Conflict if the run is running or has ended.
	Cancel(ctx context.Context, id string) (Run, error)
	// CancelAll ends all pending runs, of one task or, for "", of all, and returns
	// their ids. It works in small steps, so it may end some runs and then fail.
	CancelAll(ctx context.Context, task string) (cancelled []string, err error)
	// Stop stops a running run, or all of a task, and returns them once they have
	// ended. With kill they get no time to end by themselves.
	Stop(ctx context.Context, id string, kill bool) ([]Run, error)
	// Hold holds tasks, so that their slots start no runs. It returns the tasks that it held,
	// also with an error, which then names the others.
	Hold(ctx context.Context, h Holding) ([]Task, error)
	// Release ends holds of tasks, and lets held runs start. Without names all
	// tasks are released; held runs are released by name only. It returns the names
	// that it released, also with an error, which then names the others.
	Release(ctx context.Context, names ...string) (Released, error)
	// Reschedule replaces the triggers of a task or of a recurring request by
	// another one, for a time or until the file's triggers change.
	Reschedule(ctx context.Context, r Rescheduling) (Rescheduled, error)
	// Skip skips the next slot of a task that is not skipped already.
	Skip(ctx context.Context, task string) (Slot, error)
	// StartQueues and StopQueues start and stop queues: only a started queue starts
	// runs. They return the queues that match.
	StartQueues(ctx context.Context, patterns ...string) (Queues, error)
	StopQueues(ctx context.Context, patterns ...string) (Queues, error)
	// Forget removes ended runs, with outputs and results, and returns how many.
	Forget(ctx context.Context, f Forgetting) (int, error)
	// Reload puts the file in force, or with plan returns what that would change. The
	// error for a file that is not valid has Code File and the faults.
	Reload(ctx context.Context, plan bool) (Reloaded, error)
	// Drain starts no more runs, and returns when only forked runs are running. The
	// drain lasts for d or, if that is 0, until the daemon ends.
	Drain(ctx context.Context, d time.Duration) (Drained, error)
	// EndDrain ends the drain, so that runs start again. It is a Conflict if there is
	// none. Calls of Drain that wait return an error.
	EndDrain(ctx context.Context) (Drained, error)
	// Notify sends a test notification to a target.
	Notify(ctx context.Context, name string) (Notified, error)
	// Health returns nil if the tasks are healthy, else a NotNow error that describes the
	// problems in one line. A name or tag that no task has is NotFound.
	Health(ctx context.Context, q HealthQuery) error
	// Metrics opens the metrics, in the text format of Prometheus. They include only
	// tasks that the caller may see.
	Metrics(ctx context.Context) (io.ReadCloser, error)
	// Watch sends messages as changes happen, until ctx ends or the reader is too
	// slow; then it closes the channel.
	Watch(ctx context.Context) (<-chan Message, error)
}
