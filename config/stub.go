package config

import (
	"context"
	"errors"
)

var errTodo = errors.New("not built yet")

// Load reads the file and what it includes. The error is an [*Errors] if the
// text is wrong, else one of the file system with the path in it.
func Load(path string, o Options) (*Config, error) { return nil, errTodo }

// Parse is Load for a text that did not come from a file.
func Parse(path, text string, o Options) (*Config, error) { return nil, errTodo }

// Diff tells what a reload from one configuration to another changes.
func Diff(old, new *Config) Changes { return Changes{} }

// Changes is the difference of two configurations.
type Changes struct {
	Added, Removed []string // names of tasks
	Changed        []Change
	Same           int      // tasks that are as they were
	Settings       []string // changed keys of [rota] and queues: "max_running", "queues.main"
}

// Change is what differs in a task that both configurations have.
type Change struct {
	Task     string
	Keys     []string // as in the file
	Detail   string   // "timeout 1h → 4h"
	Triggers bool     // its triggers, or whether they count
}

func (c Changes) String() string { return "" }

// Watch calls changed whenever something happened in one of the folders.
func Watch(ctx context.Context, dirs func() []string, changed func()) error { return errTodo }

// Dirs returns the folders to watch.
func (c *Config) Dirs() []string { return nil }

// Save keeps the texts in a folder.
func (c *Config) Save(dir string) error { return errTodo }

// LoadSaved parses what Save kept; os.ErrNotExist if there is none.
func LoadSaved(dir string, o Options) (*Config, error) { return nil, errTodo }

// Equal reports whether the two tasks do the same at the same times.
func (t Task) Equal(o Task) bool { return t.hash == o.hash }

// Hash returns a hash over the canonical form of the task.
func (t Task) Hash() string { return t.hash }
