package main

import (
	"fmt"
	"slices"
	"time"
)

// row is something to measure, with a line of the table for each value.
type row struct {
	name, what string
	lines      []line
	only       func(scheduler) bool // which can do it; nil: all
	once       bool                 // each round would give the same
	measure    func(*bench, scheduler) ([]float64, error)
}

// line is one value of a row.
type line struct {
	what string
	unit unit
	goal float64 // at most, or at least if more is better; 0: none
}

// unit is what a value counts, and how it is written.
type unit struct {
	name  string
	scale float64 // what is divided by before it is written
	more  bool    // more is better
}

var (
	ms    = unit{name: "ms", scale: 1e6} // of nanoseconds
	mib   = unit{name: "MiB", scale: 1 << 20}
	files = unit{name: "", scale: 1}
)

// rows are what is measured, in this order.
var rows = []row{
	{name: "burst", what: "1,000 commands due at one instant", lines: burstLines(3, 350, 0.18, 40, 2000), measure: burst(1000, direct)},
	{name: "burst-sh", what: "1,000 commands by `sh -c` due at one instant", lines: burstLines(0, 600, 0, 0, 0), measure: burst(1000, byShell)},
	{name: "burst-forked", what: "1,000 forked commands due at one instant", lines: burstLines(0, 2000, 0, 0, 0), only: isRota, measure: burst(1000, forked)},
}

func burstLines(first, last, cpu, memory, open float64) []line {
	return []line{
		{"first start", ms, first},
		{"last start", ms, last},
		{"processor time of the daemon per run", ms, cpu},
		{"peak memory of the daemon", mib, memory},
		{"peak descriptors of the daemon", files, open},
	}
}

// burst has n tasks due at one instant.
func burst(n int, h how) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		due := time.Now().Add(time.Duration(2+n/1000) * time.Second).Truncate(time.Second)
		at := due.UTC()
		d, err := b.start(s, tasks{n: n, how: h, cron: func(int) string {
			return fmt.Sprintf("%d %d %d %d %d *", at.Second(), at.Minute(), at.Hour(), at.Day(), int(at.Month()))
		}})
		if err != nil {
			return nil, err
		}
		defer d.stop()
		time.Sleep(time.Until(due.Add(-200 * time.Millisecond)))
		if err := d.alive(); err != nil {
			return nil, err
		}
		before, counted := d.cpu(), make(chan struct{})
		most := d.descriptors(counted)
		err = d.await(n, time.Minute)
		close(counted)
		if err != nil {
			return nil, err
		}
		if _, err := d.still(500*time.Millisecond, time.Minute); err != nil {
			return nil, err
		}
		used := d.cpu() - before
		_, peak := d.memory()
		starts := d.starts()
		slices.SortFunc(starts, time.Time.Compare)
		return []float64{
			float64(starts[0].Sub(due)), float64(starts[len(starts)-1].Sub(due)),
			float64(used) / float64(n), peak, float64(<-most),
		}, nil
	}
}
