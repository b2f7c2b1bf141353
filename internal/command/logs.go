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
		Description: `Of a task that of its newest run; without a name that of the newest run of all
or, with -f, that of all runs as it comes, each line after the run's id. Only on
a terminal control characters are escaped. With --json a followed line is an
object of its own. Of a run that was attempted again the last attempt is shown,
unless --attempt names another one.

  rota logs backup
  rota logs -f backup/20261122T023000Z
  rota logs backup --attempt all
  rota logs backup --tail 20 -t`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until the run has ended"},
			&cli.IntFlag{Name: "tail", Usage: "only the last `N` lines of what there is"},
			&cli.StringFlag{Name: "attempt", Usage: "of attempt `N`, or all"},
			&cli.BoolFlag{Name: "times", Aliases: []string{"t"}, Usage: "with the time of each line"},
		},
		Action: func(c *cli.Context) error {
			if c.IsSet("tail") && (c.Int("tail") < 0 || c.Int("tail") > mostLines) {
				return misuse("logs", "--tail has to be 0 to %d", mostLines)
			}
			attempt, err := api.Attempt(c.String("attempt"))
			if err != nil || c.IsSet("attempt") && c.String("attempt") == "" {
				return misuse("logs", "--attempt has to be a number from 1, or all")
			}
			if name := c.Args().First(); name == "" && c.Bool("follow") {
				return s.followAll(c)
			} else {
				return s.logs(c, api.LogQuery{Run: name, Follow: c.Bool("follow"), Attempt: attempt})
			}
		},
	}
}

// mostLines bounds what is kept in memory for --tail.
const mostLines = 100_000

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
		run, err := r.Run(c.Context, q.Run) // which tells the id behind a task
		if err != nil {
			return err
		}
		p.run = run.ID
	}
	skip := 0
	if c.IsSet("tail") {
		if skip, err = p.tail(r, q, c.Int("tail")); err != nil || !c.Bool("follow") {
			return errors.Join(err, p.end())
		}
	}
	log, err := p.open(r, q)
	if err != nil {
		return err
	}
	defer log.Close()
	err = eachLine(log, true, func(line logged) error {
		if skip--; skip >= 0 {
			return nil
		}
		return p.print(line)
	})
	return errors.Join(err, p.end())
}

// newest returns the id of the newest run that was executed or is.
func newest(ctx context.Context, r api.Reader) (string, error) {
	runs, err := r.Runs(ctx, api.RunQuery{
		States:   []runner.State{runner.Running},
		Outcomes: []runner.Outcome{runner.OK, runner.Failed, runner.TimedOut, runner.Lost},
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
		if err := p.print(logged{at: m.Log.Time, text: m.Log.Line, whole: true}); err != nil {
			return err
		}
	}
	return api.Errorf(api.NoDaemon, "", "the daemon tells no more: it ended, or this was too slow")
}

// printer shows lines.
type printer struct {
	*session
	c      *cli.Context
	zone   *time.Location
	run    string // that the lines are of
	each   bool   // say so in each line
	escape bool   // what could steer a terminal
	lines  int    // shown
}

type lineJSON struct {
	Time time.Time `json:"time,omitzero"`
	Run  string    `json:"run,omitempty"`
	Line string    `json:"line"`
}

func (p *printer) print(l logged) error {
	p.lines++
	if p.c.Bool("json") {
		return p.printJSON(l)
	}
	text := l.text
	if p.escape {
		text = escape.Lines(text)
	}
	if p.c.Bool("times") && !l.more && !l.at.IsZero() {
		text = l.at.In(p.zone).Format("2006-01-02 15:04:05.000 ") + text
	}
	if p.each && !l.more {
		text = escape.Line(p.run) + ": " + text
	}
	if l.whole {
		text += "\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// printJSON prints a line of its own for one who follows, else a part of the
// one object that end completes.
func (p *printer) printJSON(l logged) error {
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

// open opens the output of a run. That a run has none is no failure, as silence
// is none.
func (p *printer) open(r api.Reader, q api.LogQuery) (io.ReadCloser, error) {
	log, err := r.Log(p.c.Context, q)
	if api.CodeOf(err) != api.NotFound {
		return log, err
	}
	if run, gone := r.Run(p.c.Context, q.Run); gone != nil || q.Attempt > run.Attempts {
		return nil, err
	}
	p.aside(p.c, err.Error())
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

// tail prints the last n lines of what there is, and returns how many lines
// there are.
func (p *printer) tail(r api.Reader, q api.LogQuery, n int) (int, error) {
	q.Follow = false
	log, err := p.open(r, q)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	all := 0
	var last []logged
	err = eachLine(log, true, func(l logged) error {
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
