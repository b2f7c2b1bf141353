package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/suggest"
)

// normalise puts a command line into the order that package cli reads:
// the program, global flags, the command, its flags, "--", arguments. Flags may
// be anywhere on the command line, up to a "--". A flag for help or for
// the version becomes the command of that name.
func normalise(app *cli.App, args []string) ([]string, error) {
	l := line{program: args[0]}
	for rest := args[1:]; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		if word == "--" {
			l.words = append(l.words, rest...)
			break
		}
		if !isFlag(word) {
			l.words = append(l.words, word)
			continue
		}
		name, value, given := splitFlag(app, word)
		f := findFlag(app, name)
		switch {
		case f == nil:
			return nil, unknownFlag(app, word)
		case takesValue(f) && !given:
			if len(rest) == 0 {
				return nil, misuse(l.command(), "%s needs a value", word)
			}
			value, rest = rest[0], rest[1:]
		case !takesValue(f) && !given:
			value = "true"
		}
		l.flags = append(l.flags, flag{f, name, value})
	}
	return l.ordered(app)
}

// line is a parsed command line.
type line struct {
	program string
	flags   []flag
	words   []string // the command and its arguments
}

type flag struct {
	cli.Flag
	name, value string
}

// command is the first word; "" if there is none.
func (l line) command() string {
	if len(l.words) == 0 {
		return ""
	}
	return l.words[0]
}

func (l line) ordered(app *cli.App) ([]string, error) {
	global, own := []string{l.program}, []string{}
	cmd := app.Command(l.command())
	instead := ""
	for _, f := range l.flags {
		text := "--" + f.name + "=" + f.value
		switch {
		case f.name == "help" || f.name == "h":
			instead = "help"
		case f.name == "version" || f.name == "V":
			instead = "version"
		case slices.Contains(app.Flags, f.Flag):
			global = append(global, text)
		case cmd == nil && l.command() == "":
			return nil, misuse("", "%s is a flag of a command, but no command is given", flagText(f.name))
		case cmd == nil: // reported instead of the flag
		case !hasName(cmd.Flags, f.name):
			return nil, misuse(cmd.Name, "%s has no flag %s", cmd.Name, flagText(f.name))
		default:
			own = append(own, text)
		}
	}
	words := l.words
	switch instead {
	case "help":
		own, words = nil, append([]string{"help"}, words[:min(1, len(words))]...)
		if len(l.words) > 0 && l.words[0] == "help" {
			words = l.words
		}
	case "version":
		own, words = nil, []string{"version"}
	}
	switch {
	case len(words) == 0:
		return global, nil
	case isFlag(words[0]): // after "--"
		return nil, unknownCommand(app, words[0])
	}
	return slices.Concat(global, words[:1], own, []string{"--"}, words[1:]), nil
}

// isFlag tells a flag from a word; "-" alone is the name of stdin, and -1 the
// last day of a month.
func isFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

// splitFlag takes --name=value, -n=value and -nvalue apart.
func splitFlag(app *cli.App, word string) (name, value string, given bool) {
	name = strings.TrimPrefix(word[1:], "-")
	long, _, _ := strings.Cut(name, "=") // of others, who write -name for --name
	if short := name[:min(1, len(name))]; !strings.HasPrefix(word, "--") && len(name) > 1 && name[1] != '=' && (len(long) < 4 || findFlag(app, long) == nil) {
		if f := findFlag(app, short); f != nil && takesValue(f) {
			return short, name[1:], true
		}
	}
	return strings.Cut(name, "=")
}

// allFlags are those of rota and of every command. A name takes a value in all
// of them or in none, so a flag can be read before its command is known.
func allFlags(app *cli.App) []cli.Flag {
	flags := slices.Clone(app.Flags)
	for _, c := range app.Commands {
		flags = append(flags, c.Flags...)
	}
	return flags
}

func findFlag(app *cli.App, name string) cli.Flag {
	for _, f := range allFlags(app) {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func hasName(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func unknownFlag(app *cli.App, word string) error {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	var names []string
	for _, f := range allFlags(app) {
		names = append(names, f.Names()...)
	}
	if near := suggest.Nearest(name, names); near != "" {
		return fail(exitUsage, "did you mean "+flagText(near)+"?", "unknown flag %s", word)
	}
	return misuse("", "unknown flag %s", word)
}

// flagText is how a flag is written.
func flagText(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
