package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"rota/schedule"
)

// The limits of a file of dates. Each trigger that names the file holds all of its
// dates.
const (
	maxDateFile = 1 << 20 // bytes
	maxDates    = 2000
)

// dateFile is a file of dates that except names, such as "file:holidays.txt".
type dateFile struct {
	src    *source  // nil if the file cannot be read
	err    error    // why it cannot be read
	dates  []string // the valid ones
	faulty bool
}

// dates returns the dates of a file that except names here. A file is read
// once, however many name it, and its own faults are reported once.
func (loc location) dates(path string) []string {
	if path == "" {
		loc.valueError(`write "file:holidays.txt"`, "except has no file name")
		return nil
	}
	abs := filepath.Clean(loc.src.abs(path))
	f, known := loc.l.dateFiles[abs]
	if !known {
		f = loc.l.openDates(abs)
		loc.l.dateFiles[abs] = f
	}
	switch {
	case errors.Is(f.err, fs.ErrNotExist):
		hint := ""
		if path != abs {
			hint = "relative paths start at the directory of this file"
		}
		loc.valueError(hint, "%s does not exist", path)
	case f.err != nil:
		loc.valueError("", "cannot read %s: %v", path, f.err)
	case len(f.dates) == 0 && !f.faulty:
		loc.l.add(complaint{location: loc, Fault: Fault{Msg: "no date in " + path, Hint: "write one on each line, such as 2026-12-25", Warning: true}})
	}
	return f.dates
}

// openDates reads a file of dates and adds a complaint for each line that is wrong.
func (l *loader) openDates(path string) *dateFile {
	if l.unanswered != nil {
		return &dateFile{err: l.unanswered}
	}
	text, real, fault, err := l.o.read(path, maxDateFile)
	if fault == nil {
		fault = l.isOutput(real)
	}
	if l.timedOut(err) {
		return &dateFile{err: err}
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // the complaint has the path as it was written
	}
	if err != nil {
		return &dateFile{err: err}
	}
	f := &dateFile{src: &source{Source: Source{path, text}, show: l.showAs(path)}}
	var wrong []complaint
	if fault != nil {
		wrong = []complaint{{Fault: *fault, whole: true}}
	} else {
		f.dates, wrong = readDates(text)
	}
	f.faulty = len(wrong) > 0
	for _, c := range wrong {
		c.location = location{l: l, src: f.src}
		l.add(c)
	}
	return f
}

// readDates reads the lines of a file of dates. A line may be blank, and a
// comment runs from # to its end.
func readDates(text string) (dates []string, wrong []complaint) {
	if f, at := textFault(text); f != nil {
		return nil, []complaint{{Fault: *f, text: &at}}
	}
	next := 0
	for line := range strings.Lines(text) {
		from := next
		next += len(line)
		said := upTo(line, "#")
		from += len(said) - len(strings.TrimLeft(said, blanks))
		said = strings.Trim(said, blanks)
		if said == "" {
			continue
		}
		at := span{from, from + len(said)}
		switch first := upTo(said, " \t,;"); {
		case len(dates)+len(wrong) == maxDates:
			return dates, append(wrong, complaint{text: &at, Fault: Fault{Msg: fmt.Sprintf("more than %d dates", maxDates)}})
		case schedule.IsExcept(said):
			dates = append(dates, said)
		case schedule.IsExcept(first):
			at.start = at.end - len(strings.TrimLeft(said[len(first):], blanks))
			wrong = append(wrong, complaint{text: &at, Fault: Fault{Msg: "unexpected text after the date", Hint: "one date on each line; a comment begins with #"}})
		default:
			msg := "this line is not a date"
			if len(said) <= 40 {
				msg = fmt.Sprintf("%q is not a date", said)
			}
			wrong = append(wrong, complaint{text: &at, Fault: Fault{Msg: msg, Hint: "write 2026-12-25, 12-25 for every year, or 2027-05-01..2027-05-10"}})
		}
	}
	return dates, wrong
}

const blanks = " \t\r\n"
