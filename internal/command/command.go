// Package command is the command line: one file for each subcommand, and the
// exit codes and messages in one place. It decides nothing about tasks.
package command

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
)

// commands are the subcommands, in the order of the help page.
var commands = []func(*session) *cli.Command{
	listCommand,
	psCommand,
	showCommand,
	statusCommand,
	nextCommand,
	whyCommand,
	historyCommand,
	logsCommand,
	resultCommand,
	pingCommand,

	runCommand,
	stopCommand,
	cancelCommand,
	execCommand,
	proceedCommand,

	holdCommand,
	releaseCommand,
	skipCommand,
	rescheduleCommand,
	queueCommand,
	forgetCommand,

	daemonCommand,
	reloadCommand,
	drainCommand,
	notifyCommand,

	checkCommand,
	explainCommand,
	editCommand,
	initCommand,
	importCommand,

	helpCommand,
	versionCommand,
	completionCommand,
	schemaCommand,
	manCommand,
}

// Main runs the command line args and returns the exit code of the program. What
// rota starts itself as, a helper process, never gets here: see package runner.
func Main(args []string, stdin, stdout, stderr *os.File) int {
	s := &session{in: stdin, out: stdout, err: stderr}
	err := s.run(args)
	if err != nil {
		s.report(err, wantsJSON(args))
	}
	return int(codeOf(err))
}

// session is one command line with its streams and settings.
type session struct {
	in, out, err *os.File
	color        string      // of --color
	zoneWarned   bool        // the warning about TZ in the environment was printed
	status       *api.Status // of the daemon that answered; without one only the zone, from the file; nil: not allowed
}

func (s *session) run(args []string) error {
	if len(args) > 1 && args[1] == "__complete" {
		return s.complete(args[2:])
	}
	app := s.app()
	args, err := normalise(app, args)
	if err != nil {
		return err
	}
	return app.Run(args)
}

// app describes the command line to package cli, which reads flags and finds the command;
// help, suggestions and errors are made here.
func (s *session) app() *cli.App {
	app := &cli.App{
		Name:      "rota",
		HideHelp:  true,
		Reader:    s.in,
		Writer:    s.out,
		ErrWriter: s.err,
		Flags: append(connectFlags(),
			&cli.BoolFlag{Name: "json", Usage: "data and errors as one JSON object"},
			&cli.BoolFlag{Name: "utc", Usage: "show and read times in UTC, not in the task's zone"},
			&cli.BoolFlag{Name: "absolute", Usage: "absolute times instead of relative ones"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "only errors and warnings"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "the daemon's log in detail"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to use colour: auto, always or never"},
			&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "help, also on one command"},
			&cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Usage: "the version"},
		),
		Before: s.before,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.App, c.Args().First())
			}
			return s.help(c.App, "")
		},
		OnUsageError: usageError,
		// Errors come back to Main, which alone ends the program.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, command := range commands {
		c := command(s)
		c.HideHelp, c.OnUsageError = true, usageError
		c.Action = checkArgs(c.Action, c.ArgsUsage)
		app.Commands = append(app.Commands, c)
	}
	return app
}

// before checks the global flags.
func (s *session) before(c *cli.Context) error {
	s.color = c.String("color")
	if !slices.Contains([]string{"auto", "always", "never"}, s.color) {
		return misuse("", "--color cannot be %q: it is auto, always or never", s.color)
	}
	return nil
}

// checkArgs refuses more arguments than the command takes, by its ArgsUsage.
func checkArgs(action cli.ActionFunc, usage string) cli.ActionFunc {
	most := len(strings.Fields(usage))
	if strings.Contains(usage, "…") {
		return action
	}
	return func(c *cli.Context) error {
		if extra := c.Args().Get(most); extra != "" {
			hint := "try: rota help " + c.Command.Name
			if slices.Contains([]string{"list", "ps", "status"}, c.Command.Name) {
				hint = "for one task or run: rota show " + extra
			}
			return fail(exitUsage, hint, "%s: unexpected argument %q", c.Command.Name, extra)
		}
		return action(c)
	}
}

// usageError converts an error of package cli about the value of a flag.
func usageError(c *cli.Context, err error, _ bool) error {
	cmd := ""
	if c.Command != nil && c.App.Command(c.Command.Name) != nil {
		cmd = c.Command.Name
	}
	return misuse(cmd, "%s", strings.TrimSuffix(err.Error(), ": parse error"))
}

// wantsJSON reports whether errors are printed as JSON, even if the command line cannot
// be parsed.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
