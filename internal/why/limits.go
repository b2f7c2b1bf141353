package why

import (
	"slices"
	"strings"

	"rota/schedule"
)

// without returns a trigger without one of its limits, and the value of the limit; "":
// the trigger does not have it.
func without(spec schedule.Spec, key string) (schedule.Spec, string) {
	var rest, value []string
	in := ""
	for _, word := range strings.Fields(spec.String()) {
		if slices.Contains(schedule.TriggerKeys(), word) {
			in = word
			if in == key {
				continue
			}
		}
		switch {
		case in == key:
			value = append(value, word)
		case in == "on_except" && key == "except": // which has no meaning without except
		default:
			rest = append(rest, word)
		}
	}
	if value == nil {
		return spec, ""
	}
	free, faults := schedule.ParseExpr(strings.Join(rest, " "), spec.Zone())
	if faults != nil {
		return spec, ""
	}
	return free, strings.Join(value, " ")
}
