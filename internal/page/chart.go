package page

import (
	"math"
	"slices"
	"time"

	"rota/internal/api"
)

// chart is the durations of the last runs.
type chart struct {
	Bars                           []bar
	Median                         float64 // the height of the line
	Label, MedianText, LongestText string
}

// chart draws the durations of the last runs.
func (v *visit) chart(runs []api.Run) chart {
	const high = 100.0
	runs = runs[max(0, len(runs)-maxBars):]
	var c chart
	var ended []time.Duration
	longest := time.Millisecond
	for _, r := range runs {
		if r.Outcome != "" {
			ended = append(ended, durationOf(r))
			longest = max(longest, durationOf(r))
		}
	}
	if len(ended) == 0 {
		return c
	}
	slices.Sort(ended)
	median := ended[len(ended)/2]
	height := func(d time.Duration) float64 { return math.Round(10*(2+(high-2)*float64(d)/float64(longest))) / 10 }
	for i, r := range runs {
		h := height(durationOf(r))
		if r.Outcome == "" {
			h = min(high, height(v.now.Sub(r.Started)))
		}
		w := wordFor(r.Word())
		c.Bars = append(c.Bars, bar{X: float64((maxBars - len(runs) + i) * 12), Y: high - h, H: h, W: 10, Class: w.Class, URL: v.url("runs", r.ID), Title: w.Text + ", " + v.took(r) + ", " + full(v.in(r.Started, ""))})
	}
	c.Median = high - height(median)
	c.MedianText, c.LongestText = lasted(median), lasted(longest)
	c.Label = "how long the last " + count(len(runs), "run", "runs") + " took: half of them up to " + c.MedianText + ", the longest " + c.LongestText
	return c
}
