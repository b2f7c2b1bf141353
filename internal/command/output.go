package command

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// json writes an object on one line.
func (s *session) json(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// clean returns a text without anything that could steer a terminal: control
// characters, and those that change the direction of writing, are escaped.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// cleanLines is clean for a text of several lines, in which tabs stay.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		parts := strings.Split(line, "\t")
		for j := range parts {
			parts[j] = clean(parts[j])
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}

// warn says on stderr, on one line, what is not as it should be.
func (s *session) warn(format string, args ...any) {
	fmt.Fprintln(s.err, s.paint(s.err, "warning: "+clean(fmt.Sprintf(format, args...))))
}

// colored tells whether what goes to f is coloured.
func (s *session) colored(f *os.File) bool {
	switch force := os.Getenv("CLICOLOR_FORCE"); {
	case s.color == "always" || s.color == "never":
		return s.color == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// paint colours the word that a message to f begins with.
func (s *session) paint(f *os.File, msg string) string {
	for word, code := range map[string]string{"error:": "1;31", "warning:": "1;33"} {
		if rest, found := strings.CutPrefix(msg, word); found && s.colored(f) {
			return "\x1b[" + code + "m" + word + "\x1b[m" + rest
		}
	}
	return msg
}

// width returns how many columns a line on stdout has; 0: as many as it wants.
func (s *session) width() int {
	fd := int(s.out.Fd())
	if !term.IsTerminal(fd) {
		return 0
	}
	if w, _, err := term.GetSize(fd); err == nil && w > 0 {
		return w
	}
	return 80
}

// grid is a table without lines.
type grid struct {
	head []string // nil: none
	rows [][]string
	soft []int // columns that give way when the terminal is too narrow
}

const gap = 2 // blanks between columns

// print writes the table, each row on one line that fits into width columns; 0
// is any number.
func (g grid) print(w io.Writer, width int) error {
	if len(g.rows) == 0 {
		return nil
	}
	for _, row := range g.rows {
		for i := range row {
			row[i] = clean(row[i])
		}
	}
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	var columns []table.ColumnConfig
	for i, most := range g.widths(width) {
		columns = append(columns, table.ColumnConfig{Number: i + 1, WidthMax: most, WidthMaxEnforcer: shorten})
	}
	t.SetColumnConfigs(columns)
	if g.head != nil {
		t.AppendHeader(cells(g.head))
	}
	for _, row := range g.rows {
		t.AppendRow(cells(row))
	}
	_, err := io.WriteString(w, t.Render()+"\n")
	return err
}

// widths returns the width of each column: what it wants, but if that is too
// much the widest of the soft ones give way.
func (g grid) widths(width int) []int {
	const least = 6
	wants, sum := make([]int, len(g.rows[0])), -gap
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, cell := range row {
			wants[i] = max(wants[i], text.StringWidthWithoutEscSequences(cell))
		}
	}
	for _, w := range wants {
		sum += w + gap
	}
	for ; width > 0 && sum > width; sum-- {
		widest := -1
		for _, i := range g.soft {
			if wants[i] > least && (widest < 0 || wants[i] > wants[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		wants[widest]--
	}
	return wants
}

func shorten(cell string, most int) string { return text.Snip(cell, most, "…") }

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return row
}

// count is "1 task" or "3 tasks".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
