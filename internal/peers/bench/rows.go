package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	together   bool                 // all at a time, as they take nearly nothing
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
	count = unit{name: "", scale: 1}
	rate  = unit{name: "a second", scale: 1, more: true}
	ratio = unit{name: "", scale: 1, more: true}
)

// rows are what is measured, in this order.
var rows = []row{
	{name: "burst", what: "1,000 commands due at one instant", lines: burstLines(3, 350, 0.18, 40, 2000), measure: burst(1000, direct)},
	{name: "burst-sh", what: "1,000 commands by `sh -c` due at one instant", lines: burstLines(0, 600, 0, 0, 0), measure: burst(1000, byShell)},
	{name: "burst-forked", what: "1,000 forked commands due at one instant", lines: burstLines(0, 2000, 0, 0, 0), rounds: 3, only: isRota, measure: burst(1000, forked)},
	{name: "hundred", what: "100 commands each second", lines: []line{{"start after it is due, p50", ms, 0}, {"p99", ms, 25}, {"processor time of the daemon per run", ms, 0.2}}, measure: eachSecond(100, 5)},
	{name: "one", what: "one command each second", lines: []line{{"start after it is due, p50", ms, 1.3}, {"p99", ms, 2.5}, {"processor time of the daemon per run", ms, 2}}, rounds: 3, measure: eachSecond(1, 10)},
	{name: "requests", what: fmt.Sprintf("1,000 requests a second of %d kinds beside 100 commands each second", len(kinds)), lines: []line{{"p50", ms, 0}, {"p99", ms, 30}, {"p99 of the slowest kind", ms, 0}, {"start of a command after it is due, p50", ms, 0}, {"p99 of that", ms, 0}, {"requests that failed", count, 0}}, only: isRota, measure: requests(100, 1000, 10)},
	{name: "start", what: "one process after the other", lines: []line{
		{"starts by rota", rate, 0}, {"those compared with C", ratio, 0.9}, {"processor time of rota per start", ms, 0.06},
		{"starts by `vfork` and `execve` in C, with one pipe", rate, 0}, {"with two pipes", rate, 0}, {"without a pipe", rate, 0},
		{"processor time of that per start, with one pipe", ms, 0},
		{"starts by Go's os/exec with two pipes", rate, 0}, {"processor time of that per start", ms, 0},
	}, only: isThis, measure: starts(10_000)},
	{name: "load-10000", what: "10,000 tasks", lines: []line{{"memory", mib, 20}, {"time from the start until it waits", ms, 350}}, measure: load(10_000)},
	{name: "load-100000", what: "100,000 tasks", lines: []line{{"memory", mib, 90}, {"time from the start until it waits", ms, 4000}}, rounds: 1, measure: load(100_000)},
	{name: "idle", what: "10,000 tasks of which none is due", lines: []line{{"processor time per minute", ms, 5}}, rounds: 1, together: true, measure: idle(10_000, 2*time.Minute)},
	{name: "reload", what: "reload of 10,000 changed tasks", lines: []line{{"time until it waits", ms, 0}, {"processor time", ms, 0}, {"latest start of a command each second meanwhile", ms, 0}}, measure: reload(10_000)},
	{name: "ledger", what: "ledger", lines: []line{{"durable transitions", rate, 100_000}}, only: isThis, measure: ledger},
	{name: "binary", what: "program", lines: []line{{"size, stripped", mib, 15}}, rounds: 1, measure: size},
}

func burstLines(first, last, cpu, memory, open float64) []line {
	return []line{
		{"first start", ms, first},
		{"last start", ms, last},
		{"processor time of the daemon per run", ms, cpu},
		{"the same with all that it started", ms, 0},
		{"peak memory of the daemon", mib, memory},
		{"peak descriptors of the daemon", count, open},
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
		if _, err := d.still(b.calm, time.Minute); err != nil {
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

// starts starts the program of the tasks n times, as rota does it, in C, and by os/exec.
func starts(n int) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, _ scheduler) ([]float64, error) {
		env := []string{"STAMPS=" + os.DevNull, "ROTA_BENCH_PROGRAM=" + b.stamp}
		const perSecond, perStart = "starts/s", "cpu-ns/start"
		own, err := benchmark(b.root, env, "./runner/internal/process", "BenchmarkStart", n, perSecond, perStart)
		if err != nil {
			return nil, err
		}
		c := filepath.Join(b.dir, "vfork")
		if err := command(b.root, nil, "cc", "-O2", "-o", c, "internal/peers/bench/vfork/vfork.c"); err != nil {
			return nil, err
		}
		var second, cpu [3]float64 // by the number of pipes
		for pipes := range second {
			cmd := exec.Command(c, strconv.Itoa(n), strconv.Itoa(pipes), b.stamp)
			cmd.Env = append(os.Environ(), env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("%w\n%s", err, out)
			}
			if _, err := fmt.Sscan(string(out), &second[pipes], &cpu[pipes]); err != nil {
				return nil, fmt.Errorf("%w\n%s", err, out)
			}
		}
		rota, peer := own["rota"], own["exec"]
		return []float64{
			rota[perSecond], rota[perSecond] / second[1], rota[perStart],
			second[1], second[2], second[0], cpu[1] * 1e3,
			peer[perSecond], peer[perStart],
		}, nil
	}
}

// ledger runs the benchmark of the ledger.
func ledger(b *bench, _ scheduler) ([]float64, error) {
	const perSecond = "transitions/s"
	own, err := benchmark(b.root, nil, "./internal/ledger", "BenchmarkLedgerLife", 20_000, perSecond)
	return []float64{own[""][perSecond]}, err
}

// parts is what a benchmark of Go tells of each of its parts, by unit. A benchmark without
// parts is the part "".
type parts map[string]map[string]float64

// benchmark runs a benchmark that does n times what it does, and must tell of some units.
func benchmark(root string, env []string, pkg, name string, n int, units ...string) (parts, error) {
	cmd := exec.Command("go", "test", "-run=^$", "-bench=^"+name+"$", fmt.Sprintf("-benchtime=%dx", n), pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	p, err := parseBenchmark(string(out), name, units)
	if err != nil {
		return nil, fmt.Errorf("%w:\n%s", err, out)
	}
	return p, nil
}

// parseBenchmark reads lines such as "BenchmarkX/part-2 10 5 ns/op 8 starts/s".
func parseBenchmark(text, name string, units []string) (parts, error) {
	p := parts{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		part := strings.TrimPrefix(strings.TrimPrefix(fields[0], name), "/")
		if i := strings.LastIndexByte(part, '-'); i >= 0 {
			part = part[:i] // the number of processors
		}
		values := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			values[fields[i+1]], _ = strconv.ParseFloat(fields[i], 64)
		}
		for _, unit := range units {
			if values[unit] == 0 {
				return nil, fmt.Errorf("%s tells nothing of %s", fields[0], unit)
			}
		}
		p[part] = values
	}
	if len(p) == 0 {
		return nil, errors.New("it tells nothing")
	}
	return p, nil
}

// size is that of the program.
func size(_ *bench, s scheduler) ([]float64, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	return []float64{float64(info.Size())}, nil
}
