package page

import (
	"cmp"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

// whyAnswer is why a task did not run.
type whyAnswer struct {
	At     moment
	Text   []string
	RunURL string
	Error  string
}

// why answers why a task did not run at a time, or that it did.
func (v *visit) why(t api.Task, text string) *whyAnswer {
	at, err := v.readTime(text, t.Timezone)
	if err != nil {
		return &whyAnswer{Error: err.Error()}
	}
	why, err := v.Service.Why(v.r.Context(), t.Task, at)
	if err != nil {
		return &whyAnswer{Error: err.Error()}
	}
	answer := &whyAnswer{At: v.at(cmp.Or(why.At, at), t.Timezone), Text: why.Text}
	if why.Run != nil {
		answer.RunURL = v.url("runs", why.Run.ID)
	}
	return answer
}

// readTime parses a time of a form, in the zone that the visitor has chosen.
func (v *visit) readTime(text, of string) (time.Time, error) {
	at := v.in(v.now, of).Location()
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, text, at); err == nil {
			return t, api.CheckTime("the time", t)
		}
	}
	return time.Time{}, api.Errorf(api.Usage, `write it as "2026-12-24 18:00"`, "%q is not a time", escape.Short(text, 40))
}
