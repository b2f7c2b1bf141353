package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"rota/internal/escape"
)

// details is a list of labels and values, one pair per line.
type details [][2]string

// add adds a label with its value, which may have several lines, unless that is empty.
func (s *details) add(word, text string) {
	if text == "" || text == "-" {
		return
	}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		*s = append(*s, [2]string{word, line})
		word = ""
	}
}

// print writes the details. Nothing is shortened.
func (s details) print(w io.Writer) error {
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
