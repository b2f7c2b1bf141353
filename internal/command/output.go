package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/escape"
)

// json writes an object on one line.
func (s *session) json(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escape.JSON(b.Bytes()))
	return err
}

// listed is a list that is [] in JSON if it is empty.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// warn prints a warning on one line of stderr.
func (s *session) warn(format string, args ...any) {
	fmt.Fprintln(s.err, s.colorizePrefix(s.err, "warning: "+escape.Line(fmt.Sprintf(format, args...))))
}

// useColor reports whether output to f is coloured.
func (s *session) useColor(f *os.File) bool {
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

// colorizePrefix colours the word that a message to f begins with.
func (s *session) colorizePrefix(f *os.File, msg string) string {
	for word, code := range map[string]string{"error:": "1;31", "warning:": "1;33"} {
		if rest, found := strings.CutPrefix(msg, word); found && s.useColor(f) {
			return "\x1b[" + code + "m" + word + "\x1b[m" + rest
		}
	}
	return msg
}

// width returns how many columns stdout has; 0: no limit.
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
	head        []string // nil: none
	rows        [][]string
	hideFirst   []int       // columns to hide, in this order, before any is shortened
	trimTo      map[int]int // columns to shorten to a width before those of shrink
	shrink      []int       // columns to shorten, in this order, when the terminal is too narrow
	hideLast    []int       // columns to hide, in this order, when that is not enough
	colors      []string    // of each row the colour of one cell; nil: no colours
	colorColumn int         // the column of that cell
}

const gap = 2 // blanks between columns

// print writes the table, each row on one line that fits into width columns; 0
// is any number.
func (g grid) print(w io.Writer, width int) error {
	if len(g.rows) == 0 {
		return nil
	}
	_, err := io.WriteString(w, strings.Join(g.lines(width), "\n")+"\n")
	return err
}

// lines returns the lines of the table, the head first.
func (g grid) lines(width int) []string {
	rows := make([][]string, len(g.rows))
	for i, row := range g.rows {
		for _, cell := range row {
			rows[i] = append(rows[i], escape.Line(cell))
		}
	}
	g.rows = rows
	shown := g.visibleColumns(width)
	pick := func(row []string) table.Row {
		var cells table.Row
		for _, i := range shown {
			cells = append(cells, row[i])
		}
		return cells
	}
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	var columns []table.ColumnConfig
	widths := g.columnWidths(width, shown)
	for n, i := range shown {
		columns = append(columns, table.ColumnConfig{Number: n + 1, WidthMax: widths[i], WidthMaxEnforcer: shorten})
	}
	t.SetColumnConfigs(columns)
	if g.head != nil {
		t.AppendHeader(pick(g.head))
	}
	for i, row := range g.rows {
		if g.colors != nil {
			row[g.colorColumn] = colorize(row[g.colorColumn], g.colors[i])
		}
		t.AppendRow(pick(row))
	}
	lines := strings.Split(t.Render(), "\n")
	for i, line := range lines {
		if width > 0 && text.StringWidthWithoutEscSequences(line) > width {
			lines[i] = shorten(line, width)
		}
	}
	return lines
}

// colorize colours a text.
func colorize(text, color string) string {
	if color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[m"
}

// naturalWidths is the width of each column without a limit.
func (g grid) naturalWidths() []int {
	wants := make([]int, len(g.rows[0]))
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, cell := range row {
			wants[i] = max(wants[i], text.StringWidthWithoutEscSequences(cell))
		}
	}
	return wants
}

// minWidth is how narrow a column of shrink may become; one that can be hidden stays wider.
func (g grid) minWidth(column int) int {
	if slices.Contains(g.hideLast, column) {
		return 12
	}
	return 6
}

// visibleColumns returns the columns that fit.
func (g grid) visibleColumns(width int) []int {
	var shown []int
	wants := g.naturalWidths()
	for i := range wants {
		shown = append(shown, i)
	}
	sum := -gap
	for _, want := range wants {
		sum += want + gap
	}
	for _, unwanted := range g.hideFirst {
		if width == 0 || sum <= width {
			break
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == unwanted })
		sum -= wants[unwanted] + gap
	}
	for _, unwanted := range g.hideLast {
		sum := -gap
		for _, i := range shown {
			if slices.Contains(g.shrink, i) && slices.Contains(g.hideLast, i) {
				wants[i] = min(wants[i], g.minWidth(i))
			}
			sum += wants[i] + gap
		}
		if width == 0 || sum <= width {
			break
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == unwanted })
	}
	return shown
}

// columnWidths returns the width of each visible column: its natural width, but if that is
// too much the columns of shrink are shortened, each as far as possible before the next.
func (g grid) columnWidths(width int, shown []int) []int {
	wants, sum := g.naturalWidths(), -gap
	for _, i := range shown {
		sum += wants[i] + gap
	}
	cut := func(i, least int) {
		if width > 0 && sum > width && slices.Contains(shown, i) {
			less := min(sum-width, max(0, wants[i]-least))
			wants[i] -= less
			sum -= less
		}
	}
	for _, i := range slices.Sorted(maps.Keys(g.trimTo)) {
		cut(i, g.trimTo[i])
	}
	for _, i := range g.shrink {
		cut(i, g.minWidth(i))
	}
	return wants
}

func shorten(cell string, most int) string { return text.Snip(cell, most, symbolFor("…", "~")) }

// count is "1 task" or "3 tasks".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// printResult prints the result of a command: with --json as an object, with --quiet not at
// all, else as lines.
func (s *session) printResult(c *cli.Context, object any, lines ...string) error {
	switch {
	case c.Bool("json"):
		return s.json(s.out, object)
	case c.Bool("quiet"):
		return nil
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.out, escape.Line(line)); err != nil {
			return err
		}
	}
	return nil
}

// warnings prints warnings on stderr.
func (s *session) warnings(list []string) {
	for _, w := range list {
		s.warn("%s", w)
	}
}

// printLines prints lines.
func (s *session) printLines(lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.out, escape.Line(line)); err != nil {
			return err
		}
	}
	return nil
}
