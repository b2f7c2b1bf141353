package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"rota/schedule"
)

// Late is how long a run may take before on_late is notified. At most one field is set.
type Late struct {
	After time.Duration // a fixed time; 0: see Times
	Times float64       // a multiple of the usual duration of its runs; 0: never
}

func (l Late) String() string {
	switch {
	case l.Times > 0:
		return strconv.FormatFloat(l.Times, 'f', -1, 64) + "x"
	case l.After > 0:
		return schedule.FormatDuration(l.After)
	}
	return ""
}

var lateType = Type{Name: `a duration, or a factor such as "3x"`, Text: true, Pattern: `^(([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms))+|[0-9]+(\.[0-9]+)?x)$`}

// lateKeys are the keys of late runs and their notifications.
var lateKeys = []key[Task]{
	row("warn_after", custom(lateType, func(t *Task) *Late { return &t.WarnAfter }, setWarnAfter).canonical(func(t *Task) any { return t.WarnAfter.String() }), "", "A run that takes longer is late: on_late is notified of it, once, and the run continues. A factor, as in 3x, is multiplied by the median of the last 20 successful runs, if there are at least 5; the result is at least a minute.", `"2h"`, `"3x"`),
	row("on_late", targets(false, func(t *Task) *[]string { return &t.Hooks.OnLate }), "", "The same once a run takes longer than warn_after; the run continues.", `"ops"`, `["ops"]`),
}

var times = regexp.MustCompile(`^([0-9]{1,4}(?:\.[0-9]{1,3})?)x$`)

// setWarnAfter reads a duration or a factor.
func setWarnAfter(loc location, v any, to *Task) {
	text, ok := v.(string)
	if !ok {
		loc.mismatch(v, "a duration or a factor", `"2h" or "3x"`)
		return
	}
	if m := times.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n < 1 || n > 1000 {
			loc.valueError("", "warn_after is %s, but must be 1x to 1000x", text)
			return
		}
		to.WarnAfter = Late{Times: n}
		return
	}
	if d := time.Duration(0); loc.secondOrMore(v, &d) {
		to.WarnAfter = Late{After: d}
	}
}

// checkLate complains about on_late and warn_after if they have no effect.
func (d *taskBuilder) checkLate(loc location) {
	late := d.WarnAfter
	if late == (Late{}) && d.own("on_late") && len(d.Hooks.OnLate) > 0 {
		loc.at("on_late").keyError(`add warn_after = "2h", or "3x"`, "on_late has no effect without warn_after")
	}
	if d.own("warn_after") && d.Timeout > 0 && late.After >= d.Timeout {
		loc.at("warn_after").valueError(fmt.Sprintf("write less than that, or a longer timeout than %s", schedule.FormatDuration(d.Timeout)), "warn_after has no effect: a run is stopped before, at its timeout")
	}
}
