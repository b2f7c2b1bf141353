// Package api is what a rota answers and does: the [Service] that the daemon, the
// client, the guard and the command line have in common, its values and errors, and
// who calls it with which rights. It does not know HTTP or sockets.
package api

import (
	"context"
	"io"
	"time"
)

// Reader answers questions. The daemon and [Client] are Readers, and so is what
// reads the ledger and the file while no daemon runs. A name of a run may be a
// task alone: that is its newest run. Errors that a caller can act on are
// [*Error].
type Reader interface {
	// Status returns the state of rota itself.
	Status(ctx context.Context) (Status, error)
	// Tasks returns the tasks of those names, in that order; without names all
	// of them, by name.
	Tasks(ctx context.Context, names ...string) ([]Task, error)
	// Next returns slots to come, in time order.
	Next(ctx context.Context, q NextQuery) ([]Slot, error)
	// Runs returns runs and summary rows, the newest first.
	Runs(ctx context.Context, q RunQuery) ([]Run, error)
	// Events returns what happened to rota itself, the newest first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)
	// Run returns all that is known of a run.
	Run(ctx context.Context, id string) (RunDetails, error)
	// Log opens the output of a run.
	Log(ctx context.Context, q LogQuery) (io.ReadCloser, error)
	// Result opens the result of a run: NotNow while it has not ended, NotFound
	// if it has none. Of a recurring request it is, like the Log, that of its
	// newest run.
	Result(ctx context.Context, id string) (io.ReadCloser, error)
	// Why says what became of the slot of a task at an instant, or why there
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
	Request(ctx context.Context, r Request, input io.Reader) (Run, error)
	// Wait returns a run once it has an outcome.
	Wait(ctx context.Context, id string) (Run, error)
	// Cancel ends a run that waits. Conflict if it runs or has ended.
	Cancel(ctx context.Context, id string) (Run, error)
	// CancelAll ends all runs that wait, of one task or, for "", of all, and
	// returns how many: in small steps, so that it may end some and then fail.
	CancelAll(ctx context.Context, task string) (cancelled []string, err error)
	// Stop stops a run under way, or all those of a task, and returns them once
	// they have ended. With kill they get no time to end by themselves.
	Stop(ctx context.Context, id string, kill bool) ([]Run, error)
	// Hold keeps tasks from starting anything by themselves. It returns those that it held,
	// also with an error, which then names the others.
	Hold(ctx context.Context, h Holding) ([]Task, error)
	// Release ends holds of tasks, and lets held runs start. Without names all
	// tasks are released; held runs are released by name only. It returns what it
	// released, also with an error, which then names the others.
	Release(ctx context.Context, names ...string) (Released, error)
	// Reschedule puts another trigger in the place of those of a task or of a
	// recurring request, for a time or until the file's triggers change.
	Reschedule(ctx context.Context, r Rescheduling) (Rescheduled, error)
	// Skip skips the next slot of a task that is not skipped already.
	Skip(ctx context.Context, task string) (Slot, error)
	// StartQueues and StopQueues let queues start runs, or keep them from it.
	// They return the queues that match.
	StartQueues(ctx context.Context, patterns ...string) (Queues, error)
	StopQueues(ctx context.Context, patterns ...string) (Queues, error)
	// Forget removes ended runs, with output and result, and returns how many.
	Forget(ctx context.Context, f Forgetting) (int, error)
	// Reload puts the file in force, or with plan returns what that would change.
	// The error of a file that is wrong has Code File and its faults.
	Reload(ctx context.Context, plan bool) (Reloaded, error)
	// Drain starts nothing new, and returns when only forked runs are under
	// way. It lasts for d or, if that is 0, until the daemon ends.
	Drain(ctx context.Context, d time.Duration) (Drained, error)
	// EndDrain lets things start again: Conflict if nothing is drained. Who waits
	// for the drain is told of it.
	EndDrain(ctx context.Context) (Drained, error)
	// Notify sends a notification to a target of that name, to try it.
	Notify(ctx context.Context, name string) (Notified, error)
	// Health returns nil if tasks are healthy, else a NotNow error that says in one
	// line what is wrong. A name or tag that no task has is NotFound.
	Health(ctx context.Context, q HealthQuery) error
	// Metrics opens the metrics, in the text format of Prometheus. Who sees some tasks
	// gets the series of these.
	Metrics(ctx context.Context) (io.ReadCloser, error)
	// Watch sends what happens as it happens, until ctx ends or the reader is
	// too slow; then it closes the channel.
	Watch(ctx context.Context) (<-chan Message, error)
}
