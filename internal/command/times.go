package command

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/api"
	"rota/schedule"
)

// instant reads a TIME of the command line:
//
//	2026-12-24T18:00:00+01:00            RFC 3339
//	2026-12-24 18:00, 2026-12-24T18:00   on the wall clock of zone
//	2026-12-24                           its first moment
//	18:00                                the next one after now
//	2h30m                                that long after now
//
// The zero time is not a TIME: in rota it means "never".
//
// Wall clock times are read by the rules that triggers follow, so one that a
// clock change skips is the first moment after it.
func instant(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return inRange(t)
	}
	if d, err := schedule.Duration(text); err == nil {
		return inRange(now.Add(d))
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789-:+TZ ", r) }) {
		return time.Time{}, errInstant
	}
	date, clock, both := strings.Cut(strings.Replace(text, "T", " ", 1), " ")
	expr, after := "at "+text, now
	if strings.Contains(date, "-") {
		if !both {
			clock = "00:00"
		}
		expr, after = "once "+date+"T"+clock, time.Time{}
	}
	spec, faults := schedule.ParseExpr(expr, zone)
	if kind := spec.Kind(); faults != nil || kind != schedule.Once && kind != schedule.Daily {
		return time.Time{}, errInstant
	}
	return inRange(spec.Next(after))
}

// inRange refuses times that rota does not accept.
func inRange(t time.Time) (time.Time, error) {
	if t.IsZero() {
		return t, errInstant
	}
	return t, api.CheckTime("it", t)
}

var errInstant = errors.New(`write it as "2026-12-24 18:00", "18:00", "2h" or in RFC 3339`)

// zoneOf is the time zone in which the slots of a trigger are shown: that of
// its wall clock, else the file's; UTC if the user wants that.
func zoneOf(c *cli.Context, cfg *config.Config, spec schedule.Spec) *time.Location {
	if c.Bool("utc") {
		return time.UTC
	}
	return cmp.Or(spec.WallClock(), cfg.Rota.Timezone)
}

// fullTime formats an instant in its own zone.
func fullTime(t time.Time) string { return t.Format("Mon 2006-01-02 15:04:05 MST") }

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
		err = fmt.Errorf("must be greater than zero")
	}
	if err == nil {
		err = api.CheckSpan("it", d)
	}
	if err != nil {
		return 0, misuse(c.Command.Name, "--%s cannot be %q: %v", name, c.String(name), err)
	}
	return d, nil
}
