package metrics

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"rota/internal/ledger"
)

// Source is what is looked at when somebody asks.
type Source struct {
	Ledger ledger.Reader
	Size   func() int64                         // of the ledger on the disk
	State  func(context.Context) (State, error) // of the loop
}

// State is what a loop has at hand.
type State struct {
	Running  map[string]int       // runs under way, by task
	Held     map[string]bool      // tasks
	Next     map[string]time.Time // when a task comes due; not there: never
	Queued   map[string]int       // runs, by queue; "": in none
	Reloaded bool                 // the file on the disk is the one in force, as far as was read
	Loaded   time.Time            // when the file in force was read
	Differs  bool                 // the file on the disk is another one than that in force, also if nobody has read it yet
}

// lookTime bounds the look at the ledger and the disk.
const lookTime = time.Second

// Write writes all metrics or, unless sees is nil, the series of the tasks for which it
// is true. The error is that of the state, or of w.
func (m *Metrics) Write(ctx context.Context, w io.Writer, from Source, sees func(task string) bool) error {
	state, err := from.State(ctx)
	if err != nil {
		return err
	}
	m.look(ctx, from)
	all, err := m.registry.Gather()
	if err != nil {
		return err
	}
	all = append(all, m.snapshot(state)...)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, f := range all {
		if sees != nil {
			f.Metric = slices.DeleteFunc(f.Metric, func(one *dto.Metric) bool {
				return !slices.ContainsFunc(one.Label, func(l *dto.LabelPair) bool { return l.GetName() == "task" && sees(l.GetValue()) })
			})
		}
		if len(f.Metric) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// look asks the ledger about the tasks of which it may say something new. A look that
// takes too long goes on, and nobody begins another one beside it.
func (m *Metrics) look(ctx context.Context, from Source) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	select {
	case m.looking <- struct{}{}:
	default: // somebody else looks: what they see is new enough
		cancel()
		return
	}
	done := make(chan struct{})
	go func() {
		defer cancel()
		defer close(done)
		defer func() { <-m.looking }()
		m.size.Store(from.Size())
		m.lookAt(ctx, from.Ledger)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// lookAt reads the past of the tasks that have had an end since it was read last.
func (m *Metrics) lookAt(ctx context.Context, l ledger.Reader) {
	stale := map[string]*task{}
	unknown := 0
	m.mu.Lock()
	for name, t := range m.tasks {
		if t == nil {
			t = newTask()
			m.tasks[name] = t
		}
		t.mu.Lock()
		if t.stale {
			stale[name] = t
			t.stale = false // an end that is recorded from now on makes it so again
		}
		if !t.looked {
			unknown++
		}
		t.mu.Unlock()
	}
	m.mu.Unlock()
	if unknown > 0 {
		m.lookAtNewest(ctx, l, stale)
	}
	if len(stale) == 0 {
		return
	}
	past, err := l.Past(ctx, slices.Collect(maps.Keys(stale))...)
	for name, t := range stale {
		t.mu.Lock()
		if err != nil {
			t.stale = true // for the next look
		} else {
			t.past, t.looked = past[name], true
		}
		t.mu.Unlock()
	}
}

// lookAtNewest reads the newest runs of tasks of which nothing is known yet.
func (m *Metrics) lookAtNewest(ctx context.Context, l ledger.Reader, tasks map[string]*task) {
	const few = 100
	names := slices.Collect(maps.Keys(tasks))
	if len(names) > few {
		names = nil // one question about all
	}
	newest, err := l.Newest(ctx, names...)
	if err != nil {
		return
	}
	for name, t := range tasks {
		run := newest[name]
		t.mu.Lock()
		if t.lastRun.IsZero() {
			t.lastRun = run.Started
		}
		if !t.ended && run.Outcome != "" && !run.Started.IsZero() {
			took, _ := run.Took()
			t.ended, t.lastTook, t.lastRSS = true, took, run.MaxRSS
		}
		t.mu.Unlock()
	}
}

// family describes metrics of a name. They are written without a registry: one that
// checks and sorts ten thousands of them at each scrape costs more than all else.
type family struct {
	name, help string
	kind       dto.MetricType
	labels     []string
	index      int // in families
}

// The families of a snapshot: all that has a label, and what the loop says.
var (
	families     []*family
	runs         = counter("rota_runs_total", "Runs that have ended, by outcome.", "outcome", "task")
	runSeconds   = counter("rota_run_seconds_total", "Time that attempts of runs have taken.", "task")
	runCPU       = counter("rota_run_cpu_seconds_total", "CPU time that the processes of runs have used.", "task")
	lastDuration = gauge("rota_task_last_duration_seconds", "Time that the newest ended attempt has taken.", "task")
	lastRSS      = gauge("rota_task_last_max_rss_bytes", "Memory of the largest process of the newest ended attempt; 0: no more than rota has.", "task")
	lastSuccess  = gauge("rota_task_last_success_timestamp_seconds", "When a run last ended ok.", "task")
	lastRun      = gauge("rota_task_last_run_timestamp_seconds", "When a run was last started.", "task")
	nextRun      = gauge("rota_task_next_run_timestamp_seconds", "When the task comes due next.", "task")
	expected     = gauge("rota_task_expected_success_interval_seconds", "expect_success_within of the task.", "task")
	held         = gauge("rota_task_held", "1 if the task is held.", "task")
	failures     = gauge("rota_task_failures_in_row", "Runs that failed, timed out or were lost since the last that ended ok.", "task")
	skipped      = counter("rota_slots_skipped_total", "Slots that were skipped, by reason.", "reason", "task")
	missed       = counter("rota_slots_missed_total", "Slots that were missed: too late to run.", "task")
	running      = gauge("rota_runs_running", "Runs under way.", "task")
	queued       = gauge("rota_runs_queued", "Runs that wait for a worker of a queue.", "queue")
	reloadOK     = gauge("rota_config_last_reload_successful", "1 if the file as it was last read is in force.")
	fileDiffers  = gauge("rota_config_file_differs", "1 if the file on the disk is not the one in force, for whatever reason.")
	reloadedAt   = gauge("rota_config_last_reload_success_timestamp_seconds", "When the file in force was read.")
	ledgerSize   = gauge("rota_ledger_size_bytes", "Size of the ledger on the disk.")
	notifyFailed = counter("rota_notify_failures_total", "Attempts to notify a target that failed.", "target")
)

func counter(name, help string, labels ...string) *family {
	return declare(family{name: name, help: help, kind: dto.MetricType_COUNTER, labels: labels})
}

func gauge(name, help string, labels ...string) *family {
	return declare(family{name: name, help: help, kind: dto.MetricType_GAUGE, labels: labels})
}

func declare(f family) *family {
	f.index = len(families)
	families = append(families, &f)
	return &f
}

// snapshot is being made, in the order of families.
type snapshot []*dto.MetricFamily

// add adds a metric, with values of its labels in their order.
func (s snapshot) add(f *family, v float64, labels ...string) {
	m := &dto.Metric{}
	if f.kind == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &v}
	} else {
		m.Gauge = &dto.Gauge{Value: &v}
	}
	pairs := make([]dto.LabelPair, len(labels))
	for i := range labels {
		pairs[i].Name, pairs[i].Value = &f.labels[i], &labels[i]
		m.Label = append(m.Label, &pairs[i])
	}
	s[f.index].Metric = append(s[f.index].Metric, m)
}

// snapshot returns what there is now.
func (m *Metrics) snapshot(state State) snapshot {
	s := make(snapshot, len(families))
	for i, f := range families {
		s[i] = &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &f.kind}
	}
	m.mu.RLock()
	tasks, targets := maps.Clone(m.tasks), maps.Clone(m.targets)
	m.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(tasks)) {
		s.addTask(name, tasks[name], state)
	}
	for _, queue := range slices.Sorted(maps.Keys(state.Queued)) {
		s.add(queued, float64(state.Queued[queue]), queue)
	}
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		s.add(notifyFailed, float64(targets[target].Load()), target)
	}
	s.add(reloadOK, number(state.Reloaded))
	s.add(fileDiffers, number(state.Differs))
	s.add(reloadedAt, seconds(state.Loaded))
	s.add(ledgerSize, float64(m.size.Load()))
	return s
}

func (s snapshot) addTask(name string, t *task, state State) {
	if t == nil {
		t = newTask()
	}
	t.mu.Lock()
	c := t.counts
	t.mu.Unlock()
	at := func(f *family, when time.Time) {
		if !when.IsZero() {
			s.add(f, seconds(when), name)
		}
	}
	for i, outcome := range outcomes {
		s.add(runs, float64(c.outcomes[i]), string(outcome), name)
	}
	for i, reason := range reasons {
		s.add(skipped, float64(c.skipped[i]), reason, name)
	}
	s.add(missed, float64(c.missed), name)
	s.add(runSeconds, c.seconds, name)
	s.add(runCPU, c.cpu, name)
	if c.ended {
		s.add(lastDuration, c.lastTook.Seconds(), name)
		s.add(lastRSS, float64(c.lastRSS), name)
	}
	if c.looked {
		s.add(failures, float64(c.past.Failures), name)
		at(lastSuccess, c.past.Success)
	}
	at(lastRun, c.lastRun)
	at(nextRun, state.Next[name])
	if within := time.Duration(t.expected.Load()); within > 0 {
		s.add(expected, within.Seconds(), name)
	}
	s.add(held, number(state.Held[name]), name)
	s.add(running, float64(state.Running[name]), name)
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
