package page

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// timelinePage shows when tasks ran, and when they will run.
type timelinePage struct {
	Head          head
	Chart         timeline
	Search        string
	Shown         string
	Before, After string
	None          bool
}

// timeline is a chart of a day: a row for each task.
type timeline struct {
	Left, Wide, Height float64 // of the names, and of the chart beside them
	Now                float64
	Hours              []hour
	Lanes              []lane
	Label              string
}

type hour struct {
	X    float64
	Text string // "": a line alone
}

// lane is the row of one task.
type lane struct {
	Task string
	Y    float64 // of its middle
	Bars []bar   // runs that were executed
	Wait []bar   // runs that waited for their start
	Soon []bar   // upcoming slots
	Held []bar
}

// The dimensions of the timeline, in time and on the page.
const (
	before          = 24 * time.Hour
	ahead           = 6 * time.Hour
	pageLanes       = 50
	busy            = 200 // runs of a task, beyond which they are drawn together
	bin             = 10 * time.Minute
	maxUpcoming     = 40
	maxTimelineRuns = 30_000
	laneHeight      = 26.0
	timelineWide    = 1190.0
	timelineLeft    = 170.0
)

func (v *visit) timeline() error {
	p, err := v.timelinePage()
	if err != nil {
		return err
	}
	q := overviewQueryOf(v.r.URL.Query())
	p.Search = q.search
	if p.Head, err = v.head("timeline", "Timeline"); err != nil {
		return err
	}
	p.Head.live(v, "timeline", q.query())
	return v.show(200, "timeline", p)
}

func (v *visit) timelineRegions() ([]region, error) {
	p, err := v.timelinePage()
	return []region{{ID: "timeline", Template: "timeline-chart", Data: p.Chart}}, err
}

func (v *visit) timelinePage() (p timelinePage, err error) {
	tasks, err := v.Service.Tasks(v.r.Context())
	if err != nil {
		return p, err
	}
	w := overviewQueryOf(v.r.URL.Query())
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t api.Task) bool { return !matchesSearch(t, w.search) })
	slices.SortFunc(tasks, func(a, b api.Task) int { return cmp.Compare(a.Task, b.Task) })
	if pages := (len(tasks) + pageLanes - 1) / pageLanes; pages > 1 {
		w.page = min(w.page, pages)
		from, to := (w.page-1)*pageLanes, min(w.page*pageLanes, len(tasks))
		p.Shown = strconv.Itoa(from+1) + " to " + strconv.Itoa(to) + " of " + count(len(tasks), "task", "tasks")
		at := w
		if at.page = w.page - 1; at.page > 0 {
			p.Before = v.url("timeline") + "?" + at.query().Encode()
		}
		if at.page = w.page + 1; at.page <= pages {
			p.After = v.url("timeline") + "?" + at.query().Encode()
		}
		tasks = tasks[from:to]
	}
	if p.None = len(tasks) == 0; p.None {
		return p, nil
	}
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Task
	}
	runs, err := v.Service.Runs(v.r.Context(), api.RunQuery{Tasks: names, Active: v.now.Add(-before), N: maxTimelineRuns})
	if err != nil {
		return p, err
	}
	slots, err := v.Service.Next(v.r.Context(), api.NextQuery{Tasks: names, N: maxUpcoming, Until: v.now.Add(ahead)})
	if err != nil {
		return p, err
	}
	p.Chart = v.draw(tasks, runs, slots)
	return p, nil
}

// x is where an instant is drawn; one outside of the chart is at its edge.
func (v *visit) x(t time.Time) float64 {
	part := float64(t.Sub(v.now.Add(-before))) / float64(before+ahead)
	return round(timelineLeft + (timelineWide-timelineLeft)*min(max(part, 0), 1))
}

func round(f float64) float64 { return math.Round(10*f) / 10 }

// within is a bar from one instant to another; false: it is outside of the chart.
func (v *visit) within(from, to time.Time, y, h float64, class, title, url string) (bar, bool) {
	if !to.After(v.now.Add(-before)) || from.After(v.now.Add(ahead)) {
		return bar{}, false
	}
	a, b := v.x(from), v.x(to)
	if b-a < 2 { // and none of it beyond the edge
		a = min(a, timelineWide-2)
		b = a + 2
	}
	return bar{X: a, Y: round(y - h/2), H: h, W: round(b - a), Class: class, Title: title, URL: url}, true
}

func (v *visit) draw(tasks []api.Task, runs []api.Run, slots []api.Slot) timeline {
	c := timeline{Left: timelineLeft, Wide: timelineWide - timelineLeft, Height: 30 + laneHeight*float64(len(tasks)), Now: v.x(v.now)}
	c.Label = "what ran in the last 24 hours and what comes in the next 6"
	first := v.in(v.now.Add(-before), "").Truncate(time.Hour).Add(time.Hour)
	for at := first; at.Before(v.now.Add(ahead)); at = at.Add(time.Hour) {
		h := hour{X: v.x(at)}
		if at.Hour()%3 == 0 {
			h.Text = at.Format("15:04")
		}
		if at.Hour() == 0 {
			h.Text = at.Format("Mon 2")
		}
		if h.X < timelineLeft+20 || h.X > timelineWide-20 {
			h.Text = "" // it would be clipped
		}
		c.Hours = append(c.Hours, h)
	}
	of, soon := map[string][]api.Run{}, map[string][]api.Slot{}
	for _, r := range runs {
		of[r.Task] = append(of[r.Task], r)
	}
	for _, s := range slots {
		soon[s.Task] = append(soon[s.Task], s)
	}
	for i, t := range tasks {
		l := lane{Task: t.Task, Y: 30 + laneHeight*(float64(i)+0.5)}
		v.drawRuns(&l, t, of[t.Task])
		v.drawUpcoming(&l, t, soon[t.Task])
		if t.Hold != nil {
			until := t.Hold.Until
			if until.IsZero() {
				until = v.now.Add(ahead)
			}
			if b, ok := v.within(t.Hold.Since, until, l.Y, 4, "held", "held "+v.holdText(t.Hold, t.Timezone), ""); ok {
				l.Held = append(l.Held, b)
			}
		}
		c.Lanes = append(c.Lanes, l)
	}
	return c
}

// heightOf is the height of a bar: failures are higher.
func heightOf(class string) float64 {
	switch class {
	case "bad":
		return 20
	case "late":
		return 16
	case "quiet":
		return 4
	}
	return 12
}

func (v *visit) drawRuns(l *lane, t api.Task, runs []api.Run) {
	if len(runs) > busy {
		v.drawBins(l, runs)
		return
	}
	add := func(to *[]bar, from, until time.Time, h float64, class, title, url string) {
		if b, ok := v.within(from, until, l.Y, h, class, title, url); ok {
			*to = append(*to, b)
		}
	}
	for _, r := range runs {
		w, url := wordFor(r.Word()), v.url("runs", r.ID)
		due := cmp.Or(r.Scheduled, r.Queued)
		clock := func(at time.Time) string { return v.in(at, t.Timezone).Format("15:04:05") }
		switch {
		case r.IsSummary():
			add(&l.Bars, r.First, r.Last, heightOf(w.Class), w.Class, count(r.Count, "time ", "times ")+w.Text+", "+clock(r.First)+" to "+clock(r.Last), url)
		case r.State == runner.Queued:
			add(&l.Wait, due, v.now, 10, "wait", "late: due at "+clock(due)+" and not started", url)
		case r.Started.IsZero():
			add(&l.Bars, r.Finished, r.Finished, heightOf(w.Class), w.Class, w.Text+" at "+clock(r.Finished), url)
		default:
			until := r.Finished
			if r.Outcome == "" {
				until = v.now
			}
			if r.Started.Sub(due) > time.Minute {
				add(&l.Wait, due, r.Started, 10, "wait", "due at "+clock(due)+", started at "+clock(r.Started), url)
			}
			add(&l.Bars, r.Started, until, heightOf(w.Class), w.Class, w.Text+", "+v.took(r)+", "+clock(r.Started), url)
		}
	}
}

// drawBins draws the runs of a task that runs often together, in the colour of the worst.
func (v *visit) drawBins(l *lane, runs []api.Run) {
	type sum struct{ runs, bad int }
	sums := map[int64]*sum{}
	for _, r := range runs {
		at := cmp.Or(r.Finished, r.Last, v.now).Unix() / int64(bin/time.Second)
		if sums[at] == nil {
			sums[at] = &sum{}
		}
		sums[at].runs++
		if r.Outcome.IsFailure() {
			sums[at].bad++
		}
	}
	for at, s := range sums {
		from := time.Unix(at*int64(bin/time.Second), 0)
		class, title := "ok", count(s.runs, "run", "runs")+" from "+v.in(from, "").Format("15:04")+" on"
		if s.bad > 0 {
			class, title = "bad", title+", "+strconv.Itoa(s.bad)+" of them failed"
		}
		if b, ok := v.within(from, from.Add(bin), l.Y, heightOf(class), class, title, v.url("tasks", l.Task)); ok {
			l.Bars = append(l.Bars, b)
		}
	}
	slices.SortFunc(l.Bars, func(a, b bar) int { return cmp.Compare(a.X, b.X) })
}

func (v *visit) drawUpcoming(l *lane, t api.Task, slots []api.Slot) {
	url := v.url("tasks", t.Task)
	if len(slots) >= maxUpcoming { // as one band
		if b, ok := v.within(slots[0].At, v.now.Add(ahead), l.Y, 8, "soon", strconv.Itoa(len(slots))+" and more to come", url); ok {
			l.Soon = append(l.Soon, b)
		}
		return
	}
	for _, s := range slots {
		if !s.At.After(v.now) {
			continue
		}
		x := v.x(s.At)
		l.Soon = append(l.Soon, bar{X: round(min(max(x-3, timelineLeft+1), timelineWide-7)), Y: l.Y - 4, W: 6, H: 8, Class: "soon", Title: "due at " + v.in(s.At, t.Timezone).Format("15:04:05"), URL: url})
	}
}
