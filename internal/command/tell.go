package command

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/internal/api"
	"rota/internal/escape"
	"rota/schedule"
)

// tell says what a command has done: to a program as an object, to a person in
// lines, and to one who wants it quiet not at all.
func (s *session) tell(c *cli.Context, object any, lines ...string) error {
	switch {
	case c.Bool("json"):
		return s.json(s.out, object)
	case c.Bool("quiet"):
		return nil
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.out, escape.Line(line)); err != nil {
			return err
		}
	}
	return nil
}

// warnings tells on stderr what is no failure, but perhaps not meant.
func (s *session) warnings(list []string) {
	for _, w := range list {
		s.warn("%s", w)
	}
}

// timeFlag reads a flag that holds a TIME; zero if it is not given. A wall clock
// is read in the zone of the daemon, which is reached before.
func (s *session) timeFlag(c *cli.Context, name string) (time.Time, error) {
	text := c.String(name)
	if !c.IsSet(name) {
		return time.Time{}, nil
	}
	at, err := instant(text, time.Now(), s.zone(c))
	if err != nil {
		return time.Time{}, misuse(c.Command.Name, "--%s cannot be %q: %v", name, text, err)
	}
	return at, nil
}

// durationFlag reads a flag that holds a duration; 0 if it is not given.
func durationFlag(c *cli.Context, name string) (time.Duration, error) {
	if !c.IsSet(name) {
		return 0, nil
	}
	d, err := schedule.Duration(c.String(name))
	if err == nil && d <= 0 {
		err = fmt.Errorf("it has to be longer than nothing")
	}
	if err == nil {
		err = api.CheckSpan("it", d)
	}
	if err != nil {
		return 0, misuse(c.Command.Name, "--%s cannot be %q: %v", name, c.String(name), err)
	}
	return d, nil
}

// brief writes an instant for people as short as it can be told from now: today
// by its time of day, within a week by its day.
func brief(t, now time.Time) string {
	now = now.In(t.Location())
	layout := "15:04"
	if t.Second() != 0 {
		layout = "15:04:05"
	}
	switch away := t.Sub(now); {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
	case 0 < away && away < 6*24*time.Hour:
		layout = "Mon " + layout
	default:
		layout = "2006-01-02 " + layout
	}
	return t.Format(layout)
}

// seconds is a time as answers have it.
func seconds(n float64) time.Duration { return time.Duration(math.Round(n * float64(time.Second))) }

// lasted says how long something took or takes: two units, and below a minute
// tenths of a second.
func lasted(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", max(d, 0).Truncate(100*time.Millisecond).Seconds())
	}
	return strings.TrimPrefix(until(d), "in ")
}

// mark is a sign, or what stands for it where letters are bytes.
func mark(sign, ascii string) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" {
			if strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8") {
				return sign
			}
			return ascii
		}
	}
	return ascii
}
