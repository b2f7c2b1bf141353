package config

import (
	"fmt"
	"math"
	"time"

	"rota/schedule"
)

// Keep is how much of a task's past is kept.
type Keep struct {
	Runs    int           // ended runs; as many rows of slots that did not run, counted apart
	Outputs int           // runs whose output is kept
	Bytes   int64         // of all outputs together; 0: no limit
	Age     time.Duration // since the end; 0: any
	AtLeast time.Duration // since the end: what is younger stays, whatever else says
}

// keepKeys are the keys of a task's keep, and of [history] for all tasks that
// do not say otherwise.
var keepKeys = map[string]setter[draft]{
	"runs":     func(s spot, v any, to *draft) { s.number(v, 1, math.MaxInt, &to.Keep.Runs) },
	"outputs":  func(s spot, v any, to *draft) { s.number(v, 0, math.MaxInt, &to.Keep.Outputs) },
	"bytes":    func(s spot, v any, to *draft) { s.size(v, &to.Keep.Bytes) },
	"age":      func(s spot, v any, to *draft) { s.duration(v, &to.Keep.Age) },
	"at_least": func(s spot, v any, to *draft) { s.duration(v, &to.Keep.AtLeast) },
	"output": func(s spot, v any, to *draft) {
		n := int64(0)
		if !s.size(v, &n) {
			return
		}
		if n < 1<<10 {
			s.wrong("", "output is %s, but has to be 1KiB or more", v)
			return
		}
		to.Output = n
	},
}

// formatKeep is all of it in few words.
func formatKeep(k Keep, output int64) string {
	text := fmt.Sprintf("%d runs, %d outputs of %s", k.Runs, k.Outputs, formatSize(output))
	if k.Bytes > 0 {
		text += ", " + formatSize(k.Bytes)
	}
	if k.Age > 0 {
		text += ", " + schedule.FormatDuration(k.Age)
	}
	if k.AtLeast > 0 {
		text += ", at least " + schedule.FormatDuration(k.AtLeast)
	}
	return text
}
