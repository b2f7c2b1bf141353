// Package crontab reads a crontab as one of three crons does: Debian's cron, cronie or
// supercronic. They differ in the meaning of lines, and in whether one invalid line
// disables the others.
//
// [Parse] is pure. It returns every line of the text, including comments, and for each
// line that the cron does not run the reason. The schedule of a job is returned in the
// syntax of rota ([When.Cron]), which can differ from the text: cron accepts "*/90" and
// reads it as minute 0.
package crontab

import (
	"fmt"
	"strings"
)

// Dialect is a cron.
type Dialect string

const (
	Debian      Dialect = "debian"      // cron 3.0pl1 as in Debian and Ubuntu
	Cronie      Dialect = "cronie"      // the cron of Fedora, SUSE, Arch
	Supercronic Dialect = "supercronic" // for containers
)

// Dialects lists all dialects.
var Dialects = []Dialect{Debian, Cronie, Supercronic}

// Name returns the name of the dialect for use in a sentence.
func (d Dialect) Name() string {
	if d == Debian {
		return "Debian's cron"
	}
	return string(d)
}

// Options control how a text is read.
type Options struct {
	Dialect Dialect
	System  bool                   // the lines name a user, as in /etc/crontab
	Root    bool                   // the crontab of root, who may write a "-" before a line
	User    func(name string) bool // reports whether a user exists; nil: all do
	Zone    func(name string) bool // reports whether a time zone exists; nil: all do
}

// MaxLines is how many lines are read at most.
const MaxLines = 50_000

// Table is a crontab.
type Table struct {
	Lines   []Line
	Refused *Fault // why the cron ignores the whole crontab; nil: it does not
	Cut     bool   // the text has more than MaxLines
}

// Kind is the kind of a line.
type Kind int

const (
	Blank Kind = iota
	Comment
	Variable
	Job
	Wrong // not a valid line for the cron
)

// Line is one line of a crontab.
type Line struct {
	Number int    // from 1
	Text   string // as written, without the line end
	Kind   Kind
	Name   string // of a Variable
	Value  string
	Entry  *Entry // of a Job
	Fault  *Fault // why the cron does not run the line; nil: it does
	Notes  []string
}

// Fault is the fault of a line.
type Fault struct {
	Line       int
	Start, End int // bytes of the line
	Msg        string
	Alone      bool // the fault does not affect other lines, in any dialect
}

// Entry is a job.
type Entry struct {
	When     When
	User     string // "" if the lines name no user
	Command  string
	Stdin    string
	HasStdin bool
	OnError  bool    // "-n": mail its output only if it fails
	Env      []Value // its variables, in the order of the first assignment
	Raw      string  // the command as written
}

// Value is a variable of the environment.
type Value struct{ Name, Value string }

// Get returns the value of a variable, and whether it is set.
func (e *Entry) Get(name string) (string, bool) {
	for _, v := range e.Env {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// Parse reads a crontab.
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

// reader reads a crontab line by line.
type reader struct {
	o      Options
	table  *Table
	env    []Value
	marked bool // the text began with a byte order mark, which cronie reads as part of the first line
}

const byteOrderMark = "\uFEFF"

// begin removes a byte order mark, which the crons do not.
func (r *reader) begin(text string) string {
	rest, found := strings.CutPrefix(text, byteOrderMark)
	if r.marked = found; found && r.o.Dialect != Cronie {
		r.refuse(1, 0, 1, "it begins with a byte order mark")
	}
	return rest
}

// refuse records why the whole crontab is ignored; the first reason counts.
func (r *reader) refuse(line, start, end int, msg string) {
	if r.table.Refused == nil {
		r.table.Refused = &Fault{Line: line, Start: start, End: end, Msg: msg}
	}
}

// The limits of the crons.
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
			// A copy, as earlier jobs keep the earlier value.
			r.env = append([]Value(nil), r.env...)
			r.env[i].Value = value
			return
		}
	}
	r.env = append(r.env[:len(r.env):len(r.env)], Value{name, value})
}

// end applies the rules that depend on the whole text.
func (r *reader) end() {
	if r.o.Dialect == Debian && len(r.table.Lines) > debianLines {
		r.refuse(debianLines, 0, 0, fmt.Sprintf("it has more than %d lines", debianLines))
	}
	if r.o.Dialect != Supercronic {
		return
	}
	for i := range r.table.Lines { // the last value holds for all jobs
		if e := r.table.Lines[i].Entry; e != nil {
			e.Env = r.env
		}
	}
}

// wrong marks a line as not valid for the cron.
func (l *Line) wrong(start, end int, format string, args ...any) {
	if l.Kind == Blank {
		l.Kind = Wrong
	}
	l.Fault = &Fault{Line: l.Number, Start: start, End: min(end, len(l.Text)), Msg: fmt.Sprintf(format, args...)}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
