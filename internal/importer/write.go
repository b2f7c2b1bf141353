package importer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"rota/internal/escape"
)

// writer writes TOML, and records the line of the source for each line.
type writer struct {
	text  strings.Builder
	lines []int
	from  int
	off   bool // the text is written as a comment
}

// line writes a line. Its arguments must be TOML or escaped.
func (w *writer) line(format string, args ...any) {
	for text := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") { // a block has several
		if w.off {
			text = strings.TrimRight("# "+text, " ")
		}
		w.text.WriteString(text + "\n")
		w.lines = append(w.lines, w.from)
	}
}

// comment writes a comment. Its text cannot end the comment.
func (w *writer) comment(text string) {
	off := w.off
	w.off = false
	w.line("#%s", strings.TrimRight(safe(text), " \t"))
	w.off = off
}

// safe escapes a text for a comment.
func safe(text string) string {
	return strings.ReplaceAll(escape.Lines(strings.ReplaceAll(text, "\n", "\\n")), "\r", "\\r")
}

func (w *writer) blank() {
	if n := len(w.lines); n > 0 && !strings.HasSuffix(w.text.String(), "\n\n") {
		w.text.WriteByte('\n')
		w.lines = append(w.lines, 0)
	}
}

// write writes the document.
func (d *document) write(w *writer) {
	if !d.plain {
		for _, text := range d.head {
			w.comment(text)
		}
		w.blank()
	}
	if d.zone != "" {
		d.rota = append(d.rota, pair{"timezone", str(d.zone)})
	}
	w.table("[rota]", d.rota)
	if len(d.env) > 0 {
		d.defaults = append(d.defaults, pair{"env", inline(d.env)})
	}
	w.table("[defaults]", d.defaults)
	for _, n := range d.targets {
		w.target(n)
	}
	if len(d.active()) == 0 {
		w.line("[tasks]")
		w.blank()
	}
	for _, t := range d.tasks {
		w.from = t.line
		w.task(t, d)
	}
	w.from = 0
}

func (w *writer) table(head string, pairs []pair) {
	if len(pairs) == 0 {
		return
	}
	w.line("%s", head)
	for _, p := range pairs {
		w.line("%s = %s", p.key, p.value)
	}
	w.blank()
}

func (w *writer) target(n target) {
	w.table("[notify."+n.name+"]", []pair{{"mail", "{ to = " + n.to + ", attach_output = true }"}})
}

// task writes a task, or comments instead; d is nil if the text is only for a check by
// package config.
func (w *writer) task(t *task, d *document) {
	if d != nil && !d.plain {
		for _, text := range t.comments {
			w.comment(text)
		}
		if t.off != "" {
			w.comment(" " + t.off)
		}
		for _, text := range t.raw {
			w.comment(" " + text)
		}
	}
	if t.raw != nil || t.off != "" && d != nil && d.plain {
		if d != nil && !d.plain {
			w.blank()
		}
		return
	}
	w.off = t.off != ""
	w.line("[tasks.%s]", t.name)
	for _, p := range t.when {
		w.line("%s = %s", p.key, p.value)
	}
	if t.zone != "" {
		w.line("timezone = %s", str(t.zone))
	}
	for _, p := range t.action {
		w.line("%s = %s", p.key, p.value)
	}
	for _, p := range t.policy {
		w.line("%s = %s", p.key, p.value)
	}
	if len(t.env) > 0 {
		w.line("env = %s", inline(t.env))
	}
	w.off = false
	w.blank()
}

// inline returns a table on one line.
func inline(pairs []pair) string {
	var all []string
	for _, p := range pairs {
		all = append(all, p.key+" = "+p.value)
	}
	return "{ " + strings.Join(all, ", ") + " }"
}

// list returns a list of strings, or a single one without a list.
func list(texts []string) string {
	if len(texts) == 1 {
		return str(texts[0])
	}
	return array(texts)
}

func array(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, str(t))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// str returns a text as a TOML string, in the quotes that need the fewest escapes. The text
// must be UTF-8; see [utf8.ValidString].
func str(text string) string {
	plain := escape.Safe(text) && utf8.ValidString(text)
	switch {
	case plain && !strings.ContainsAny(text, `"\`):
		return `"` + text + `"`
	case plain && !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case escape.Safe(string(r)):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// block returns a TOML string of several lines.
func block(lines []string) string {
	text := strings.Join(lines, "\n")
	if escape.Lines(text) != text || !utf8.ValidString(text) || strings.Contains(text, "'''") || strings.HasSuffix(text, "'") {
		return str(text)
	}
	return "'''\n" + text + "\n'''"
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variable returns a variable as a member of env. It escapes "$", which has a meaning only
// in the values of env.
func variable(name, value string) (p pair, why string) {
	switch {
	case !variableName.MatchString(name):
		return p, "is not a valid variable name"
	case strings.HasPrefix(name, "ROTA_"):
		return p, "is a name that rota sets itself"
	case !utf8.ValidString(value) || strings.Contains(value, "\x00"):
		return p, "has a value that is not text"
	}
	return pair{name, str(strings.ReplaceAll(value, "$", "$$"))}, ""
}
