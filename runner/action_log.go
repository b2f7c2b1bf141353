package runner

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Log is the action that writes a message: a line in the output of the run and, unless it
// is forked, in the log of rota.
type Log struct {
	Message string // a template
	Level   string // "debug", "info", "warn" or "error"; "" is info. All but info stand before the message
}

var logLevels = []string{"debug", "info", "warn", "error"}

// Check returns what is wrong with the values.
func (a *Log) Check() []Problem {
	var p problems
	if a.Message == "" {
		p.add("message", "message is empty", `write the text to log: message = "…"`)
	}
	if a.Level != "" && !slices.Contains(logLevels, a.Level) {
		p.add("level", fmt.Sprintf("unknown level %q", a.Level), "levels are debug, info, warn and error")
	}
	return append(p, checkTemplate("message", a.Message)...)
}

// Run writes the message to out, ended by a newline.
func (a *Log) Run(ctx context.Context, in Input, out io.Writer) error {
	text, err := render(ctx, "message", a.Message, in)
	if err != nil {
		return err
	}
	if in.log != nil {
		in.log(a.Level, text)
	}
	if a.Level != "" && a.Level != "info" {
		text = a.Level + ": " + text
	}
	_, err = io.WriteString(out, strings.TrimSuffix(text, "\n")+"\n")
	return err
}
