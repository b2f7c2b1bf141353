// Package crontab reads a crontab as one of three crons does: Debian's cron,
// cronie or supercronic. They differ in what a line means, and in what becomes of
// the others when one line is wrong.
//
// [Parse] is pure. It returns every line of the text, with the comments, and says
// of each line that the cron does not run why it does not. The schedule of a job
// is given as rota writes it ([When.Cron]), which can differ from the text: cron
// knows "*/90", and takes it for minute 0.
package crontab

import (
	"fmt"
	"strings"
)

// Dialect is a cron.
type Dialect string

const (
	Debian      Dialect = "debian"      // cron 3.0pl1 as Debian and Ubuntu have it
	Cronie      Dialect = "cronie"      // that of Fedora, SUSE, Arch
	Supercronic Dialect = "supercronic" // for containers
)

// Dialects are all of them.
var Dialects = []Dialect{Debian, Cronie, Supercronic}

// Name is the dialect in a sentence.
func (d Dialect) Name() string {
	if d == Debian {
		return "Debian's cron"
	}
	return string(d)
}

// Options say how a text is read.
type Options struct {
	Dialect Dialect
	System  bool                   // its lines name a user, as those of /etc/crontab
	Root    bool                   // it is the crontab of root, who may write a "-" before a line
	User    func(name string) bool // whether there is a user of that name; nil: there is
	Zone    func(name string) bool // whether there is a time zone of that name; nil: there is
}

// MaxLines bounds the lines that are read.
const MaxLines = 50_000

// Table is a crontab.
type Table struct {
	Lines   []Line
	Refused *Fault // why the cron ignores all of it; nil: it does not
	Cut     bool   // there are more than MaxLines
}

// Kind is what a line is.
type Kind int

const (
	Blank Kind = iota
	Comment
	Variable
	Job
	Wrong // the cron does not know what it is
)

// Line is one line of a crontab.
type Line struct {
	Number int    // from 1
	Text   string // as it stands, without its end
	Kind   Kind
	Name   string // of a Variable
	Value  string
	Entry  *Entry // of a Job
	Fault  *Fault // why the cron does not run it; nil: it does
	Notes  []string
}

// Fault is what is wrong with a line.
type Fault struct {
	Line       int
	Start, End int // bytes of the line
	Msg        string
	Alone      bool // the other lines are not concerned, whatever the cron
}

func (f *Fault) Error() string { return fmt.Sprintf("line %d: %s", f.Line, f.Msg) }

// Entry is a job.
type Entry struct {
	When     When
	User     string // "" if lines name none
	Command  string
	Stdin    string
	HasStdin bool
	OnError  bool    // "-n": what it says is mailed only if it fails
	Env      []Value // what is set for it, in the order of the first setting
	Raw      string  // the command as it stands
}

// Value is a variable of the environment.
type Value struct{ Name, Value string }

// Get returns what a variable is set to, and whether it is.
func (e *Entry) Get(name string) (string, bool) {
	for _, v := range e.Env {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// Parse reads a text.
func Parse(text string, o Options) *Table {
	t := &Table{}
	r := reader{o: o, table: t}
	text = r.begin(text)
	number := 0
	for line := range strings.Lines(text) {
		if number++; number > MaxLines {
			t.Cut = true
			break
		}
		line, ended := strings.CutSuffix(line, "\n")
		if o.Dialect == Supercronic {
			line = strings.TrimSuffix(line, "\r")
		}
		r.line(Line{Number: number, Text: line}, ended)
	}
	r.end()
	return t
}

// reader reads line after line.
type reader struct {
	o      Options
	table  *Table
	env    []Value
	marked bool // it began with a byte order mark, which cronie takes for part of the first line
}

const byteOrderMark = "\uFEFF"

// begin removes a byte order mark, which no cron does.
func (r *reader) begin(text string) string {
	rest, found := strings.CutPrefix(text, byteOrderMark)
	if r.marked = found; found && r.o.Dialect != Cronie {
		r.refuse(1, 0, 1, "it begins with a byte order mark")
	}
	return rest
}

// refuse remembers why the whole text is ignored; the first reason counts.
func (r *reader) refuse(line, start, end int, msg string) {
	if r.table.Refused == nil {
		r.table.Refused = &Fault{Line: line, Start: start, End: end, Msg: msg}
	}
}

// What the crons can hold.
const (
	debianCommand    = 998 // bytes
	debianLines      = 10_000
	cronieCommand    = 131_071
	supercronicBytes = 64 << 10 // of a line
)

func (r *reader) line(l Line, ended bool) {
	blank := strings.TrimLeft(l.Text, " \t")
	switch {
	case blank == "":
		l.Kind = Blank
	case blank[0] == '#':
		l.Kind = Comment
	case r.o.Dialect == Supercronic:
		r.supercronic(&l)
	default:
		r.vixie(&l)
	}
	if !ended && r.o.Dialect != Supercronic && l.Kind != Blank {
		const msg = "the last line has no newline at its end"
		if r.o.Dialect == Debian {
			r.refuse(l.Number, len(l.Text), len(l.Text), msg)
		} else if l.Kind != Comment && l.Fault == nil {
			l.Fault = &Fault{Line: l.Number, Start: len(l.Text), End: len(l.Text), Msg: msg}
		}
	}
	if l.Number == 1 && r.marked && l.Kind != Comment && l.Kind != Blank {
		l.Fault = &Fault{Line: 1, End: 1, Msg: "it begins with a byte order mark"}
	}
	if l.Fault != nil && !l.Fault.Alone && r.o.Dialect != Cronie {
		r.refuse(l.Number, l.Fault.Start, l.Fault.End, l.Fault.Msg)
	}
	if l.Kind == Variable && l.Fault == nil {
		r.set(l.Name, l.Value)
	}
	r.table.Lines = append(r.table.Lines, l)
}

func (r *reader) set(name, value string) {
	for i, v := range r.env {
		if v.Name == name {
			// A copy: the jobs before have what was set then.
			r.env = append([]Value(nil), r.env...)
			r.env[i].Value = value
			return
		}
	}
	r.env = append(r.env[:len(r.env):len(r.env)], Value{name, value})
}

// end does what is known only at the end.
func (r *reader) end() {
	if r.o.Dialect == Debian && len(r.table.Lines) > debianLines {
		r.refuse(debianLines, 0, 0, fmt.Sprintf("it has more than %d lines", debianLines))
	}
	if r.o.Dialect != Supercronic {
		return
	}
	for i := range r.table.Lines { // what is set last holds for all
		if e := r.table.Lines[i].Entry; e != nil {
			e.Env = r.env
		}
	}
}

// wrong makes a line one that the cron does not know.
func (l *Line) wrong(start, end int, format string, args ...any) {
	if l.Kind == Blank {
		l.Kind = Wrong
	}
	l.Fault = &Fault{Line: l.Number, Start: start, End: min(end, len(l.Text)), Msg: fmt.Sprintf(format, args...)}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
