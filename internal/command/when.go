package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/schedule"
)

// when writes instants for people: relative to now or, with --absolute, as they
// are.
type when struct {
	now      time.Time
	zone     *time.Location // to show instants in; nil: in their own
	absolute bool
}

// farAway is beyond what people count in days.
const farAway = 14 * 24 * time.Hour

// when returns what writes the instants of one answer.
func (s *session) when(c *cli.Context) when {
	return when{now: time.Now(), zone: s.zone(c), absolute: c.Bool("absolute")}
}

// zone is where the clock is read: that of the file in force, if this machine
// knows it; UTC if the user wants that.
func (s *session) zone(c *cli.Context) *time.Location {
	name := ""
	if s.status != nil {
		name = s.status.Timezone
	}
	zone := zoneNamed(c, name)
	if _, err := config.LocalZone(); err != nil && zone == time.Local && !s.zoneTold {
		s.zoneTold = true
		s.aside(c, "times are those of UTC: "+err.Error())
	}
	return zone
}

// zoneNamed is the zone of a name; the machine's if it has none or is not known.
func zoneNamed(c *cli.Context, name string) *time.Location {
	zone, err := schedule.Zone(name)
	switch {
	case c.Bool("utc"):
		return time.UTC
	case err != nil:
		return time.Local
	}
	return zone
}

func (w when) in(t time.Time) time.Time {
	if w.zone != nil {
		return t.In(w.zone)
	}
	return t
}

// full writes an instant as it is; "-" if there is none.
func (w when) full(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return spell(w.in(t))
}

// short writes an instant as it is, for a column.
func (w when) short(t time.Time) string { return w.in(t).Format(time.DateTime) }

// ago says how long ago it was; "-" if it never was.
func (w when) ago(t time.Time) string {
	d := w.now.Sub(t)
	switch {
	case t.IsZero():
		return "-"
	case w.absolute:
		return w.short(t)
	case d < time.Second:
		return "just now"
	case d >= farAway:
		return w.in(t).Format(time.DateOnly)
	}
	return span(d) + " ago"
}

// till says how long it is until then; "-" if it never will be.
func (w when) till(t time.Time) string {
	d := t.Sub(w.now)
	switch {
	case t.IsZero():
		return "-"
	case w.absolute:
		return w.short(t)
	case d >= farAway:
		return w.in(t).Format(time.DateOnly)
	}
	return until(d)
}

// both writes an instant as it is and how far it is away; "-" if there is none.
func (w when) both(t time.Time) string {
	switch {
	case t.IsZero() || w.absolute:
		return w.full(t)
	case t.Sub(w.now).Abs() >= farAway:
		return w.full(t)
	case t.After(w.now):
		return w.full(t) + ", " + until(t.Sub(w.now))
	case w.now.Sub(t) < time.Second:
		return w.full(t) + ", just now"
	}
	return w.full(t) + ", " + span(w.now.Sub(t)) + " ago"
}

// until says how long it is to an instant.
func until(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return "in " + span(d)
}

// span writes a time of at least a second: two units, rounded down.
func span(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		n := d / u.size
		if n == 0 {
			continue
		}
		text := fmt.Sprintf("%d%s", n, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d%s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0s"
}

// before reads a TIME of the past: like instant, but a time of day is the
// latest one up to now, and a duration is as long ago.
func before(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if d, err := schedule.Duration(text); err == nil {
		return inRange(now.Add(-d))
	}
	at, err := instant(text, now, zone)
	if err != nil || strings.Contains(text, "-") || strings.Contains(text, "T") {
		return at, err
	}
	// A time of day: on some day of the last few it was. A day may lack it.
	for days := 1; days <= 3; days++ {
		var latest time.Time
		for from := now.AddDate(0, 0, -days); ; from = latest {
			at, err := instant(text, from, zone)
			if err != nil {
				return at, err
			}
			if at.After(now) {
				break
			}
			latest = at
		}
		if !latest.IsZero() {
			return latest, nil
		}
	}
	return time.Time{}, errInstant
}
