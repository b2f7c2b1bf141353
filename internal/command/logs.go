package command

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/runner"
)

func logsCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Category:  "See what happens",
		Usage:     "show the output of a run",
		ArgsUsage: "[TASK|RUN]",
		Description: `A TASK means its newest run; without a name it is the newest run of all tasks
or, with -f, the output of all runs, each line after the run's id. Control
characters are escaped on a terminal only. With --json each followed line is an
object. If a run was retried, its last attempt is shown, unless --attempt names
another one. With -f a TASK is followed over its runs, one after the other; a
RUN until it has ended.

  rota logs backup
  rota logs -f backup
  rota logs -f backup/20261122T023000Z
  rota logs backup --attempt all
  rota logs backup --tail 20 -t`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "follow until the run has ended; of a task also its next runs"},
			&cli.IntFlag{Name: "tail", Usage: "only the last `N` lines"},
			&cli.StringFlag{Name: "attempt", Usage: "of attempt `N`, or all"},
			&cli.BoolFlag{Name: "times", Aliases: []string{"t"}, Usage: "with the time of each line"},
		},
		Action: func(c *cli.Context) error {
			if c.IsSet("tail") && (c.Int("tail") < 0 || c.Int("tail") > maxLines) {
				return misuse("logs", "--tail has to be 0 to %d", maxLines)
			}
			attempt, err := api.Attempt(c.String("attempt"))
			if err != nil || c.IsSet("attempt") && c.String("attempt") == "" {
				return misuse("logs", "--attempt has to be a number from 1, or all")
			}
			q := api.LogQuery{Run: c.Args().First(), Follow: c.Bool("follow"), Attempt: attempt}
			switch {
			case q.Run == "" && q.Follow:
				return s.followAll(c)
			case q.Follow && !strings.Contains(q.Run, "/") && q.Attempt <= 0:
				return s.followTask(c, q)
			}
			return s.logs(c, q)
		},
	}
}

// maxLines bounds what is kept in memory for --tail.
const maxLines = 100_000

func (s *session) logs(c *cli.Context, q api.LogQuery) error {
	r, done, err := s.reader(c)
	if err != nil {
		return err
	}
	defer done()
	if q.Run == "" {
		if q.Run, err = newest(c.Context, r); err != nil {
			return err
		}
	}
	p := printer{session: s, c: c, zone: s.zone(c), run: q.Run, escape: term.IsTerminal(int(s.out.Fd()))}
	if c.Bool("json") {
		run, err := r.Run(c.Context, q.Run) // to resolve the name of a task to an id
		if err != nil {
			return err
		}
		p.run = run.ID
	}
	return errors.Join(p.show(r, q, c.IsSet("tail")), p.end())
}

// show prints the output of a run; with cut only as many of the last lines as --tail sets.
func (p *printer) show(r api.Reader, q api.LogQuery, cut bool) (err error) {
	skip := 0
	if cut {
		if skip, err = p.tail(r, q, p.c.Int("tail")); err != nil || !q.Follow {
			return err
		}
	}
	log, err := p.open(r, q)
	if err != nil {
		return err
	}
	defer log.Close()
	return eachLine(log, true, func(line outputLine) error {
		if skip--; skip >= 0 {
			return nil
		}
		return p.print(line)
	})
}

// followTask shows the output of the newest run of a task, and of those that start from
// then on, one after the other.
func (s *session) followTask(c *cli.Context, q api.LogQuery) error {
	d, err := s.service(c)
	if api.CodeOf(err) == api.NoDaemon && c.String("url") == "" {
		return s.logs(c, q) // nothing will start
	}
	if err != nil {
		return err
	}
	task := q.Run
	if _, err := d.Tasks(c.Context, task); err != nil {
		return err
	}
	messages, err := d.Watch(c.Context)
	if err != nil {
		return err
	}
	started := startsOf(c.Context, task, messages)
	p := printer{session: s, c: c, zone: s.zone(c), escape: term.IsTerminal(int(s.out.Fd()))}
	shown := map[string]bool{} // each attempt of a run starts
	show := func(id string, cut bool) error {
		if shown[id] {
			return nil
		}
		shown[id] = true
		s.printNotice(c, "run "+id)
		p.run, q.Run = id, id
		return p.show(d, q, cut)
	}
	ran, err := d.Runs(c.Context, api.RunQuery{Task: task, States: []runner.State{runner.Running}, Outcomes: executedOutcomes, N: 1})
	if err != nil {
		return err
	}
	if len(ran) == 0 {
		s.printNotice(c, "task "+task+" has not run yet; its first run is shown when it starts")
	}
	for _, run := range ran {
		if err := show(run.ID, c.IsSet("tail")); err != nil {
			return err
		}
	}
	for id := range started {
		if err := show(id, false); err != nil && api.CodeOf(err) != api.NotFound { // it is not kept any more
			return err
		}
	}
	return errWatchEnded
}

// startsOf returns the ids of the runs of a task as they start. It reads the messages
// without waiting for its reader.
func startsOf(ctx context.Context, task string, messages <-chan api.Message) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		var waiting []string
		for messages != nil || len(waiting) > 0 {
			var next chan<- string
			first := ""
			if len(waiting) > 0 {
				next, first = out, waiting[0]
			}
			select {
			case m, more := <-messages:
				if !more {
					messages = nil
				} else if m.Run != nil && m.Run.Task == task && m.Run.State == runner.Running {
					waiting = append(waiting, m.Run.ID)
				}
			case next <- first:
				waiting = waiting[1:]
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// executedOutcomes are those of runs that may have output.
var executedOutcomes = []runner.Outcome{runner.OK, runner.Failed, runner.TimedOut, runner.Lost}

var errWatchEnded = api.Errorf(api.NoDaemon, "", "event stream closed: the daemon stopped, or this client was too slow")

// newest returns the id of the newest run that was executed or is.
func newest(ctx context.Context, r api.Reader) (string, error) {
	runs, err := r.Runs(ctx, api.RunQuery{
		States:   []runner.State{runner.Running},
		Outcomes: executedOutcomes,
		N:        1,
	})
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", api.Errorf(api.NotFound, "see what comes next: rota next", "nothing has run yet")
	}
	return runs[0].ID, nil
}

// followAll shows the output of all runs as it comes.
func (s *session) followAll(c *cli.Context) error {
	d, err := s.service(c)
	if err != nil {
		return err
	}
	messages, err := d.Watch(c.Context)
	if err != nil {
		return err
	}
	p := printer{session: s, c: c, zone: s.zone(c), each: true, escape: term.IsTerminal(int(s.out.Fd()))}
	for m := range messages {
		if m.Log == nil {
			continue
		}
		p.run = m.Log.Run
		if err := p.print(outputLine{at: m.Log.Time, text: m.Log.Line, last: true}); err != nil {
			return err
		}
	}
	return errWatchEnded
}

// printer shows lines.
type printer struct {
	*session
	c      *cli.Context
	zone   *time.Location
	run    string // whose lines are printed
	each   bool   // print the run in each line
	escape bool   // escape control characters
	lines  int    // shown
}

type lineJSON struct {
	Time time.Time `json:"time,omitzero"`
	Run  string    `json:"run,omitempty"`
	Line string    `json:"line"`
}

func (p *printer) print(l outputLine) error {
	p.lines++
	if p.c.Bool("json") {
		return p.printJSON(l)
	}
	text := l.text
	if p.escape {
		text = escape.Lines(text)
	}
	if p.c.Bool("times") && !l.continued && !l.at.IsZero() {
		text = l.at.In(p.zone).Format("2006-01-02 15:04:05.000 ") + text
	}
	if p.each && !l.continued {
		text = escape.Line(p.run) + ": " + text
	}
	if l.last {
		text += "\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// printJSON prints an object per line with -f, else a part of the one object that end
// completes.
func (p *printer) printJSON(l outputLine) error {
	if p.c.Bool("follow") {
		return p.json(p.out, lineJSON{l.at, p.run, l.text})
	}
	lead := ","
	if p.lines == 1 {
		lead = p.head()
	}
	if _, err := io.WriteString(p.out, lead); err != nil {
		return err
	}
	return p.json(p.out, lineJSON{Time: l.at, Line: l.text})
}

// open opens the output of a run. It is no error if the run has none.
func (p *printer) open(r api.Reader, q api.LogQuery) (io.ReadCloser, error) {
	log, err := r.Log(p.c.Context, q)
	if api.CodeOf(err) != api.NotFound {
		return log, err
	}
	if run, gone := r.Run(p.c.Context, q.Run); gone != nil || q.Attempt > run.Attempts {
		return nil, err
	}
	p.printNotice(p.c, err.Error())
	return io.NopCloser(strings.NewReader("")), nil
}

// head begins the object.
func (p *printer) head() string {
	run, _ := json.Marshal(p.run)
	return `{"run":` + string(escape.JSON(run)) + ",\"lines\":[\n"
}

// end completes what was printed.
func (p *printer) end() error {
	if !p.c.Bool("json") || p.c.Bool("follow") {
		return nil
	}
	text := "]}\n"
	if p.lines == 0 {
		text = p.head() + text
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// tail prints the last n lines of the output so far, and returns how many lines it has.
func (p *printer) tail(r api.Reader, q api.LogQuery, n int) (int, error) {
	q.Follow = false
	log, err := p.open(r, q)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	all := 0
	var last []outputLine
	err = eachLine(log, true, func(l outputLine) error {
		all++
		if last = append(last, l); len(last) >= 2*n+1 {
			last = append(last[:0], last[len(last)-n:]...)
		}
		return nil
	})
	for _, l := range last[max(0, len(last)-n):] {
		err = errors.Join(err, p.print(l))
	}
	return all, err
}
