package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// row is something to measure, with a line of the table for each value.
type row struct {
	name, what string
	lines      []line
	only       func(scheduler) bool // which can do it; nil: all
	rounds     int                  // at most; 0: as many as are asked for
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
	{name: "burst-forked", what: "1,000 forked commands due at one instant", lines: burstLines(0, 2000, 0, 0, 0), rounds: 3, only: isRota, measure: burst(1000, forked)},
	{name: "hundred", what: "100 commands each second", lines: []line{{"start after it is due, p50", ms, 0}, {"p99", ms, 25}, {"processor time of the daemon per run", ms, 0.2}}, measure: eachSecond(100, 5)},
	{name: "one", what: "one command each second", lines: []line{{"start after it is due, p50", ms, 1.3}, {"p99", ms, 2.5}, {"processor time of the daemon per run", ms, 2}}, rounds: 3, measure: eachSecond(1, 10)},
	{name: "load-10000", what: "10,000 tasks", lines: []line{{"memory", mib, 20}, {"time from the start until it waits", ms, 350}}, measure: load(10_000)},
	{name: "load-100000", what: "100,000 tasks", lines: []line{{"memory", mib, 90}, {"time from the start until it waits", ms, 4000}}, rounds: 1, measure: load(100_000)},
	{name: "idle", what: "10,000 tasks of which none is due", lines: []line{{"processor time per minute", ms, 5}}, rounds: 2, measure: idle(10_000, 10*time.Second)},
	{name: "reload", what: "reload of 10,000 changed tasks", lines: []line{{"time until it waits", ms, 0}, {"processor time", ms, 0}, {"latest start of a command each second meanwhile", ms, 0}}, measure: reload(10_000)},
	{name: "ledger", what: "ledger", lines: []line{{"durable transitions", unit{"a second", 1, true}, 100_000}}, only: isThis, measure: ledger},
	{name: "binary", what: "program", lines: []line{{"size, stripped", mib, 15}}, rounds: 1, measure: size},
}

func burstLines(first, last, cpu, memory, open float64) []line {
	return []line{
		{"first start", ms, first},
		{"last start", ms, last},
		{"processor time of the daemon per run", ms, cpu},
		{"the same with all that it started", ms, 0},
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
		before, others, counted := d.cpu(), d.children(), make(chan struct{})
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
		others = d.children() - others
		_, peak := d.memory()
		starts := d.starts()
		slices.SortFunc(starts, time.Time.Compare)
		return []float64{
			float64(starts[0].Sub(due)), float64(starts[len(starts)-1].Sub(due)),
			float64(used) / float64(n), float64(used+others) / float64(n), peak, float64(<-most),
		}, nil
	}
}

// eachSecond has n tasks due each second, for some seconds after the first ones.
func eachSecond(n, seconds int) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		d, err := b.start(s, tasks{n: n, cron: everySecond})
		if err != nil {
			return nil, err
		}
		defer d.stop()
		if err := d.await(2*n, time.Minute); err != nil {
			return nil, err
		}
		// Between two instants, so that no run is under way when it is counted.
		time.Sleep(time.Until(time.Now().Add(time.Second).Truncate(time.Second).Add(800 * time.Millisecond)))
		before, skip := d.cpu(), len(d.starts())
		if err := d.await(skip+n*seconds, time.Minute); err != nil {
			return nil, err
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(800 * time.Millisecond)))
		used, starts := d.cpu()-before, d.starts()[skip:]
		late := lateness(starts)
		return []float64{percentile(late, 50), percentile(late, 99), float64(used) / float64(len(starts))}, nil
	}
}

func everySecond(int) string { return "* * * * * *" }

// lateness is how long after the last second each start was, in ascending order.
func lateness(starts []time.Time) []float64 {
	var all []float64
	for _, at := range starts {
		all = append(all, float64(at.Sub(at.Truncate(time.Second))))
	}
	slices.Sort(all)
	return all
}

// percentile is the least value that so many percent are not above.
func percentile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// rarely is once a year, at another minute for each task.
func rarely(i int) string { return fmt.Sprintf("0 %d %d 29 2 *", i%60, i/60%24) }

// load has the scheduler read a file with n tasks.
func load(n int) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		d, err := b.start(s, tasks{n: n, cron: rarely})
		if err != nil {
			return nil, err
		}
		defer d.stop()
		ready, err := d.still(time.Second, 2*time.Minute)
		if err != nil {
			return nil, err
		}
		now, _ := d.memory()
		return []float64{now, float64(ready.Sub(d.began))}, nil
	}
}

// idle watches a scheduler that has nothing to do for some time.
func idle(n int, length time.Duration) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		d, err := b.start(s, tasks{n: n, cron: rarely})
		if err != nil {
			return nil, err
		}
		defer d.stop()
		if _, err := d.still(time.Second, 2*time.Minute); err != nil {
			return nil, err
		}
		before := d.cpu()
		time.Sleep(length)
		return []float64{float64(d.cpu()-before) * float64(time.Minute) / float64(length)}, nil
	}
}

// reload changes all of n tasks in the file, beside one that runs each second.
func reload(n int) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		t := tasks{n: n, cron: rarely, more: true}
		d, err := b.start(s, t)
		if err != nil {
			return nil, err
		}
		defer d.stop()
		if err := d.await(3, 2*time.Minute); err != nil {
			return nil, err
		}
		// Long enough before the next command that a reload is under way when it is due.
		time.Sleep(time.Until(time.Now().Add(time.Second).Truncate(time.Second).Add(700 * time.Millisecond)))
		t.cron = func(i int) string { return rarely(i + 1) }
		before, skip, began := d.cpu(), len(d.starts()), time.Now()
		if _, err := s.write(d.dir, b.stamp, t); err != nil {
			return nil, err
		}
		if s.watches {
			began = time.Now()
		} else if err := d.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			return nil, err
		}
		// The command each second takes a moment, too, but far less than this.
		ready, err := d.still(500*time.Millisecond, time.Minute)
		if err != nil {
			return nil, err
		}
		used := d.cpu() - before
		return []float64{float64(ready.Sub(began)), float64(used), slices.Max(append(lateness(d.starts()[skip:]), 0))}, nil
	}
}

// ledger runs the benchmark of the ledger.
func ledger(b *bench, _ scheduler) ([]float64, error) {
	cmd := exec.Command("go", "test", "-run=^$", "-bench=^BenchmarkLedgerLife$", "-benchtime=20000x", "./internal/ledger")
	cmd.Dir = b.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	fields := strings.Fields(string(out))
	i := slices.Index(fields, "transitions/s")
	if i < 1 {
		return nil, fmt.Errorf("it says nothing of transitions/s:\n%s", out)
	}
	n, err := strconv.ParseFloat(fields[i-1], 64)
	return []float64{n}, err
}

// size is that of the program.
func size(_ *bench, s scheduler) ([]float64, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	return []float64{float64(info.Size())}, nil
}
