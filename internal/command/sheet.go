package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"rota/internal/escape"
)

// sheet tells of one thing: a word and what there is to say, line by line.
type sheet [][2]string

// add adds a line, unless there is nothing to say. The same word as above is
// not said again.
func (s *sheet) add(word, text string) {
	if text == "" || text == "-" {
		return
	}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		*s = append(*s, [2]string{word, line})
		word = ""
	}
}

// print writes the sheet; what it says is cut to nothing, for it is asked for.
func (s sheet) print(w io.Writer) error {
	wide := 0
	for _, line := range s {
		wide = max(wide, text.StringWidthWithoutEscSequences(line[0]))
	}
	for _, line := range s {
		if _, err := fmt.Fprintln(w, strings.TrimRight(text.Pad(escape.Line(line[0]), wide, ' ')+strings.Repeat(" ", gap)+escape.Lines(line[1]), " ")); err != nil {
			return err
		}
	}
	return nil
}

// say prints lines.
func (s *session) say(lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.out, escape.Line(line)); err != nil {
			return err
		}
	}
	return nil
}
