package engine

import (
	"log/slog"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/ledger"
	"rota/runner"
)

// Options are the dependencies and settings of an engine. All functions may be nil.
type Options struct {
	Config    *config.Config // in force at the beginning
	Damage    string         // the damage found in the ledger; "": none
	Broken    error          // the error of the file on the disk, if Config is the last good one; nil: none
	Version   string         // of rota, for the log
	StateDir  string
	Held      bool              // every task starts held
	Once      bool              // run the slots that are due since the last start, wait for the runs, and end
	Ahead     bool              // record slots that are certain to start shortly before they are due
	Container bool              // end within the few seconds that a container runtime allows
	Vars      map[string]string // environment variables of every run

	Ledger ledger.Ledger
	Clock  clock.Clock
	Runner runner.Options // the engine sets StateDir, Done, Returned and Echo
	Log    *slog.Logger

	InForce      func(*config.Config)          // called when a configuration comes into force
	Record       func(runner.Run)              // called with each run that starts, ends, or does not start
	Echo         func(r runner.Run, ln []byte) // called with each line of output of a run
	TokenExpired func(run string)              // called when the token of a run is no longer valid
	Status       func(line string)             // called when the status line has changed
	DiskLow      func() bool                   // reports whether the disk has no space for outputs
	Token        func(runner.Run) string       // returns the token with which a run calls the API
}

// call calls a function of the options, if it is given.
func call[T any](f func(T), arg T) {
	if f != nil {
		f(arg)
	}
}

// UserOf returns the user that a run starts as: for a request the user recorded with it,
// else the user of the task in force, which a reload may have changed; see
// [Engine.voidReason].
func UserOf(c *config.Config, run runner.Run) string {
	if isRequested(run) {
		return run.User
	}
	return c.Tasks.Get(run.Task).User
}
