// Package importer converts the files of other schedulers to a jobs.toml: crontabs and
// timers of systemd. The text is one that a person would write, with the comments of the
// source. The report names what differs from before, which jobs never ran, and how to
// switch the old schedule off.
//
// The package is pure: it reads only the files it is given, and the same input produces
// the same text. The text is always a valid file: each task is read by package config
// before it is written, and a task that is refused becomes a comment.
package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rota/config"
	"rota/internal/escape"
)

// Result is the result of an import.
type Result struct {
	Text  string   // a jobs.toml
	Lines []int    // for each line of Text, the line of the source that it was made from; 0: none
	Tasks []string // the names of the tasks, in the order of Text
	Left  int      // how many tasks became comments
	Notes []Note   // points to check, in the order of the source
	Rules []string // differences that apply to all tasks
	Off   []string // command lines that switch the old schedule off
}

// Note is a point to check.
type Note struct {
	Source string `json:"source"`
	Line   int    `json:"line,omitempty"` // from 1; 0: not about a line
	Text   string `json:"text"`
}

func (n Note) String() string {
	if n.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", n.Source, n.Line, n.Text)
	}
	return n.Source + ": " + n.Text
}

// pair is a key and its value as TOML.
type pair struct{ key, value string }

// task is a task that is being converted to TOML.
type task struct {
	source   string
	line     int
	comments []string // without the "#"
	stems    []string // the parts that its name is made from; see [name]
	name     string
	when     []pair
	action   []pair
	policy   []pair // all other keys
	env      []pair
	zone     string // of its triggers; "": the zone of the host
	off      string // why it becomes a comment; "": it does not
	raw      []string
}

func (t *task) set(key, value string) { t.policy = append(t.policy, pair{key, value}) }

// get returns the value of a key; "" if it is not set.
func (t *task) get(key string) string {
	for _, p := range t.policy {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

func (t *task) unset(key string) {
	t.policy = slices.DeleteFunc(t.policy, func(p pair) bool { return p.key == key })
}

// document collects tasks and writes them.
type document struct {
	head     []string // comments at the top
	tasks    []*task
	targets  []target // of notifications
	defaults []pair
	env      []pair
	zone     string
	rota     []pair
	plain    bool // no comments: for a daemon, not for people
	notes    []Note
}

type target struct{ name, to string }

func (d *document) note(source string, line int, format string, args ...any) {
	n := Note{source, line, escape.Short(fmt.Sprintf(format, args...), 300)}
	if !slices.Contains(d.notes, n) && len(d.notes) < mostNotes {
		d.notes = append(d.notes, n)
	}
}

// mostNotes limits the report, as nobody reads a longer one.
const mostNotes = 500

// active returns the tasks that do not become comments.
func (d *document) active() (list []*task) {
	for _, t := range d.tasks {
		if t.off == "" && t.raw == nil {
			list = append(list, t)
		}
	}
	return list
}

// finish checks and names the tasks, and writes the file.
func (d *document) finish() Result {
	name(d.tasks)
	sound := d.refused(d.active()...) == ""
	for _, t := range d.tasks {
		if t.raw == nil && t.off == "" && !sound {
			if msg := d.refused(t); msg != "" {
				t.off = "rota cannot take it: " + msg
				d.note(t.source, t.line, "not imported: %s", msg)
			}
		}
	}
	d.hoist()
	r := Result{Notes: d.notes}
	w := writer{}
	d.write(&w)
	r.Text, r.Lines = strings.TrimRight(w.text.String(), "\n")+"\n", w.lines
	for _, t := range d.tasks {
		switch {
		case t.raw == nil && t.off == "":
			r.Tasks = append(r.Tasks, t.name)
		case t.off != "" || len(t.raw) > 0:
			r.Left++
		}
	}
	return r
}

// refused returns the fault that package config reports for tasks; "" if they are valid.
func (d *document) refused(tasks ...*task) string {
	w := writer{}
	for _, n := range d.targets {
		w.target(n)
	}
	for _, t := range tasks {
		w.task(t, nil)
	}
	if len(tasks) == 0 {
		return ""
	}
	cfg, err := config.Parse("import", w.text.String(), config.Options{Read: noFile, Glob: func(string) ([]string, error) { return nil, nil }})
	if err != nil {
		if wrong, ok := err.(*config.Errors); ok && len(wrong.Faults) > 0 {
			return cmp.Or(wrong.Faults[0].Msg, "it is refused")
		}
		return err.Error()
	}
	if len(cfg.Tasks) != len(tasks) {
		return "it is not one task"
	}
	return ""
}

func noFile(path string) ([]byte, error) { return nil, fmt.Errorf("%s is not read here", path) }

// hoist moves keys that all tasks share to [defaults] and [rota].
func (d *document) hoist() {
	list := d.active()
	if len(list) < 2 {
		return
	}
	for _, key := range []string{"user", "dir", "shell", "overlap", "on_output", "on_failure", "umask"} {
		value := list[0].get(key)
		if value == "" || slices.ContainsFunc(list, func(t *task) bool { return t.get(key) != value }) {
			continue
		}
		d.defaults = append(d.defaults, pair{key, value})
		for _, t := range d.tasks {
			if t.get(key) == value {
				t.unset(key)
			}
		}
	}
	for _, v := range slices.Clone(list[0].env) {
		if slices.ContainsFunc(list, func(t *task) bool { return !slices.Contains(t.env, v) }) {
			continue
		}
		d.env = append(d.env, v)
		for _, t := range d.tasks {
			t.env = slices.DeleteFunc(t.env, func(p pair) bool { return p == v })
		}
	}
	if zone := list[0].zone; zone != "" && !slices.ContainsFunc(list, func(t *task) bool { return t.zone != zone }) {
		d.zone = zone
		for _, t := range d.tasks {
			if t.zone == zone {
				t.zone = ""
			}
		}
	}
}
