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

// listed is a list that is [] in JSON if there is nothing in it.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// warn says on stderr, on one line, what is not as it should be.
func (s *session) warn(format string, args ...any) {
	fmt.Fprintln(s.err, s.paint(s.err, "warning: "+escape.Line(fmt.Sprintf(format, args...))))
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
	less []int       // columns that are left out, in this order, before any is cut
	trim map[int]int // columns that are cut to a width before the soft ones are
	soft []int       // columns that are cut, in this order, when the terminal is too narrow
	drop []int       // columns that are left out, in this order, when that does not help
	inks []string    // of each row the colour of one cell; nil: no colours
	ink  int         // the column of that cell
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

// lines lays the table out, the head first.
func (g grid) lines(width int) []string {
	rows := make([][]string, len(g.rows))
	for i, row := range g.rows {
		for _, cell := range row {
			rows[i] = append(rows[i], escape.Line(cell))
		}
	}
	g.rows = rows
	shown := g.columns(width)
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
	widths := g.widths(width, shown)
	for n, i := range shown {
		columns = append(columns, table.ColumnConfig{Number: n + 1, WidthMax: widths[i], WidthMaxEnforcer: shorten})
	}
	t.SetColumnConfigs(columns)
	if g.head != nil {
		t.AppendHeader(pick(g.head))
	}
	for i, row := range g.rows {
		if g.inks != nil {
			row[g.ink] = inked(row[g.ink], g.inks[i])
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

// inked colours a text.
func inked(text, color string) string {
	if color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[m"
}

// wants is the width that each column would like.
func (g grid) wants() []int {
	wants := make([]int, len(g.rows[0]))
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, cell := range row {
			wants[i] = max(wants[i], text.StringWidthWithoutEscSequences(cell))
		}
	}
	return wants
}

// least is how narrow a soft column may become: one that can be left out sooner
// does that.
func (g grid) least(column int) int {
	if slices.Contains(g.drop, column) {
		return 12
	}
	return 6
}

// columns returns the columns that there is room for.
func (g grid) columns(width int) []int {
	var shown []int
	wants := g.wants()
	for i := range wants {
		shown = append(shown, i)
	}
	sum := -gap
	for _, want := range wants {
		sum += want + gap
	}
	for _, unwanted := range g.less {
		if width == 0 || sum <= width {
			break
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == unwanted })
		sum -= wants[unwanted] + gap
	}
	for _, unwanted := range g.drop {
		sum := -gap
		for _, i := range shown {
			if slices.Contains(g.soft, i) && slices.Contains(g.drop, i) {
				wants[i] = min(wants[i], g.least(i))
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

// widths returns the width of each column that is shown: what it wants, but if
// that is too much the soft ones give way, each as far as it can before the next.
func (g grid) widths(width int, shown []int) []int {
	wants, sum := g.wants(), -gap
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
	for _, i := range slices.Sorted(maps.Keys(g.trim)) {
		cut(i, g.trim[i])
	}
	for _, i := range g.soft {
		cut(i, g.least(i))
	}
	return wants
}

func shorten(cell string, most int) string { return text.Snip(cell, most, mark("…", "~")) }

// count is "1 task" or "3 tasks".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
