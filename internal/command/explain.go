package command

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/escape"
	"rota/runner"
	"rota/schedule"
)

func explainCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Category:  "Look at the file",
		Usage:     "describe in plain English when a task, or an expression, is due",
		ArgsUsage: "EXPR…|TASK",
		Description: `EXPR is a cron line, an alias such as @daily, or the keys of a trigger as words.
Notes list the clock changes of the coming year that affect it.

  rota explain '30 2 * * *'
  rota explain weekday mon-fri at 08:00, 17:00
  rota explain every 2 weeks mon at 09:00 starts 2026-01-05
  rota explain monthday last fri at 08:00 --zone Europe/Berlin
  rota explain backup -n 3 --json
  rota explain --key tasks.retry`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "n", Value: 5, Usage: "`N` next times (5)"},
			&cli.StringFlag{Name: "from", Usage: "from `TIME` instead of from now"},
			&cli.StringFlag{Name: "key", Usage: "what the `KEY` of the file means, such as tasks.retry"},
			&cli.StringFlag{Name: "zone", Usage: "time zone `ZONE` of an EXPR, instead of that of [rota]"},
		},
		Action: func(c *cli.Context) error {
			if name := c.String("key"); name != "" {
				if c.Args().Present() {
					return misuse("explain", "--key and an expression exclude each other")
				}
				return s.explainKey(c, name)
			}
			e, err := newExplanation(c)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return s.json(s.out, e)
			}
			_, err = fmt.Fprint(s.out, e.text())
			return err
		},
	}
}

// explanation is the answer of explain for one or several triggers.
type explanation struct {
	Means string   `json:"means"`
	Zone  string   `json:"zone"`
	Next  []string `json:"next"`
	Notes []string `json:"notes"`

	slots []slot
	now   time.Time
	given bool // --from was
}

func newExplanation(c *cli.Context) (*explanation, error) {
	now := time.Now()
	cfg, task, err := toExplain(c, now)
	if err != nil {
		return nil, err
	}
	e := &explanation{now: now, given: c.IsSet("from"), Next: []string{}, Notes: []string{}}
	since, from := "now", now
	if e.given {
		since = "--from"
		if from, err = instant(c.String("from"), now, zoneOf(c, cfg, schedule.Spec{})); err != nil {
			return nil, misuse("explain", "--from cannot be %q: %v", c.String("from"), err)
		}
	}
	n := c.Int("n")
	if n < 1 || n > maxSlots {
		return nil, misuse("explain", "-n has to be 1 to %d", maxSlots)
	}
	var means, zones []string
	for _, spec := range task.Triggers {
		means = append(means, spec.Explain())
		if zone := zoneName(zoneOf(c, cfg, spec)); !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
		for _, w := range spec.Warnings() {
			e.note(w.Error())
		}
		for _, note := range clockNotes(spec, from) {
			e.note(note)
		}
	}
	e.Means, e.Zone = strings.Join(means, "; "), strings.Join(zones, ", ")
	switch {
	case len(task.Triggers) == 0:
		e.Means = noSlotText(task)
	case len(task.After) > 0:
		e.Means += "; " + task.AfterText()
	}
	if len(task.After) > 0 && task.Enabled {
		e.note("it runs once each of these has been ok since it last ran: " + strings.Join(task.After, ", "))
	}
	walk := newSeries(c, cfg, task, from, since)
	for range n {
		next, found := walk.next()
		if !found {
			break
		}
		e.slots = append(e.slots, next)
		e.Next = append(e.Next, next.at.Format(time.RFC3339))
		if strings.HasPrefix(next.note, "counted from") {
			e.note("an interval: " + next.note)
		}
	}
	return e, nil
}

// zoneName is the name of a zone; that of this machine has none.
func zoneName(zone *time.Location) string {
	if zone != time.Local {
		return zone.String()
	}
	short, _ := time.Now().Zone()
	return "of this machine (" + short + ")"
}

func (e *explanation) note(text string) {
	if !slices.Contains(e.Notes, text) {
		e.Notes = append(e.Notes, text)
	}
}

// toExplain parses the arguments: a task of the file, if it has one of that name, or an
// expression, which needs no file.
func toExplain(c *cli.Context, now time.Time) (*config.Config, config.Task, error) {
	text := strings.Join(c.Args().Slice(), " ")
	if text == "" {
		return nil, config.Task{}, misuse("explain", "explain needs an expression or a task")
	}
	cfg, broken := load(c, true)
	if broken == nil {
		if task, found := cfg.Tasks.Find(text); found {
			return cfg, task, nil
		}
	} else {
		cfg = &config.Config{Rota: config.Rota{Timezone: time.Local}}
	}
	zone := cfg.Rota.Timezone
	if _, err := config.LocalZone(); err != nil && broken != nil && c.String("zone") == "" {
		return nil, config.Task{}, fail(exitUsage, "", "%v", err)
	}
	if name := c.String("zone"); name != "" {
		var err error
		if zone, err = schedule.Zone(name); err != nil {
			return nil, config.Task{}, misuse("explain", "--zone: %v", err)
		}
	}
	spec, faults := schedule.ParseExprAt(text, zone, now)
	switch {
	case len(faults) == 0:
		return cfg, config.Task{Task: runner.Task{Name: text}, Account: config.Account{Enabled: true}, Triggers: []schedule.Spec{spec}}, nil
	case fileAmong(c.Args().Slice()) != "":
		return nil, config.Task{}, replacedStar("explain", c.Args().Slice())
	case !strings.ContainsAny(text, " *@"): // not an expression, so a task is meant
		if broken != nil {
			return nil, config.Task{}, broken
		}
		return nil, config.Task{}, noTask(text, cfg)
	}
	return nil, config.Task{}, inExpression(text, faults)
}

// fileAmong returns the first of several words that is a file in the current
// directory: then the shell has most likely replaced a "*" by it. "" if none is.
func fileAmong(words []string) string {
	for _, word := range words {
		if len(words) < 2 || strings.ContainsAny(word, "/*") {
			continue
		}
		if _, err := os.Lstat(word); err == nil && !strings.HasPrefix(word, ".") {
			return word
		}
	}
	return ""
}

// replacedStar is the failure of an expression without quotes.
func replacedStar(cmd string, words []string) *failure {
	return fail(exitUsage, fmt.Sprintf("put the expression in quotes, as in: rota %s '0 3 * * *'", cmd),
		"%q is a file: the shell replaced a * by the names of files", fileAmong(words))
}

// inExpression is the failure of an expression with faults.
func inExpression(text string, faults []schedule.Fault) *failure {
	var wrong []config.Fault
	for _, x := range faults {
		wrong = append(wrong, config.Fault{
			File: "EXPR", Line: 1, Text: text, Msg: x.Msg, Hint: x.Hint,
			Col:   utf8.RuneCountInString(text[:x.Start]) + 1,
			Width: utf8.RuneCountInString(text[x.Start:x.End]),
		})
	}
	return &failure{code: exitUsage, msg: count(len(faults), "error") + " in the expression", faults: apiFaults(wrong)}
}

// text formats the explanation for a terminal.
func (e *explanation) text() string {
	var b strings.Builder
	line := func(head, text string) {
		fmt.Fprintf(&b, "%-5s  %s\n", head, escape.Line(text))
	}
	line("means", e.Means)
	if e.Zone != "" {
		line("zone", e.Zone)
	}
	head := "next"
	for _, x := range e.slots {
		text := fullTime(x.at)
		if away := x.at.Sub(e.now); !e.given && away < farAway {
			text += "  " + inText(away)
		}
		if x.note != "" && !strings.HasPrefix(x.note, "counted from") {
			text += "  (" + x.note + ")"
		}
		line(head, text)
		head = ""
	}
	head = "note"
	for _, note := range e.Notes {
		line(head, note)
		head = ""
	}
	return b.String()
}

// clockNotes returns notes on the clock changes within a year that affect a trigger.
func clockNotes(spec schedule.Spec, from time.Time) []string {
	if k := spec.Kind(); k == schedule.Interval || k == schedule.Once || k == schedule.AtStart {
		return nil
	}
	var notes []string
	horizon := from.Add(364 * 24 * time.Hour)
	for at := from.In(spec.Zone()); ; {
		_, change := at.ZoneBounds()
		if change.IsZero() || change.After(horizon) {
			return notes
		}
		if note := clockNote(spec, change); note != "" {
			notes = append(notes, note)
		}
		at = change
	}
}

// clockNote is how a clock change affects a trigger; "": not at all.
func clockNote(spec schedule.Spec, change time.Time) string {
	_, before := change.Add(-time.Second).Zone()
	_, after := change.Zone()
	by := time.Duration(after-before) * time.Second
	day := change.Format(time.DateOnly)
	hhmm := func(t time.Time) string { return t.Format("15:04") }
	was := change.In(time.FixedZone("", before))
	switch {
	case by > 0:
		if note := spec.ClockNote(change); note != "" {
			return fmt.Sprintf("%s: clocks go forward from %s to %s; %s", day, hhmm(was), hhmm(change), strings.Replace(note, "gap: moved from", "runs then, for", 1))
		}
		// Whether a slot is skipped shows a week or a day earlier.
		for _, days := range []int{7, 1} {
			shown := time.Date(was.Year(), was.Month(), was.Day()-days, was.Hour(), was.Minute(), was.Second(), 0, change.Location())
			if at := spec.Next(shown.Add(-time.Second)); !spec.Fixed() && !at.IsZero() && at.Before(shown.Add(by)) {
				return fmt.Sprintf("%s: clocks go forward from %s to %s; slots in the gap are skipped", day, hhmm(was), hhmm(change))
			}
		}
	case by < 0:
		first := spec.Next(change.Add(by - time.Second))
		if first.IsZero() || !first.Before(change.Add(-by)) || spec.ClockNote(first) == "" {
			return ""
		}
		how := "slots in the repeated hour run once, the first time"
		if !spec.Fixed() {
			how = "slots in the repeated hour run both times"
		}
		return fmt.Sprintf("%s: clocks go back from %s to %s; %s", day, hhmm(was), hhmm(change), how)
	}
	return ""
}
