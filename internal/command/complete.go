package command

import (
	"bufio"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/escape"
)

// completionTimeout is how long completion waits for the daemon; half of it where the file
// can answer instead. The user gets an answer, or none, within a tenth of a second.
var completionTimeout = 60 * time.Millisecond

// complete prints what the last of the words, which may be "", can become. It
// never fails: what cannot be found out is left out of the candidates.
func (s *session) complete(words []string) error {
	none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	defer none.Close()
	quiet := &session{in: none, out: none, err: none}
	app := quiet.app()
	app.Action = func(c *cli.Context) error {
		ctx, cancel := context.WithTimeout(c.Context, completionTimeout)
		defer cancel()
		c.Context = ctx
		w := bufio.NewWriter(s.out)
		for _, o := range newCompletion(quiet, c, words).candidates() {
			io.WriteString(w, escape.Line(o.word))
			if o.description != "" {
				io.WriteString(w, "\t"+escape.Line(o.description))
			}
			io.WriteString(w, "\n")
		}
		return w.Flush()
	}
	app.Run([]string{"rota"})
	return nil
}

// candidate is a word that may complete the one at the cursor.
type candidate struct {
	word, description string // description may be ""
}

// fileNames has the shell complete file names.
var fileNames = []candidate{{word: ":files"}}

// completion is a command line that is being typed.
type completion struct {
	s          *session
	c          *cli.Context
	command    *cli.Command // nil: not typed yet
	args       []string     // of the command, before the word
	flag       string       // whose value the word is; "": it is none
	word       string       // as far as it is typed
	prefix     string       // what is before it in the same argument: "--color="
	failed     bool         // --failed is typed
	flagsEnded bool         // after "--"
}

func newCompletion(s *session, c *cli.Context, words []string) *completion {
	x := &completion{s: s, c: c}
	var typed []string
	if n := len(words); n > 0 {
		typed, x.word = words[:n-1], words[n-1]
	}
	for i := 0; i < len(typed); i++ {
		word := typed[i]
		if x.flagsEnded || !isFlag(word) {
			x.addWord(word)
			continue
		}
		if word == "--" {
			x.flagsEnded = true
			continue
		}
		name, value, given := splitFlag(c.App, word)
		f := findFlag(c.App, name)
		if f == nil {
			continue
		}
		if takesValue(f) && !given {
			if i++; i == len(typed) {
				x.flag = f.Names()[0]
				break
			}
			value = typed[i]
		}
		x.failed = x.failed || name == "failed"
		if slices.Contains(c.App.Flags, f) && takesValue(f) {
			c.Set(f.Names()[0], value) // where to look for the daemon and the file
		}
	}
	if !x.flagsEnded && x.flag == "" && isFlag(x.word) && strings.Contains(x.word, "=") {
		name, value, _ := strings.Cut(strings.TrimLeft(x.word, "-"), "=")
		if f := findFlag(c.App, name); f != nil {
			name = f.Names()[0]
		}
		x.flag, x.word, x.prefix = name, value, strings.TrimSuffix(x.word, value)
	}
	c.Set("quiet", "true")
	return x
}

// addWord adds a word that is not a flag.
func (x *completion) addWord(word string) {
	if x.command == nil && x.args == nil {
		if x.command = x.c.App.Command(word); x.command != nil {
			return
		}
	}
	x.args = append(x.args, word)
}

// candidates are the words with the prefix that is typed.
func (x *completion) candidates() []candidate {
	var list []candidate
	for _, o := range x.all() {
		if o.word == fileNames[0].word {
			return fileNames
		}
		if strings.HasPrefix(o.word, x.word) {
			o.word = x.prefix + o.word
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) all() []candidate {
	switch {
	case x.flag != "":
		if values := flagValues[x.flag]; values != nil {
			return values(x)
		}
		return nil
	case !x.flagsEnded && strings.HasPrefix(x.word, "-") && x.word != "-":
		return x.flags()
	case x.command == nil && x.args == nil:
		return x.commands()
	case x.command == nil:
		return nil
	}
	kinds := arguments[x.command.Name]
	if len(kinds) == 0 {
		return nil
	}
	kind := kinds[min(len(x.args), len(kinds)-1)]
	if len(x.args) >= len(kinds) && !strings.Contains(x.command.ArgsUsage, "…") {
		return nil
	}
	var list []candidate
	for _, o := range kind(x) {
		if !slices.Contains(x.args, o.word) {
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) commands() []candidate {
	var list []candidate
	for _, c := range x.c.App.Commands {
		list = append(list, candidate{c.Name, c.Usage})
	}
	return list
}

// flags are those of the command and of rota, by their long names.
func (x *completion) flags() []candidate {
	var list []candidate
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			_, text := describe(f)
			list = append(list, candidate{flagText(f.Names()[0]), text})
		}
	}
	if x.command != nil {
		add(visible(x.command.Flags))
	}
	add(x.c.App.Flags)
	return list
}
