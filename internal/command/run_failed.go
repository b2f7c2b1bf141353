package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

// notWithFailed are the flags that apply to one run only.
var notWithFailed = []string{"input", "id", "on", "wait"}

// failures are the outcomes of a run that is to be run again.
var failures = []runner.Outcome{runner.Failed, runner.TimedOut, runner.Lost}

// runFailed requests one run of each task whose newest run failed, with its parameters.
func (s *session) runFailed(c *cli.Context) error {
	for _, name := range notWithFailed {
		if c.IsSet(name) {
			return misuse("run", "--failed and --%s exclude each other", name)
		}
	}
	names := c.Args().Slice()
	for _, name := range names {
		if strings.Contains(name, "=") {
			return misuse("run", "%q is not a task: with --failed each run has the parameters of the one that failed", name)
		}
	}
	wanted, err := newRequest(c)
	if err != nil {
		return err
	}
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	if wanted.At, err = s.timeFlag(c, "at"); err != nil {
		return err
	}
	var since time.Time
	if c.IsSet("since") {
		if since, err = before(c.String("since"), time.Now(), s.zone(c)); err != nil {
			return misuse("run", "--since cannot be %q: %v", c.String("since"), err)
		}
	}
	tasks, err := svc.Tasks(c.Context, names...)
	if err != nil {
		return err
	}
	var asked []api.Run
	var not api.Failures
	tried := map[string]bool{}
	for _, t := range tasks {
		switch {
		case tried[t.Task] || t.Last == nil || !slices.Contains(failures, t.Last.Outcome):
			continue
		case t.Last.Finished.Before(since):
			continue
		case !t.Enabled && len(names) == 0: // it would not have run by itself either
			continue
		}
		tried[t.Task] = true
		run, err := rerun(c, svc, wanted, t.Last.ID)
		if err != nil {
			not.Add(t.Task, err)
			continue
		}
		asked = append(asked, run)
		if !c.Bool("json") {
			fmt.Fprintln(s.out, escape.Line(run.ID))
		}
	}
	if c.Bool("json") {
		err = s.json(s.out, map[string][]api.Run{"runs": listed(asked)})
	} else if len(tried) == 0 {
		s.printNotice(c, "nothing to run again: no task whose newest run failed")
	}
	return cmp.Or(not.Err(len(tried)), err)
}

// rerun requests a run with the parameters and the input of one that failed. It joins a
// waiting run that was requested in the same way.
func rerun(c *cli.Context, svc api.Service, r api.Request, failed string) (api.Run, error) {
	was, err := svc.Run(c.Context, failed)
	switch {
	case err != nil:
		return api.Run{}, err
	case was.LongInput:
		return api.Run{}, api.Errorf(api.Conflict, "give its input again: rota run "+was.Task+" --input FILE", "%s read an input that is too long to be repeated", was.ID)
	}
	r.Task, r.Params, r.Again = was.Task, was.Params, true
	if was.Input == "" {
		return svc.Request(c.Context, r, nil)
	}
	return svc.Request(c.Context, r, io.Reader(strings.NewReader(was.Input)))
}
