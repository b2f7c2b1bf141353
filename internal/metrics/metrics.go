package metrics

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rota/internal/ledger"
	"rota/runner"
)

// outcomes are those of runs_total. Slots that were skipped or missed are counted apart.
var outcomes = []runner.Outcome{runner.OK, runner.Failed, runner.TimedOut, runner.Lost, runner.Cancelled, runner.Replaced}

// reasons are why a slot was skipped, as a label: the kinds of overlap are one, or there
// would be a dozen series of each task.
var reasons = []string{"held", "skip", "overlap", "coalesced", "queue_full", "max_wait", "other"}

// reasonOf is the label of a reason.
func reasonOf(r runner.Reason) string {
	switch {
	case r.IsOverlap():
		return "overlap"
	case r.Is(runner.ReasonCoalesced, runner.ReasonCoalescedToSkip):
		return "coalesced"
	case slices.Contains(reasons, string(r.Code)):
		return string(r.Code)
	}
	return "other"
}

// Metrics counts. Its methods may be called from several goroutines.
type Metrics struct {
	registry    *prometheus.Registry // of what needs no look at the daemon
	duration    prometheus.Histogram
	delay       prometheus.Histogram
	writeErrors prometheus.Counter

	mu      sync.RWMutex             // guards the maps, not what is in them
	tasks   map[string]*task         // of the file in force; nil: nothing is known of it
	targets map[string]*atomic.Int64 // of the file in force: notifications that failed

	looking chan struct{} // holds one look at the ledger and the disk at a time
	size    atomic.Int64  // of the ledger, as it was seen last
}

// Task is what the file says of a task.
type Task struct {
	Expected time.Duration // in which it is to end well; 0: nothing is expected
}

// task is what is counted of a task.
type task struct {
	expected atomic.Int64 // time.Duration

	mu   sync.Mutex
	live map[string]bool // ids of runs that are executed
	counts
}

// counts are copied to be shown.
type counts struct {
	outcomes [6]uint64 // in the order of outcomes
	skipped  [7]uint64 // in the order of reasons
	missed   uint64
	seconds  float64 // that attempts have taken
	cpu      float64 // and computed

	ended    bool // lastTook and lastRSS are known
	lastTook time.Duration
	lastRSS  int64
	lastRun  time.Time // when its newest run was started

	past   ledger.Past
	looked bool // past is known
	stale  bool // past may be another one by now
}

// newTask returns a task of which nothing is known yet: it may have been in the file before.
func newTask() *task { return &task{live: map[string]bool{}, counts: counts{stale: true}} }

// New returns a Metrics that has counted nothing, for a rota of that version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rota_run_duration_seconds", Help: "Time that attempts of runs have taken, of all tasks.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600},
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rota_start_delay_seconds", Help: "Time from a slot to the start of its run, also that spent in a queue.",
			Buckets: []float64{.001, .0025, .005, .01, .05, .1, .5, 1, 5, 15, 60, 300, 3600},
		}),
		writeErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "rota_ledger_write_errors_total", Help: "Changes that the ledger could not record."}),
		tasks:       map[string]*task{}, targets: map[string]*atomic.Int64{},
		looking: make(chan struct{}, 1),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rota_build_info", Help: "1, with the version of rota and of the Go that it was built with.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.duration, m.delay, m.writeErrors, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Load follows a file that comes into force: the series of its tasks and targets begin
// at 0, those of others go.
func (m *Metrics) Load(tasks map[string]Task, targets []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.tasks, func(name string, _ *task) bool { _, there := tasks[name]; return !there })
	for name, of := range tasks {
		t := m.tasks[name]
		if t == nil && of.Expected > 0 {
			t = newTask()
		}
		if m.tasks[name] = t; t != nil {
			t.expected.Store(int64(of.Expected))
		}
	}
	maps.DeleteFunc(m.targets, func(name string, _ *atomic.Int64) bool { return !slices.Contains(targets, name) })
	for _, name := range targets {
		if m.targets[name] == nil {
			m.targets[name] = new(atomic.Int64)
		}
	}
}

// Record implements [runner.Recorder]. A task that is not in the file is not counted.
func (m *Metrics) Record(r runner.Run) error {
	t := m.task(r.Task)
	if t == nil {
		return nil
	}
	if r.State == runner.Running && r.Cause == runner.CauseSchedule && r.Attempts == 1 && r.NotBefore.IsZero() {
		m.delay.Observe(max(0, r.Started.Sub(r.Scheduled).Seconds()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.State == runner.Running {
		t.live[r.ID], t.lastRun = true, r.Started
		return nil
	}
	// What has ended while it waited tells of an attempt that was counted before.
	if t.live[r.ID] {
		delete(t.live, r.ID)
		took := max(0, r.Finished.Sub(r.Started))
		t.ended, t.lastTook, t.lastRSS = true, took, r.MaxRSS
		t.seconds += took.Seconds()
		t.cpu += r.CPU.Seconds()
		m.duration.Observe(took.Seconds())
	}
	if r.Outcome != "" {
		t.end(r)
	}
	return nil
}

// Adopt takes in a run that an earlier daemon started and that is still executed.
func (m *Metrics) Adopt(r runner.Run) {
	if t := m.task(r.Task); t != nil {
		t.mu.Lock()
		t.live[r.ID] = true
		t.mu.Unlock()
	}
}

// task returns what is counted of a task; nil: it is not in the file.
func (m *Metrics) task(name string) *task {
	m.mu.RLock()
	t, there := m.tasks[name]
	m.mu.RUnlock()
	if t != nil || !there {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, there = m.tasks[name]; t == nil && there {
		t = newTask()
		m.tasks[name] = t
	}
	return t
}

// end counts a run, or slots that have none.
func (t *task) end(r runner.Run) {
	n := uint64(max(1, r.Count))
	switch r.Outcome {
	case runner.Skipped:
		t.skipped[slices.Index(reasons, reasonOf(r.Reason))] += n
	case runner.Missed:
		t.missed += n
	default:
		t.stale = true
		if i := slices.Index(outcomes, r.Outcome); i >= 0 {
			t.outcomes[i] += n
		}
	}
}

// WriteFailed counts a change that the ledger could not record.
func (m *Metrics) WriteFailed() { m.writeErrors.Inc() }

// NotifyFailed counts an attempt to reach a target that failed.
func (m *Metrics) NotifyFailed(target string) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if n := m.targets[target]; n != nil {
		n.Add(1)
	}
}
