package config

import (
	"time"

	"rota/internal/mail"
	"rota/runner"
	"rota/schedule"
)

// Config is one valid state of a file and everything it includes. It never
// changes; a reload makes a new one.
type Config struct {
	Path     string // of the file, absolute
	Revision string // a hash over the sources; equal for equal texts
	Rota     Rota
	Web      Web
	SMTP     mail.Server             // also in each *runner.Mail
	Queues   map[string]runner.Queue // by name; every queue that a task names is there
	Notify   map[string]Notify       // by name; every target that a hook names is there
	Tasks    Tasks                   // by name
	Keep     Keep                    // for tasks without a keep of their own, and for removed tasks
	Total    int64                   // limit in bytes for all outputs and inputs, and a large ledger
	Sources  []Source                // the file first, then what it includes, then files of dates, each by path
	Globs    []string                // absolute patterns of include
	Warnings []Fault                 // valid, but perhaps a mistake
	runAfter map[string][]string     // by task: the tasks that run after it
	shown    []string                // the first Sources, those of TOML, as the user would name them
}

// Source is a text that was read.
type Source struct {
	Path string // absolute
	Text string
}

// Task is a named table of the file: triggers, one action and a policy.
type Task struct {
	runner.Task
	Description string
	Triggers    []schedule.Spec // none if the task runs on request only or is not enabled
	Account
}

// Account is by what a task is found, what is kept of its runs, and what follows them.
type Account struct {
	Tags    []string
	Enabled bool
	Keep    Keep
	Hooks   Hooks
	Ping    string   // an http or https URL that is pinged at each run; "": none
	After   []string // the tasks after whose successes it runs
	KillSet bool     // kill_after is given, in the task or in [defaults]

	WarnAfter           Late          // when a run is late; zero: never
	ExpectSuccessWithin time.Duration // the age of the last success that is an alarm; 0: none
}

// Options change where texts come from and how much they are trusted. The zero
// Options is the real file system, now.
type Options struct {
	// Read returns the content of a file, given its absolute path. If it is set, owners and rights of
	// files are not looked at.
	Read func(path string) ([]byte, error)
	// Glob returns the paths that match a pattern, as filepath.Glob does.
	Glob func(pattern string) ([]string, error)
	// Convert converts a main file of another format, such as a crontab, to the text
	// of a jobs.toml. For each line of that text, lines holds the line of the file that
	// it was made from, counted from 1; 0: none. The fault has a line of the file, or is
	// about the file as a whole.
	Convert func(text string) (toml string, lines []int, fault *Fault)
	// TrustFile accepts files, and directories on the way to them, that another user
	// or group can change, even if rota runs as root. A file that everybody can change
	// is never accepted.
	TrustFile bool
	// StateDir is the state directory if the file names none; "": the default. No
	// configuration is read from it, as tasks write there.
	StateDir string
	// Limit bounds the time in which files are read; nil: a new one for this Load.
	Limit *Limit
	// Now is the instant that triggers are compared with, for the warning that one is
	// in the past; zero: the time of the clock.
	Now time.Time

	until time.Time // the deadline for reading files
	seen  *Seen     // records what was found; nil: nothing is recorded
}

// ZoneOf returns the time zone in which the times of a task are read and shown:
// the zone of its first trigger that uses wall-clock time, else the zone of the file.
func (c *Config) ZoneOf(task string) *time.Location {
	t := c.Tasks.Get(task)
	return t.zone(c.Rota.Timezone)
}

// zone is [Config.ZoneOf] in a file with a zone.
func (t *Task) zone(file *time.Location) *time.Location {
	for _, spec := range t.Triggers {
		if zone := spec.WallClock(); zone != nil {
			return zone
		}
	}
	return file
}
