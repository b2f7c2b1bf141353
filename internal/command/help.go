package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func helpCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Category:  "About rota",
		Usage:     "show this page, or that of one command",
		ArgsUsage: "[COMMAND]",
		Description: `  rota help next
  rota next --help`,
		Action: func(c *cli.Context) error { return s.help(c.App, c.Args().First()) },
	}
}

// help prints the page of a command; "" is that of rota itself.
func (s *session) help(app *cli.App, name string) error {
	var b strings.Builder
	if name == "" {
		mainPage(&b, app)
	} else {
		c := app.Command(name)
		if c == nil {
			return unknownCommand(app, name)
		}
		page(&b, c)
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

func mainPage(w io.Writer, app *cli.App) {
	fmt.Fprint(w, `rota runs tasks when they are due, as one TOML file says.

usage: rota COMMAND [flags] [arguments]
`)
	var commands section
	for _, c := range app.Commands {
		commands.add(c.Category, c.Name, c.Usage)
	}
	commands.print(w)
	flags := section{}
	for _, f := range app.Flags {
		name, text := describe(f)
		flags.add("Flags, anywhere on the line", name, text)
	}
	flags.print(w)

	var rest section
	for _, r := range environment {
		rest.add(r.head, r.word, r.text)
	}
	rest.print(w)

	var codes section
	for _, c := range codeTexts {
		codes.add("Exit codes", c.code, c.text)
	}
	codes.print(w)
	fmt.Fprint(w, `
Examples
  rota daemon --config jobs.toml    run the tasks; edit the file meanwhile
  rota check jobs.toml              find what is wrong with the file
  rota next --until 24h             see what the next day brings
  rota help next                    all about one command
`)
}

// environment lists the files and variables that rota reads, and the form of times.
var environment = []struct{ head, word, text string }{
	{"Files", "~/.config/rota/jobs.toml", "the file, unless --config names it"},
	{"Files", "/etc/rota/jobs.toml", "the file, if that is not there"},
	{"Environment", "ROTA_CONFIG", "the file, unless --config names it"},
	{"Environment", "ROTA_SOCKET", "the daemon's socket, unless --socket names it"},
	{"Environment", "ROTA_STATE_DIR", "the state directory, if the file names none"},
	{"Environment", "ROTA_URL", "a daemon on another machine, unless --url names it"},
	{"Environment", "ROTA_TOKEN_FILE", "the file with the token for that"},
	{"Environment", "XDG_CONFIG_HOME", "instead of ~/.config"},
	{"Environment", "NO_COLOR", "if set: no colour"},
	{"Environment", "CLICOLOR_FORCE", "if set: colour, even if stdout is not a terminal"},
	{"Times in JSON", "slots", "when something is due: in the zone of its task"},
	{"Times in JSON", "others", "when something happened: in UTC"},
}

func page(w io.Writer, c *cli.Command) {
	words := []string{"usage: rota", c.Name}
	if c.ArgsUsage != "" {
		words = append(words, c.ArgsUsage)
	}
	if len(c.Flags) > 0 {
		words = append(words, "[flags]")
	}
	fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", strings.Join(words, " "), sentence(c.Usage), c.Description)
	var flags section
	for _, f := range visible(c.Flags) {
		name, text := describe(f)
		flags.add("Flags", name, text)
	}
	flags.print(w)
	fmt.Fprint(w, "\nFlags of all commands, files, environment and exit codes: rota help\n")
}

// visible are the flags without those that exist for compatibility with other programs.
func visible(flags []cli.Flag) []cli.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f cli.Flag) bool {
		v, ok := f.(cli.VisibleFlag)
		return ok && !v.IsVisible()
	})
}

// describe returns a flag as it is typed and its description.
func describe(f cli.Flag) (name, text string) {
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append([]string{"-" + n}, names...)
		} else {
			names = append(names, "--"+n)
		}
	}
	name = strings.Join(names, ", ")
	if text = f.(cli.DocGenerationFlag).GetUsage(); strings.Count(text, "`") == 2 {
		parts := strings.Split(text, "`")
		name += " " + parts[1]
		text = strings.Join(parts, "")
	}
	return name, text
}

// section is a list of words and what they mean, under headings.
type section struct {
	heads []string
	items map[string][][2]string
	wide  int
}

func (s *section) add(head, word, text string) {
	if s.items == nil {
		s.items = map[string][][2]string{}
	}
	if s.items[head] == nil {
		s.heads = append(s.heads, head)
	}
	s.items[head] = append(s.items[head], [2]string{word, text})
	s.wide = max(s.wide, len(word))
}

func (s *section) print(w io.Writer) {
	for _, head := range s.heads {
		fmt.Fprintf(w, "\n%s\n", head)
		for _, item := range s.items[head] {
			fmt.Fprintf(w, "  %-*s  %s\n", s.wide, item[0], item[1])
		}
	}
}

// sentence makes a sentence of the description of a command.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }
