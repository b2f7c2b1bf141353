package page

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"rota/schedule"
)

// moment is an instant for a template.
type moment struct {
	Text string // relative to now, or in full
	Full string // in full
	ISO  string // for programs; "": there is no instant
	Rel  string // "in" or "ago": the text follows the clock; "": it stays
}

// farAway is beyond what is shown in days.
const farAway = 14 * 24 * time.Hour

// zone is the zone that instants are shown in.
type zone struct {
	choice string         // "task", "server", "utc" or the name of a zone
	at     *time.Location // nil: that of the task
}

const (
	zoneCookie  = "rota-zone"
	pauseCookie = "rota-pause"
)

// chosenZone returns the zone that the visitor has chosen.
func (v *visit) chosenZone() zone {
	c, err := v.r.Cookie(zoneCookie)
	if err != nil {
		return zone{choice: "task"}
	}
	return zoneOf(c.Value)
}

func zoneOf(name string) zone {
	switch name {
	case "", "task":
		return zone{choice: "task"}
	case "server":
		return zone{name, time.Local}
	case "utc":
		return zone{name, time.UTC}
	}
	at, err := schedule.Zone(name)
	if err != nil || strings.ContainsAny(name, `"\;`) {
		return zone{choice: "task"}
	}
	return zone{name, at}
}

// choices are the zones to choose from.
func (z zone) choices() []choice {
	all := []choice{{Value: "task", Text: "the task's time"}, {Value: "server", Text: "the server's time"}, {Value: "utc", Text: "UTC"}}
	own := choice{Value: "browser", Text: "my own time"} // which the script fills in
	for i := range all {
		all[i].Chosen = all[i].Value == z.choice
	}
	if z.choice != "task" && z.choice != "server" && z.choice != "utc" {
		own.Value, own.Text, own.Chosen = z.choice, z.choice, true
	}
	return append(all, own)
}

// setZone stores the zone that the visitor chooses in a cookie.
func (v *visit) setZone() error {
	v.setCookie(zoneCookie, zoneOf(v.r.PostFormValue("zone")).choice)
	return v.goBack()
}

// setPause stores in a cookie whether the pages are updated.
func (v *visit) setPause() error {
	value := "0"
	if v.r.PostFormValue("pause") == "1" {
		value = "1"
	}
	v.setCookie(pauseCookie, value)
	return v.goBack()
}

func (v *visit) setCookie(name, value string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: v.Site.Base + "/", SameSite: http.SameSiteStrictMode, MaxAge: int((365 * 24 * time.Hour).Seconds()),
		Secure: v.r.TLS != nil || strings.HasPrefix(v.Site.URL, "https:"),
	})
}

func (v *visit) goBack() error {
	http.Redirect(v.w, v.r, v.Site.Base+v.back(), http.StatusSeeOther)
	return nil
}

// in is an instant in the zone to show it in; of is the zone of its task, by its name.
func (v *visit) in(t time.Time, of string) time.Time {
	if v.zone.at != nil {
		return t.In(v.zone.at)
	}
	if of == "" {
		return t.In(v.serverZone())
	}
	if at, err := schedule.Zone(of); err == nil {
		return t.In(at)
	}
	return t.In(time.Local)
}

// full formats an instant in full.
func full(t time.Time) string { return t.Format("Mon 2006-01-02 15:04:05 MST") }

// at is an instant in full; the zero one is "–".
func (v *visit) at(t time.Time, of string) moment {
	if t.IsZero() {
		return moment{Text: "–"}
	}
	t = v.in(t, of)
	text := t.Format("2006-01-02 15:04:05")
	if y, m, d := t.Date(); sameDay(v.now.In(t.Location()), y, m, d) {
		text = t.Format("15:04:05")
	}
	return moment{Text: text, Full: full(t), ISO: t.Format(time.RFC3339)}
}

func sameDay(t time.Time, y int, m time.Month, d int) bool {
	ty, tm, td := t.Date()
	return ty == y && tm == m && td == d
}

// ago is a past instant, relative to now.
func (v *visit) ago(t time.Time, of string) moment {
	m := v.at(t, of)
	d := v.now.Sub(t)
	switch {
	case t.IsZero(), d < -time.Second: // the clock was set back since
		return m
	case d < time.Second:
		m.Text = "just now"
	case d >= farAway:
		m.Text = v.in(t, of).Format(time.DateOnly)
		return m
	default:
		m.Text = span(d) + " ago"
	}
	m.Rel = "ago"
	return m
}

// till is a future instant, relative to now. One that has passed is due now.
func (v *visit) till(t time.Time, of string) moment {
	m := v.at(t, of)
	d := t.Sub(v.now)
	switch {
	case t.IsZero():
		return m
	case d >= farAway:
		m.Text = v.in(t, of).Format(time.DateOnly)
		return m
	case d < time.Second:
		m.Text = "now"
	default:
		m.Text = "in " + span(d)
	}
	m.Rel = "in"
	return m
}

// span formats a duration in at most two units, rounded down.
func span(d time.Duration) string {
	days, hours, minutes, seconds := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60, int(d/time.Second)%60
	two := func(a int, unit string, b int, lesser string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, unit)
		}
		return fmt.Sprintf("%d%s %d%s", a, unit, b, lesser)
	}
	switch {
	case days > 0:
		return two(days, "d", hours, "h")
	case hours > 0:
		return two(hours, "h", minutes, "m")
	case minutes > 0:
		return two(minutes, "m", seconds, "s")
	}
	return fmt.Sprintf("%ds", seconds)
}

// lasted formats how long something took.
func lasted(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return span(d)
}

// size formats a number of bytes.
func size(n int64) string {
	const unit = "kMGTP"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for f >= 999.5 && i < len(unit)-1 {
		f, i = f/1000, i+1
	}
	if f < 10 {
		return fmt.Sprintf("%.1f %cB", f, unit[i])
	}
	return fmt.Sprintf("%.0f %cB", f, unit[i])
}
