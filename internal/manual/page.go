package manual

import (
	"fmt"
	"slices"
	"strings"

	"rota/config"
)

// JobsTOML returns the manual page jobs.toml(5), for man.
func JobsTOML() string {
	var p page
	p.macro(".TH JOBS.TOML 5 \"\" rota \"File formats\"\n.nh\n.ad l")
	p.head("NAME")
	p.line("jobs.toml - tasks of rota and when they run")
	p.head("DESCRIPTION")
	for _, text := range description {
		p.macro(".PP")
		p.line(text)
	}
	p.example(example)
	p.head("VALUES")
	for _, v := range values {
		p.item(v[0], "", v[1])
	}
	for _, t := range config.Tables() {
		if t.Name != "" {
			p.table(t)
		}
	}
	p.head("ENVIRONMENT")
	p.line("Besides its own a command gets:")
	for _, v := range environment {
		p.item(v[0], "", v[1])
	}
	p.head("FILES")
	p.item("$XDG_CONFIG_HOME/rota/jobs.toml, /etc/rota/jobs.toml", "", "The file, the first of these that exists.")
	p.head("SEE ALSO")
	p.macro(".BR rota (1),")
	p.macro(".BR crontab (5)")
	return p.String()
}

// page is a manual page that is being written.
type page struct{ strings.Builder }

// macro writes a line for the formatter.
func (p *page) macro(line string) { p.WriteString(line + "\n") }

// head begins a section.
func (p *page) head(title string) { p.macro(".SH " + quote(title)) }

// line writes text, escaped for the formatter.
func (p *page) line(text string) { p.macro(plain(text)) }

// item writes a word in bold, with its kind and its meaning.
func (p *page) item(word, kind, text string) {
	p.macro(".TP")
	line := `\fB` + plain(word) + `\fR`
	if kind != "" {
		line += ` = \fI` + plain(kind) + `\fR`
	}
	p.macro(line)
	p.line(text)
}

// example writes lines that the formatter does not fill.
func (p *page) example(text string) {
	p.macro(".PP\n.RS 4\n.nf")
	for line := range strings.Lines(text) {
		p.line(strings.TrimSuffix(line, "\n"))
	}
	p.macro(".fi\n.RE")
}

// table writes the section of a table.
func (p *page) table(t config.Table) {
	p.head("[" + t.Name + "]")
	p.line(t.Text)
	switch t.Name {
	case "defaults", "tasks.NAME.triggers", "tasks.NAME.keep": // their keys are documented elsewhere
		if t.Name == "tasks.NAME.keep" {
			p.line("Its keys are those of [history] but total.")
		}
		return
	}
	for _, part := range t.Sections {
		if part.Title != "" {
			p.macro(".SS " + quote(part.Title))
		}
		for _, key := range part.Keys {
			p.key(t, key)
		}
	}
}

// key writes the meaning of a key, its default, and examples if it has no default.
func (p *page) key(t config.Table, k config.Key) {
	kind := k.Type.Name
	if k.Type.Words != nil && k.Type.List == nil {
		kind = strings.Join(k.Type.Words, " | ")
		if k.Type.Truth {
			kind += " | true"
		}
	}
	p.item(k.Name, kind, k.Text)
	switch {
	case slices.Contains(t.Required, k.Name):
		p.line("Required.")
	case k.Default != "":
		p.macro("Default: " + bold(k.Default) + ".")
	}
	described := k.Type.Pattern != "" || k.Type.Name == "a path" // below VALUES
	if k.Default == "" && k.Type.Words == nil && len(k.Examples) > 0 && !(described && len(k.Examples) == 1) {
		var shown []string
		for _, e := range k.Examples {
			shown = append(shown, bold(e))
		}
		p.macro("Example: " + strings.Join(shown, " or ") + ".")
	}
}

func bold(text string) string { return `\fB` + plain(text) + `\fR` }

// plain returns text escaped for the formatter.
func plain(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// quote returns text as an argument of a macro.
func quote(text string) string {
	return fmt.Sprintf(`"%s"`, strings.ReplaceAll(plain(text), `"`, `\(dq`))
}
