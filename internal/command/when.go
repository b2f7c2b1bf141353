package command

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/schedule"
)

// when formats instants: relative to now or, with --absolute, in full.
type when struct {
	now      time.Time
	zone     *time.Location // to show instants in; nil: in their own
	absolute bool
}

// farAway is beyond what is shown in days.
const farAway = 14 * 24 * time.Hour

// when returns the format of the instants of one answer.
func (s *session) when(c *cli.Context) when {
	return when{now: time.Now(), zone: s.zone(c), absolute: c.Bool("absolute")}
}

// zone is the zone of times: that of the file in force, if this machine knows it; with
// --utc it is UTC.
func (s *session) zone(c *cli.Context) *time.Location {
	name := ""
	if s.status != nil {
		name = s.status.Timezone
	}
	zone := zoneNamed(c, name)
	if _, err := config.LocalZone(); err != nil && zone == time.Local && !s.zoneWarned {
		s.zoneWarned = true
		s.printNotice(c, "times are in UTC: "+err.Error())
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

// full formats an instant in full; "-" if there is none.
func (w when) full(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fullTime(w.in(t))
}

// short formats an instant in full, for a column.
func (w when) short(t time.Time) string { return w.in(t).Format(time.DateTime) }

// ago is how long ago an instant was; "-" if there is none.
func (w when) ago(t time.Time) string {
	d := w.now.Sub(t)
	switch {
	case t.IsZero():
		return "-"
	case w.absolute:
		return w.short(t)
	case d < -time.Second: // the clock was set back since
		return w.short(t)
	case d < time.Second:
		return "just now"
	case d >= farAway:
		return w.in(t).Format(time.DateOnly)
	}
	return spanText(d) + " ago"
}

// till is how long it is until an instant; "-" if there is none.
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
	return inText(d)
}

// both formats an instant in full and relative to now; "-" if there is none.
func (w when) both(t time.Time) string {
	switch {
	case t.IsZero() || w.absolute:
		return w.full(t)
	case t.Sub(w.now).Abs() >= farAway:
		return w.full(t)
	case t.After(w.now):
		return w.full(t) + ", " + inText(t.Sub(w.now))
	case w.now.Sub(t) < time.Second:
		return w.full(t) + ", just now"
	}
	return w.full(t) + ", " + spanText(w.now.Sub(t)) + " ago"
}

// inText is a duration until an instant: "in 3h".
func inText(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return "in " + spanText(d)
}

// spanText formats a duration of at least a second: two units, rounded down.
func spanText(d time.Duration) string {
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

// before parses a TIME in the past: like instant, but a time of day is the latest one up
// to now, and a duration is that long ago.
func before(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if d, err := schedule.Duration(text); err == nil {
		return inRange(now.Add(-d))
	}
	at, err := instant(text, now, zone)
	if err != nil || strings.Contains(text, "-") || strings.Contains(text, "T") {
		return at, err
	}
	// A time of day: within the last few days, as a day may lack it.
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

// shortTime formats an instant as short as possible: today as a time of day, within a week
// with its weekday.
func shortTime(t, now time.Time) string {
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

// durationOf converts seconds, as answers have them.
func durationOf(n float64) time.Duration { return time.Duration(math.Round(n * float64(time.Second))) }

// durationText formats a duration: two units, and below a minute tenths of a second.
func durationText(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", max(d, 0).Truncate(100*time.Millisecond).Seconds())
	}
	return strings.TrimPrefix(inText(d), "in ")
}
