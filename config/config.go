package config

import (
	"time"

	"rota/internal/mail"
	"rota/runner"
	"rota/schedule"
)

// Config is one valid state of a file and all that it includes. It never
// changes; a reload makes a new one.
type Config struct {
	Path     string // of the file, absolute
	Revision string // a hash over the sources; equal for equal texts
	Rota     Rota
	Web      Web
	SMTP     mail.Server             // also in each *runner.Mail
	Queues   map[string]runner.Queue // by name; every queue that a task names is there
	Notify   map[string]Notify       // by name; every target that a hook names is there
	Tasks    map[string]Task         // by name
	Keep     Keep                    // of tasks that say nothing, and of those that are no more
	Total    int64                   // bytes of all outputs and inputs that are kept, and of a large ledger
	Sources  []Source                // the file first, then what it includes, then files of dates, each by path
	Globs    []string                // absolute patterns of include
	Warnings []Fault                 // valid, but perhaps a mistake
	runAfter map[string][]string     // by task: those that run after it
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
	Tags        []string
	Enabled     bool
	Keep        Keep
	Hooks       Hooks
	Ping        string          // an http or https URL that is pinged at each run; "": none
	Triggers    []schedule.Spec // none if the task is by hand only or not enabled
	After       []string        // the tasks after whose successes it runs
	KillSet     bool            // kill_after is given, in the task or in [defaults]
	hash        string

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
	// Convert makes a jobs.toml of the text of the main file, if that is something else,
	// such as a crontab: of each line of it, lines says from which line of the file it
	// is made, from 1, or 0. The fault has its line, or is about the file as a whole.
	Convert func(text string) (toml string, lines []int, fault *Fault)
	// TrustFile accepts files that another user or group can change, also when rota
	// is root, and whoever can change the directories on the way to them. A file
	// that anybody can change is never accepted.
	TrustFile bool
	// StateDir is where the state is if the file names no directory; "": that by
	// default. Nothing is read there: it holds what tasks write.
	StateDir string
	// Limit bounds the time in which files are read; nil: one for this Load alone.
	Limit *Limit
	// Now is what a "once" is held against, for the note that it lies in the
	// past; zero: the real clock.
	Now time.Time

	until time.Time // when files must have answered
	seen  *Seen     // what was found is remembered there; nil: it is not
}

// ZoneOf returns the time zone in which the times of a task are read and shown:
// that of its first trigger that looks at a wall clock, else the file's.
func (c *Config) ZoneOf(task string) *time.Location {
	for _, spec := range c.Tasks[task].Triggers {
		if zone := spec.WallClock(); zone != nil {
			return zone
		}
	}
	return c.Rota.Timezone
}
