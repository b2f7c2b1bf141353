package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// source is a text and its decoded content.
type source struct {
	Source
	show  string         // the path as the user would name it
	dir   string         // where relative paths in it start
	data  map[string]any // nil if the text is not TOML
	place *node          // the positions of all keys and values; nil until needed
	lines []int          // the offset of each line; nil until needed
	given *converted     // the text that Text was converted from; nil: Text is the text of the file
}

// converted is a text that was converted to TOML.
type converted struct {
	text string
	from []int // for each line of TOML, the line of text that it was made from, from 1; 0: none
}

// point moves a fault from the TOML text to the line that it was made from.
func (c *converted) point(f Fault) Fault {
	line := 0
	if f.Line > 0 && f.Line <= len(c.from) {
		line = c.from[f.Line-1]
	}
	f.Line, f.Col, f.Width, f.Text = line, 0, 0, ""
	if lines := strings.Split(c.text, "\n"); line > 0 && line <= len(lines) {
		f.Text = strings.TrimSuffix(lines[line-1], "\r")
		f.Col, f.Width = 1, max(1, utf8.RuneCountInString(f.Text))
	}
	return f
}

// location is a place in a source: a path of keys (string) and indices (int).
type location struct {
	l    *loader
	src  *source
	path []any
}

// at returns the location of a key or of an index below this one.
func (loc location) at(step any) location {
	loc.path = append(slices.Clip(loc.path), step)
	return loc
}

// inOrder sorts keys of the table here by their position in the text.
func (loc location) inOrder(keys []string) {
	slices.SortFunc(keys, func(a, b string) int {
		return complaint{location: loc.at(a)}.where().start - complaint{location: loc.at(b)}.where().start
	})
}

// name returns the innermost key, or "item 2 of KEY".
func (loc location) name() string {
	last := len(loc.path) - 1
	if i, ok := loc.path[last].(int); ok {
		return fmt.Sprintf("item %d of %v", i+1, loc.path[last-1])
	}
	return fmt.Sprint(loc.path[last])
}

// complaint is a fault without its line and column.
type complaint struct {
	Fault
	location
	onKey bool      // the fault is in the key, not the value
	part  span      // the bytes at fault in the decoded value; empty: all of it
	text  *span     // instead of a path: the bytes at fault in a text that is not TOML
	whole bool      // the fault is about the file as a whole
	other *location // the first of two definitions, named in the hint
}

// valueError complains about the value here.
func (loc location) valueError(hint, format string, args ...any) {
	loc.l.add(complaint{location: loc, Fault: Fault{Msg: fmt.Sprintf(format, args...), Hint: hint}})
}

// keyError complains about the key here.
func (loc location) keyError(hint, format string, args ...any) {
	loc.l.add(complaint{location: loc, onKey: true, Fault: Fault{Msg: fmt.Sprintf(format, args...), Hint: hint}})
}

func (l *loader) add(c complaint) { l.complaints = append(l.complaints, c) }

// locate gives a complaint its file, line and column.
func (c complaint) locate() Fault {
	f := c.Fault
	f.File = c.src.show
	if c.whole {
		return f
	}
	if c.other != nil {
		f.Hint = "the other is at " + complaint{location: *c.other, onKey: true}.locate().place()
	}
	f = c.src.point(f, c.where())
	if c.src.given != nil {
		f = c.src.given.point(f)
	}
	return f
}

// where returns the bytes of the text that the complaint is about.
func (c complaint) where() span {
	switch {
	case c.whole:
		return span{}
	case c.text != nil:
		return *c.text
	case c.src.place == nil:
		c.src.place = scan(c.src.Text)
	}
	n, all := c.src.place.find(c.path)
	if table := n.kids != nil || n.val == n.key; c.onKey || !all && table { // a missing key is reported at the name of its table
		return n.key
	}
	if !all || c.part == (span{}) {
		return n.val
	}
	literal, part := c.src.Text[n.val.start:n.val.end], c.part
	if strings.HasPrefix(literal, `"`) || strings.HasPrefix(literal, `'`) {
		_, part.start = unquote(literal, c.part.start)
		_, part.end = unquote(literal, c.part.end)
	}
	part.start = min(part.start, len(literal))
	part.end = max(part.start, min(part.end, len(literal)))
	return span{n.val.start + part.start, n.val.start + part.end}
}

// point sets the line, column, width and text of a fault from the bytes that it
// is about.
func (s *source) point(f Fault, at span) Fault {
	if s.lines == nil {
		s.lines = []int{0}
		for i := range len(s.Text) {
			if s.Text[i] == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	}
	at.start = max(0, min(at.start, len(s.Text)))
	n, exact := slices.BinarySearch(s.lines, at.start)
	if !exact {
		n--
	}
	from := s.lines[n]
	f.Line = n + 1
	f.Text = strings.TrimSuffix(upTo(s.Text[from:], "\n"), "\r")
	f.Col = utf8.RuneCountInString(s.Text[from:at.start]) + 1
	f.Width = max(1, utf8.RuneCountInString(s.Text[at.start:max(at.start, min(at.end, from+len(f.Text)))]))
	return f
}

// faultsError returns the faults as an error; nil if there are only warnings.
func (l *loader) faultsError() error {
	if !slices.ContainsFunc(l.complaints, func(c complaint) bool { return !c.Warning }) {
		return nil
	}
	all := l.faults()
	return &Errors{slices.DeleteFunc(slices.Clone(all), func(f Fault) bool { return f.Warning }), all}
}

// faults returns the complaints with file, line and column, in file order.
func (l *loader) faults() (faults []Fault) {
	type positioned struct {
		Fault
		source, start int
	}
	var all []positioned
	for _, c := range l.complaints {
		all = append(all, positioned{c.locate(), slices.Index(l.sources, c.src), c.where().start})
	}
	slices.SortStableFunc(all, func(a, b positioned) int {
		if a.source != b.source {
			return a.source - b.source
		}
		return a.start - b.start
	})
	for _, p := range all {
		faults = append(faults, p.Fault)
	}
	return faults
}
