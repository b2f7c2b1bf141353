package runner

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// templateFuncs are the functions of templates beside those of text/template, of
// which urlquery is one. They take any value, as an outcome is no string to
// text/template.
var templateFuncs = template.FuncMap{
	"json":     jsonText,
	"upper":    func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
	"trim":     func(v any) string { return strings.TrimSpace(fmt.Sprint(v)) },
	"duration": durationText,
	"date":     dateText,
}

// jsonText is a value as JSON: for a body that puts what a task wrote into an
// object.
func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// durationText is a duration, or a number of seconds, for people: of three parts at
// most, without those that are zero at the end.
func durationText(v any) (string, error) {
	var d time.Duration
	switch v := v.(type) {
	case time.Duration:
		d = v
	case int:
		d = time.Duration(v) * time.Second
	case string: // such as a parameter
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			if d, err = time.ParseDuration(v + "s"); err != nil {
				return "", fmt.Errorf("%q is neither a duration nor a number of seconds", v)
			}
		}
	default:
		return "", fmt.Errorf("%v is neither a duration nor a number of seconds", v)
	}
	switch size := d.Abs(); {
	case size >= time.Minute:
		d = d.Round(time.Second)
	case size >= time.Second:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Millisecond)
	}
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text, nil
}

// dateText is a time by a layout of Go. The layout comes first, so that a time can
// be piped in. No time, as of a request that is scheduled for none, is no text.
func dateText(layout string, t time.Time) (string, error) {
	if err := checkLayout(layout); err != nil {
		return "", err
	}
	if t.IsZero() {
		return "", nil
	}
	return t.Format(layout), nil
}

// checkLayout refuses a format of date(1), which would come out as it is.
func checkLayout(layout string) error {
	if strings.Contains(layout, "%") {
		return fmt.Errorf(`%q is a format of date(1); write how "2006-01-02 15:04:05" is to look`, layout)
	}
	return nil
}
