package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"rota/internal/escape"
)

// Fault is one complaint about a file: what is wrong, where, and what to write
// instead.
type Fault struct {
	File    string // as the user named it
	Line    int    // from 1; 0: the file as a whole
	Col     int    // from 1, in characters; a byte order mark does not count
	Width   int    // how many characters are at fault, at least 1 if there is a line
	Msg     string // lower case, no full stop
	Hint    string // what to write instead; "" if there is nothing to say
	Text    string // the line, without its end
	Warning bool   // valid, but perhaps a mistake
}

// Error returns the complaint on one line: "file:line:col: msg; hint".
func (f Fault) Error() string {
	s := f.place() + ": " + f.Msg
	if f.Hint != "" {
		s += "; " + f.Hint
	}
	return escape.Line(s)
}

func (f Fault) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col)
}

// Render returns the complaint for people, with the line and a caret under what
// is at fault:
//
//	error: unknown key "timeuot" in task "backup"
//	  --> jobs.toml:31:1
//	   |
//	31 | timeuot = "4h"
//	   | ^^^^^^^ did you mean "timeout"?
//
// There is no newline at the end.
func (f Fault) Render() string {
	kind := "error: "
	if f.Warning {
		kind = "warning: "
	}
	if f.Line == 0 {
		s := kind + escape.Line(f.Msg) + "\n --> " + escape.Line(f.File)
		if f.Hint != "" {
			s += "\n  = " + escape.Line(f.Hint)
		}
		return s
	}
	number := fmt.Sprint(f.Line)
	gutter := strings.Repeat(" ", len(number))
	text, lead, width := f.window()
	var marks strings.Builder
	for _, r := range escape.Lines(string(lead)) { // as wide as the text above, so that the caret is in the right column
		switch {
		case r == '\t':
			marks.WriteRune(r)
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			marks.WriteRune('\u3000') // the wide space
		case !unicode.Is(unicode.Mn, r):
			marks.WriteRune(' ')
		}
	}
	s := fmt.Sprintf("%s%s\n%s--> %s\n%s |\n%s | %s\n%s | %s%s", kind, escape.Line(f.Msg),
		gutter, escape.Line(f.place()), gutter, number, escape.Lines(text), gutter, marks.String(), strings.Repeat("^", width))
	if f.Hint != "" {
		s += " " + escape.Line(f.Hint)
	}
	return s
}

// wide is how many characters of a line are shown at most.
const wide = 160

// window returns the part of the line to show, its text before the
// fault, and the width of the fault in it.
func (f Fault) window() (text string, lead []rune, width int) {
	line := []rune(f.Text)
	start := min(f.Col-1, len(line))
	from, to := 0, len(line)
	if to > wide {
		from = max(0, start-wide/2)
		to = min(len(line), from+wide)
	}
	fault := line[start:max(start, min(start+f.Width, to))]
	return string(line[from:to]), line[from:start], max(1, len([]rune(escape.Lines(string(fault)))))
}

// Errors holds all faults of a file and the files it includes, in file order.
type Errors struct {
	Faults []Fault
	All    []Fault // with the warnings between them
}

// Error returns one line for each fault: "file:line:col: msg; hint".
func (e *Errors) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Describe returns all faults of a file with line, column and caret if err is an
// [*Errors] of [Load]; else the text of err.
func Describe(err error) string {
	var faults *Errors
	if !errors.As(err, &faults) {
		return err.Error()
	}
	var parts []string
	for _, f := range faults.Faults {
		parts = append(parts, strings.TrimRight(f.Render(), "\n"))
	}
	return strings.Join(parts, "\n")
}
