package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/manual"
)

func manCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "man",
		Category:  "About rota",
		Usage:     "print the manual page, or write both of them into a directory",
		ArgsUsage: "[DIR]",
		Description: `rota(1) goes to stdout. With DIR, rota.1 and jobs.toml.5 are written there.

  rota man | man -l -
  rota man .`,
		Action: func(c *cli.Context) error {
			var page bytes.Buffer
			rotaPage(&page, c.App)
			dir := c.Args().First()
			if dir == "" {
				_, err := s.out.Write(page.Bytes())
				return err
			}
			for name, text := range map[string]string{"rota.1": page.String(), "jobs.toml.5": manual.JobsTOML()} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					return fail(exitFailed, "", "cannot write the page: %v", err)
				}
			}
			return nil
		},
	}
}

// rotaPage writes rota(1), from the same texts as rota help.
func rotaPage(w io.Writer, app *cli.App) {
	m := roff{w}
	m.request("TH", "ROTA", "1", "", "rota", "User Commands")
	m.request("SH", "NAME")
	m.text("rota - run tasks when they are due, as defined in one TOML file")
	m.request("SH", "SYNOPSIS")
	m.request("B", "rota")
	m.text("COMMAND [flags] [arguments]")
	m.request("SH", "DESCRIPTION")
	m.text("Tasks, and when they are due, are defined in a file: see jobs.toml(5). rota daemon runs them and follows when the file is edited. The other commands query or control the daemon, or read the file.")
	var heads []string
	under := map[string][]*cli.Command{}
	for _, c := range app.Commands {
		if under[c.Category] == nil {
			heads = append(heads, c.Category)
		}
		under[c.Category] = append(under[c.Category], c)
	}
	m.request("SH", "COMMANDS")
	for _, head := range heads {
		m.request("SS", head)
		for _, c := range under[head] {
			m.command(c)
		}
	}
	m.request("SH", "FLAGS OF ALL COMMANDS")
	m.flags(app.Flags)
	head := ""
	for _, r := range environment {
		if r.head != head {
			head = r.head
			m.request("SH", strings.ToUpper(head))
		}
		m.item(r.word, r.text)
	}
	m.request("SH", "EXIT STATUS")
	for _, c := range codeTexts {
		m.item(c.code, c.text)
	}
	m.request("SH", "SEE ALSO")
	m.text("jobs.toml(5)")
}

// roff writes a manual page.
type roff struct{ w io.Writer }

// request writes a line for the formatter.
func (m roff) request(name string, args ...string) {
	line := "." + name
	for _, a := range args {
		line += ` "` + strings.ReplaceAll(escaped(a), `"`, `\(dq`) + `"`
	}
	fmt.Fprintln(m.w, line)
}

// text writes lines of a paragraph.
func (m roff) text(text string) {
	for _, line := range strings.Split(text, "\n") {
		if line = escaped(line); strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		fmt.Fprintln(m.w, line)
	}
}

func (m roff) item(word, text string) {
	m.request("TP")
	m.request("B", word)
	m.text(text)
}

func (m roff) flags(flags []cli.Flag) {
	for _, f := range flags {
		name, text := describe(f)
		m.item(name, text)
	}
}

// command writes the section of a command. Indented lines of its description are
// examples.
func (m roff) command(c *cli.Command) {
	m.request("TP")
	m.request("B", strings.TrimSpace("rota "+c.Name+" "+c.ArgsUsage))
	m.text(sentence(c.Usage))
	m.request("RS")
	for _, part := range strings.Split(c.Description, "\n\n") {
		if !strings.HasPrefix(part, "  ") {
			m.request("PP")
			m.text(part)
			continue
		}
		m.request("PP")
		m.request("EX")
		m.text(part)
		m.request("EE")
	}
	m.flags(visible(c.Flags))
	m.request("RE")
}

// escaped returns a text with the characters escaped that the formatter would interpret
// or that not every formatter can read.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
