package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rota/internal/escape"
	"rota/runner"
)

const (
	tailMax = 2 << 10 // bytes of output in a notification
	lineMax = 500     // bytes of an error, or a line of a text
	listMax = 20      // listed events of a notification besides the first
)

// headlines are the texts of the kinds of events; %s is the task.
var headlines = map[Kind]string{
	Success: "%s is ok",
	Recover: "%s is ok again",
	Output:  "%s wrote output",
	Missed:  "%s was missed",
	Late:    "%s is late and still running",
	Stale:   "%s has not succeeded for too long",
	Held:    "%s is held",
}

// headline describes an event in a few words.
func headline(e Event) string {
	r := e.Run
	task := oneLine(r.Task)
	switch {
	case e.Kind == BadConfig:
		return "jobs.toml has errors"
	case e.Kind == Trouble:
		return oneLine(e.Text)
	case e.Kind == Test:
		return "a test"
	case headlines[e.Kind] != "":
		return fmt.Sprintf(headlines[e.Kind], task)
	case r.Outcome == runner.TimedOut:
		return task + " timed out"
	case r.Outcome == runner.Lost:
		return task + " was lost"
	case r.Exit != nil:
		return fmt.Sprintf("%s failed (exit %d)", task, *r.Exit)
	case r.Signal != "":
		return fmt.Sprintf("%s failed (%s)", task, oneLine(r.Signal))
	}
	return task + " failed"
}

// subject returns the subject of a mail: "rota on web1: backup failed (exit 3)".
func subject(host string, b batch) string {
	text := "rota on " + host + ": " + headline(b.first)
	if n := b.others(); n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
}

// sentence returns the subject and the reason.
func sentence(host string, b batch) string {
	text := subject(host, b)
	if reason := oneLine(why(b.first)); reason != "" && b.first.Kind != Trouble {
		text += ": " + reason
	}
	return text
}

// body returns the full text of a notification, for people.
func body(host string, b batch, h *runner.Hook) string {
	var t strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&t, "%-10s %s\n", name, value)
		}
	}
	e, r := b.first, b.first.Run
	t.WriteString(headline(e) + "\n\n")
	if e.Kind == BadConfig {
		t.WriteString(escape.Lines(e.Text) + "\n\n")
	} else if e.Kind != Trouble { // the headline of Trouble is its text
		line("why", oneLine(why(e)))
	}
	line("run", oneLine(r.ID))
	line("host", host)
	line("scheduled", timeText(r.Scheduled))
	line("started", timeText(r.Started))
	if h.Took > 0 {
		line("took", h.Took.Round(time.Millisecond).String())
	}
	if r.Attempts > 1 {
		line("attempts", strconv.Itoa(r.Attempts))
	}
	if r.IsSummary() {
		line("slots", fmt.Sprintf("%d, %s to %s", r.Count, timeText(r.First), timeText(r.Last)))
	}
	if r.Scheduled.IsZero() && r.Started.IsZero() {
		line("time", timeText(e.Time))
	}
	if h.Tail != "" {
		t.WriteString("\nthe end of its output:\n\n")
		for l := range strings.Lines(escape.Lines(h.Tail)) {
			t.WriteString("    " + strings.TrimRight(l, "\n") + "\n")
		}
	}
	t.WriteString(others(b))
	switch {
	case r.ID != "":
		fmt.Fprintf(&t, "\ndetails: rota show %s\n", oneLine(r.ID))
	case e.Kind == BadConfig:
		t.WriteString("\nthe last good file stays in force; details: rota check\n")
	case e.Kind == Trouble:
		t.WriteString("\ndetails: rota status\n")
	case r.Task != "":
		fmt.Fprintf(&t, "\ndetails: rota why %s\n", oneLine(r.Task))
	}
	if h.URL != "" {
		t.WriteString(oneLine(h.URL) + "\n")
	}
	return t.String()
}

// others lists the events of a notification besides the first, and counts those that
// were given up before; "" if there are neither.
func others(b batch) string {
	var t strings.Builder
	if n := b.others(); n > 0 {
		fmt.Fprintf(&t, "\nand %d more:\n\n", n)
		for i, e := range b.rest {
			if i == listMax {
				break
			}
			fmt.Fprintf(&t, "    %s  %s  %s\n", timeText(e.Time), headline(e), oneLine(e.Run.ID))
		}
		if unlisted := n - min(len(b.rest), listMax); unlisted > 0 {
			fmt.Fprintf(&t, "    … and %d that are not listed: rota history --failed\n", unlisted)
		}
	}
	if b.lost > 0 {
		fmt.Fprintf(&t, "\nundelivered notifications given up before: %d\n", b.lost)
	}
	return t.String()
}

// why returns the reason of an event.
func why(e Event) string { return cmp.Or(e.Text, e.Run.Why) }

// document is the body of a webhook that has none of its own. Chats such as Slack or
// Mattermost read only its field text.
type document struct {
	Event  Kind        `json:"event"`
	Text   string      `json:"text"`
	Host   string      `json:"host"`
	Time   time.Time   `json:"time"`
	Why    string      `json:"why,omitempty"`
	URL    string      `json:"url,omitempty"` // the address on the page
	Run    *runner.Run `json:"run,omitempty"` // without params and input, which may be private
	Took   float64     `json:"took_seconds,omitempty"`
	Tail   string      `json:"tail,omitempty"`
	More   int         `json:"more,omitempty"`
	Others []other     `json:"others,omitempty"`
	Lost   int         `json:"lost,omitempty"`
}

type other struct {
	Event Kind      `json:"event"`
	Text  string    `json:"text"`
	Time  time.Time `json:"time"`
	Run   string    `json:"run,omitempty"`
}

func jsonBody(host string, b batch, h *runner.Hook) string {
	e := b.first
	d := document{
		Event: e.Kind, Text: h.Text, Host: host, Time: e.Time, URL: h.URL, Why: why(e), Took: h.Took.Seconds(),
		Tail: h.Tail, More: b.others(), Lost: b.lost,
	}
	if r := e.Run; r.ID != "" {
		r.Params, r.Input, r.InputFile, r.Content = nil, "", "", ""
		d.Run = &r
	}
	for _, e := range b.rest[:min(len(b.rest), listMax)] {
		d.Others = append(d.Others, other{e.Kind, headline(e), e.Time, e.Run.ID})
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Sprintf(`{"event":%q}`, e.Kind) // a time beyond the year 9999
	}
	return string(text)
}

// recipient names the recipient of an action for people, without secrets.
func recipient(a runner.Action) string {
	switch a := a.(type) {
	case *runner.Mail:
		return strings.Join(a.To, ", ")
	case *runner.HTTP:
		return hostOf(a.URL)
	case *runner.Command:
		if len(a.Argv) > 0 {
			return "command " + filepath.Base(a.Argv[0])
		}
		return "a command"
	}
	return ""
}

// hostOf returns the host of a URL; the rest may be secret.
func hostOf(text string) string {
	text, _, _ = strings.Cut(text, "{{")
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "a URL that cannot be read"
	}
	return u.Host
}

// timeText formats a time with its zone.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("Mon 2006-01-02 15:04:05 MST")
}

// oneLine shortens a text to one line.
func oneLine(text string) string { return escape.Short(text, lineMax) }
