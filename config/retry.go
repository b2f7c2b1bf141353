package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"rota/runner"
	"rota/schedule"
)

var retryKeys = map[string]setter[runner.Retry]{
	"max":       func(s spot, v any, to *runner.Retry) { s.number(v, 0, math.MaxInt, &to.Max) },
	"delay":     func(s spot, v any, to *runner.Retry) { s.duration(v, &to.Delay) },
	"factor":    setFactor,
	"max_delay": func(s spot, v any, to *runner.Retry) { s.duration(v, &to.MaxDelay) },
	"on":        setRetryOn,
}

func setFactor(s spot, v any, to *runner.Retry) {
	factor, ok := v.(float64)
	if n, whole := v.(int64); whole {
		factor, ok = float64(n), true
	}
	switch {
	case !ok:
		s.mismatch(v, "a number", "2 or 1.5")
	case !(factor >= 1 && factor <= 100):
		s.wrong("", "factor is %v, but has to be 1 to 100", v)
	default:
		to.Factor = factor
	}
}

// setRetryOn reads outcomes and exit codes.
func setRetryOn(s spot, v any, to *runner.Retry) {
	var on []string
	s.each(v, func(s spot, item any) {
		if _, isNumber := item.(int64); isNumber {
			code := 0
			if s.number(item, 1, 255, &code) {
				on = append(on, strconv.Itoa(code))
			}
			return
		}
		word := ""
		if s.oneOf(item, &word, string(runner.Failed), string(runner.TimedOut), string(runner.Lost)) {
			on = append(on, word)
		}
	})
	if on != nil {
		to.On = on
	}
}

// formatRetry is the policy in few words.
func formatRetry(r runner.Retry) string {
	if r.Max == 0 {
		return "none"
	}
	return fmt.Sprintf("%d after %s×%g, up to %s, on %s", r.Max, schedule.FormatDuration(r.Delay), r.Factor, schedule.FormatDuration(r.MaxDelay), strings.Join(r.On, ", "))
}
