package page

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// sparkRuns is how many runs a sparkline shows.
const sparkRuns = 20

// spark is a sparkline of the durations of the last runs of a task, the newest on the
// right.
type spark struct {
	Label string
	Bars  []sparkBar
	Width int
}

// sparkBar is a run in a spark. There are thousands of them on a page, and all that a
// template writes has its price: so it is a path, which is one attribute, and not a rect.
type sparkBar struct{ Class, Path, Title string }

type bar struct {
	X, Y, H, W        float64
	Class, Title, URL string
}

// lastStarted sorts runs by their starts, the newest last. They come the newest first, so
// that little is left to sort once they are reversed.
func lastStarted(runs []api.Run) []api.Run {
	runs = slices.Clone(runs)
	slices.Reverse(runs)
	slices.SortStableFunc(runs, func(a, b api.Run) int { return a.Started.Compare(b.Started) })
	return runs
}

// durationOf is how long a run took; 0 of one that has not ended.
func durationOf(r api.Run) time.Duration {
	took, _ := r.Took()
	return took
}

// sparkOf makes the spark of runs. It changes their order.
func sparkOf(runs []*api.Run) spark {
	const high = 20.0
	slices.SortStableFunc(runs, func(a, b *api.Run) int { return a.Started.Compare(b.Started) })
	s := spark{Width: sparkRuns * 5, Label: "no run yet"}
	if len(runs) == 0 {
		return s
	}
	longest := time.Millisecond
	for _, r := range runs {
		longest = max(longest, durationOf(*r))
	}
	s.Bars = make([]sparkBar, 0, len(runs))
	counts := map[string]int{}
	var order []string
	for i, r := range runs {
		w := wordFor(r.Word())
		h := math.Round(10*(3+(high-3)*float64(durationOf(*r))/float64(longest))) / 10
		title := w.Text
		if r.Outcome != "" {
			title += ", " + lasted(durationOf(*r))
		}
		if r.State == runner.Running {
			h = high
		}
		s.Bars = append(s.Bars, sparkBar{w.Class, fmt.Sprintf("M%d 20v-%gh4V20", (sparkRuns-len(runs)+i)*5, h), title})
		if counts[w.Text]++; counts[w.Text] == 1 {
			order = append(order, w.Text)
		}
	}
	var parts []string
	for _, text := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[text], text))
	}
	s.Label = "the last " + count(len(runs), "run", "runs") + ": " + strings.Join(parts, ", ")
	return s
}
