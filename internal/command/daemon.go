package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/daemon"
)

func daemonCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:     "daemon",
		Category: "Run tasks",
		Usage:    "run the tasks of the file at their times",
		Description: `Stays in the foreground and logs to stderr. Edit the file while it runs, and
the schedule follows; a file with an error changes nothing and is reported.

Signals: TERM and INT stop it, after a grace period for running tasks; a second
one stops it at once. HUP reloads the file. USR1 logs running and next tasks.
Forked tasks continue in any case.

The other commands ask it over its socket: /run/rota/rota.sock or
$XDG_RUNTIME_DIR/rota/rota.sock; with a state_dir of its own, rota.sock in that.

Output of tasks: none; raw, as it comes; prefix, each line after the name of
its task; json, one object a line.

--once is for cron or another scheduler: slots since the last time run once,
unless the file says otherwise (missed). It waits for retries, and exits with
code 1 if a run failed.

--crontab runs a crontab as supercronic does: the minute is first also of six
fields, whose last is the year, and commands start in the working directory.
Flags of supercronic go with it: -test, -passthrough-logs (--output raw),
-overlapping, -debug (-v), -quiet, -json (log and output in JSON). -inotify,
-split-logs and -no-reap change nothing, as rota does so always.

  rota daemon --config jobs.toml
  rota daemon -c jobs.toml --output raw -v
  rota daemon --crontab crontab.txt`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "crontab", Usage: "run the crontab `FILE`, as supercronic reads it"},
			&cli.StringFlag{Name: "output", Usage: "`HOW` output of tasks goes to stdout, whatever the file says"},
			&cli.BoolFlag{Name: "once", Usage: "run what came due since the last time, wait, and exit"},
			&cli.BoolFlag{Name: "held", Usage: "hold every task; release lets them start"},
			&cli.StringFlag{Name: "state-dir", Usage: "`DIR` for state, if the file names none or is missing"},
			trustFlag(),
		}, supercronicFlags()...),
		Action: func(c *cli.Context) error {
			outputs := []string{"", "none", "raw", "prefix", "json"}
			if how := c.String("output"); !slices.Contains(outputs, how) {
				return misuse("daemon", "--output cannot be %q: it is %s", how, strings.Join(outputs[1:], ", "))
			}
			o := daemon.Options{
				TrustFile: c.Bool("trust-file"), Output: c.String("output"), LogLevel: logLevel(c), Color: s.color, Version: version(),
				Once: c.Bool("once"), Held: c.Bool("held"), Stdout: s.out, Stderr: s.err,
			}
			err := error(nil)
			if path := c.String("crontab"); path != "" {
				err = s.asCrontab(c, path, &o)
			} else if err = supercronicWithout(c); err == nil {
				o.Config, err = file(c)
			}
			switch {
			case err != nil:
				return err
			case c.Bool("test"):
				return s.testCrontab(o.Config, o)
			}
			socket := c.String("socket")
			if socket == os.Getenv("ROTA_SOCKET") {
				socket = "" // that of the daemon that runs this command, if any
			}
			if o.Socket = socket; c.String("state-dir") != "" {
				if o.StateDir, err = filepath.Abs(c.String("state-dir")); err != nil {
					return err
				}
			}
			if os.Getpid() == 1 {
				return exitStatus(daemon.Init(os.Args))
			}
			return fromDaemon(o.Config, daemon.Run(c.Context, o))
		},
	}
}

// logLevel is what -q and -v ask for; "" if neither does.
func logLevel(c *cli.Context) string {
	switch {
	case c.Bool("verbose"):
		return "debug"
	case c.Bool("quiet"):
		return "warn"
	}
	return ""
}
