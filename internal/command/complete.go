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

// patience is how long completion waits for the daemon, and half of it where the
// file can answer instead: who presses a key is told within a tenth of a second
// what there is, or nothing.
var patience = 60 * time.Millisecond

// complete prints what the last of the words, which may be "", can become. It
// never fails: what cannot be found out is not offered.
func (s *session) complete(words []string) error {
	none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	defer none.Close()
	quiet := &session{in: none, out: none, err: none}
	app := quiet.app()
	app.Action = func(c *cli.Context) error {
		ctx, cancel := context.WithTimeout(c.Context, patience)
		defer cancel()
		c.Context = ctx
		w := bufio.NewWriter(s.out)
		for _, o := range newCompletion(quiet, c, words).offers() {
			io.WriteString(w, escape.Line(o.word))
			if o.text != "" {
				io.WriteString(w, "\t"+escape.Line(o.text))
			}
			io.WriteString(w, "\n")
		}
		return w.Flush()
	}
	app.Run([]string{"rota"})
	return nil
}

// offer is a word that may stand where the cursor is.
type offer struct {
	word, text string // text says what it is; it may be ""
}

// files leaves the answer to the shell.
var files = []offer{{word: ":files"}}

// completion is a command line that is being typed.
type completion struct {
	s       *session
	c       *cli.Context
	command *cli.Command // nil: not typed yet
	args    []string     // of the command, before the word
	flag    string       // whose value the word is; "": it is none
	word    string       // as far as it is typed
	before  string       // what stands before it in the same piece of text: "--color="
	failed  bool         // --failed is typed
	plain   bool         // after "--": no flags any more
}

func newCompletion(s *session, c *cli.Context, words []string) *completion {
	x := &completion{s: s, c: c}
	var typed []string
	if n := len(words); n > 0 {
		typed, x.word = words[:n-1], words[n-1]
	}
	for i := 0; i < len(typed); i++ {
		word := typed[i]
		if x.plain || !isFlag(word) {
			x.take(word)
			continue
		}
		if word == "--" {
			x.plain = true
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
	if !x.plain && x.flag == "" && isFlag(x.word) && strings.Contains(x.word, "=") {
		name, value, _ := strings.Cut(strings.TrimLeft(x.word, "-"), "=")
		if f := findFlag(c.App, name); f != nil {
			name = f.Names()[0]
		}
		x.flag, x.word, x.before = name, value, strings.TrimSuffix(x.word, value)
	}
	c.Set("quiet", "true")
	return x
}

// take takes a word that is no flag.
func (x *completion) take(word string) {
	if x.command == nil && x.args == nil {
		if x.command = x.c.App.Command(word); x.command != nil {
			return
		}
	}
	x.args = append(x.args, word)
}

// offers are the words that begin as the one that is typed.
func (x *completion) offers() []offer {
	var list []offer
	for _, o := range x.all() {
		if o.word == files[0].word {
			return files
		}
		if strings.HasPrefix(o.word, x.word) {
			o.word = x.before + o.word
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) all() []offer {
	switch {
	case x.flag != "":
		if values := flagValues[x.flag]; values != nil {
			return values(x)
		}
		return nil
	case !x.plain && strings.HasPrefix(x.word, "-") && x.word != "-":
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
	var list []offer
	for _, o := range kind(x) {
		if !slices.Contains(x.args, o.word) {
			list = append(list, o)
		}
	}
	return list
}

func (x *completion) commands() []offer {
	var list []offer
	for _, c := range x.c.App.Commands {
		list = append(list, offer{c.Name, c.Usage})
	}
	return list
}

// flags are those of the command and of rota, by their long names.
func (x *completion) flags() []offer {
	var list []offer
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			_, text := describe(f)
			list = append(list, offer{dashes(f.Names()[0]), text})
		}
	}
	if x.command != nil {
		add(visible(x.command.Flags))
	}
	add(x.c.App.Flags)
	return list
}
