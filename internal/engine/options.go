package engine

import (
	"log/slog"

	"rota/config"
	"rota/internal/clock"
	"rota/internal/ledger"
	"rota/runner"
)

// Options is what an engine acts through, and how it begins. All functions may be nil.
type Options struct {
	Config    *config.Config // in force at the beginning
	Damage    string         // what of the ledger is not sound; "": nothing is known
	Broken    error          // what is wrong with the file on the disk, if Config is the last good one; nil: nothing
	Version   string         // of rota, for the log
	StateDir  string
	Held      bool              // every task starts held
	Once      bool              // do what is due since the last time, wait for it, and end
	Ahead     bool              // what will simply start is recorded a moment before it is due
	Container bool              // all must end within the few seconds that a container is given
	Vars      map[string]string // that every run is given

	Ledger ledger.Ledger
	Clock  clock.Clock
	Runner runner.Options // but for what is the engine's: StateDir, Done, Returned, Echo
	Log    *slog.Logger

	InForce func(*config.Config)          // called when a configuration comes into force
	Record  func(runner.Run)              // called with each run that starts, ends, or does not start
	Echo    func(r runner.Run, ln []byte) // called with each line of output of a run
	Expired func(run string)              // called when the token of a run is worth nothing any more
	Status  func(line string)             // called when the line that says how rota is has changed
	DiskLow func() bool                   // there is no room for outputs
	Token   func(runner.Run) string       // by which a run acts on its task
}

// call calls a function of the options, if it is given.
func call[T any](f func(T), arg T) {
	if f != nil {
		f(arg)
	}
}

// UserOf is whose rights a run starts with: what waited over a reload has those of its
// task by then, unless somebody asked for it; see [Engine.void].
func UserOf(c *config.Config, run runner.Run) string {
	if asked(run) {
		return run.User
	}
	return c.Tasks[run.Task].User
}
