package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
	"rota/schedule"
)

func runCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Category:  "Run tasks",
		Usage:     "request a run of a task: now, later, or on its own schedule",
		ArgsUsage: "TASK [name=value…]|--failed [TASK…]",
		Description: `Prints the id of the run and does not wait for it. A request is never skipped:
it waits until no run of its task is running and its queue has room.

name=value sets a parameter of the task. TIME is as in rota help next. EXPR is
as in rota help explain, as one word: the run is a recurring request, which
starts a run at each slot until rota cancel ends it. One user can have 50 of
these, each due every 10s at most, and 1000 waiting requests; users who may
control all of rota, more.

--wait ends with the task's own exit code; with 124 at its time-out, 128+n if
signal n ended it, and 125 if it was refused, skipped, cancelled or lost. Ctrl-C
ends the wait, not the run; it continues over a restart of the daemon.

--failed requests one run of each task whose newest run ended as failed, timeout
or lost, with the parameters and input of that run: of the named tasks, or of
all enabled ones. The TIME of --since is as in rota help history.

  rota run backup
  rota run convert size=800 --input photo.jpg --wait
  rota run report --at 18:00 --id evening
  rota run page file=news.html --on 'interval 30s' --id news
  rota run --failed --since 7d
  rota run backup --json | jq -r .run`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "input", Usage: "what the run reads: `FILE`, or - for stdin"},
			&cli.StringFlag{Name: "at", Usage: "not before `TIME`"},
			&cli.StringFlag{Name: "in", Usage: "after `D`, such as 90s or 2h"},
			&cli.StringFlag{Name: "on", Usage: "repeatedly, when `EXPR` is due"},
			&cli.BoolFlag{Name: "held", Usage: "hold it until rota release"},
			&cli.BoolFlag{Name: "again", Usage: "join a waiting request, if any"},
			&cli.BoolFlag{Name: "force", Usage: "even if it is held (see rota help hold) or only_if fails"},
			&cli.BoolFlag{Name: "wait", Usage: "wait for its end, and exit with its code"},
			&cli.BoolFlag{Name: "failed", Usage: "run failed tasks again"},
			&cli.StringFlag{Name: "since", Usage: "with --failed, only what ended since `TIME`"},
			&cli.StringFlag{Name: "id", Usage: "id TASK/`KEY`: the same request twice is one run"},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("failed") {
				return s.runFailed(c)
			}
			r, err := newRequest(c)
			if err != nil {
				return err
			}
			run, svc, err := s.request(c, r)
			switch {
			case !c.Bool("wait"):
				return err
			case err == nil:
				run, err = s.await(c.Context, svc, run)
			}
			if err != nil {
				return asRotaError(err)
			}
			if c.Bool("json") {
				if err := s.json(s.out, run); err != nil {
					return err
				}
			}
			return endOf(c.Context, svc, run)
		},
	}
}

// newRequest parses the command line except --at, which needs the zone of the file.
func newRequest(c *cli.Context) (api.Request, error) {
	r := api.Request{
		Task: c.Args().First(), Key: c.String("id"), On: c.String("on"),
		Trace: ownTrace(), Held: c.Bool("held"), Again: c.Bool("again"), Force: c.Bool("force"),
	}
	words := c.Args().Tail()
	switch {
	case c.Bool("failed"): // all of them are tasks
		words = nil
	case r.Task == "":
		return r, misuse("run", "run needs the name of a task, or --failed")
	case c.IsSet("since"):
		return r, misuse("run", "--since goes with --failed")
	}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		switch _, double := r.Params[name]; {
		case (!found || name == "") && c.IsSet("on"):
			return r, fail(exitUsage, "put the expression in quotes, as in: rota run TASK --on '0 3 * * *'", "--on takes one word, and %q is not a parameter", word)
		case !found || name == "":
			return r, misuse("run", "%q is not a parameter: write name=value", word)
		case double:
			return r, misuse("run", "the parameter %s is given twice", name)
		case r.Params == nil:
			r.Params = map[string]string{}
		}
		r.Params[name] = value
	}
	for i, one := range timeFlags {
		for _, other := range timeFlags[i+1:] {
			if c.IsSet(one) && c.IsSet(other) {
				return r, misuse("run", "--%s and --%s exclude each other", one, other)
			}
		}
	}
	for _, name := range []string{"id", "on", "at", "in"} {
		if c.IsSet(name) && c.String(name) == "" {
			return r, misuse("run", "--%s is empty", name)
		}
	}
	if c.IsSet("on") && c.Bool("wait") {
		return r, misuse("run", "--wait would not end: a recurring request ends when it is cancelled")
	}
	if c.IsSet("in") {
		d, err := schedule.Duration(c.String("in"))
		if err == nil {
			err = api.CheckSpan("it", d)
		}
		if err != nil {
			return r, misuse("run", "--in cannot be %q: %v", c.String("in"), err)
		}
		r.In = d
	}
	return r, nil
}

// ownTrace is the trace that this command belongs to; "": none.
func ownTrace() string {
	if trace := os.Getenv("TRACEPARENT"); runner.IsTrace(trace) {
		return trace
	}
	return ""
}

// timeFlags say when a request is due; at most one of them is given.
var timeFlags = []string{"at", "in", "on"}

// request requests the run and prints its id, unless --wait and --json print the ended run.
func (s *session) request(c *cli.Context, r api.Request) (run api.Run, svc api.Service, err error) {
	if svc, err = s.service(c); err != nil {
		return run, nil, err
	}
	if r.At, err = s.timeFlag(c, "at"); err != nil {
		return run, nil, err
	}
	input, err := s.input(c.String("input"))
	if err != nil {
		return run, nil, err
	}
	if input != nil {
		defer input.Close()
	}
	if run, err = submit(c.Context, svc, r, input); err != nil {
		return run, nil, err
	}
	switch {
	case !c.Bool("json"):
		_, err = fmt.Fprintln(s.out, escape.Line(run.ID))
	case !c.Bool("wait"):
		err = s.json(s.out, run)
	}
	if err == nil && !c.Bool("wait") && !c.Bool("quiet") && term.IsTerminal(int(s.err.Fd())) {
		fmt.Fprintln(s.err, escape.Line(nextStep(run)))
	}
	return run, svc, err
}

// submit sends the request. Without input it passes a nil interface, not a nil *os.File.
func submit(ctx context.Context, svc api.Service, r api.Request, input *os.File) (api.Run, error) {
	if input == nil {
		return svc.Request(ctx, r, nil)
	}
	return svc.Request(ctx, r, io.Reader(input))
}

// input opens the input of the run; nil for "".
func (s *session) input(name string) (*os.File, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return s.in, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fail(exitFailed, "", "cannot read the input: %v", err)
	}
	return f, nil
}

// nextStep is what the user can do with a run just requested.
func nextStep(run api.Run) string {
	switch run.State {
	case runner.Held:
		return "held " + run.ID + "; let it start: rota release " + run.ID
	case runner.Recurring:
		return "recurring " + run.ID + "; end it: rota cancel " + run.ID
	case runner.Delayed:
		text := "delayed " + run.ID
		if !run.NotBefore.IsZero() {
			text += " until " + shortTime(run.NotBefore, time.Now())
		}
		return text + "; end it: rota cancel " + run.ID
	}
	return string(run.State) + string(run.Outcome) + " " + run.ID + "; follow: rota logs -f " + run.ID
}
