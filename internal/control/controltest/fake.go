package controltest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Fake is a rota in memory that keeps to the contract of a Service and does
// nothing: a run ends as soon as it may start, with its input as output and
// result, but one of a task named sleep, which runs until it is stopped. Its
// clock moves by a second with each look at it.
type Fake struct {
	api.Hub
	Users map[string]string // of tasks, with whose rights runs are made; set before the first
	Waits chan struct{}     // told of each Wait that begins; nil: nobody is

	mu      sync.Mutex
	now     time.Time
	tasks   map[string]*api.Task
	events  []api.Event
	runs    []*fakeRun // the oldest first
	stopped map[string]bool
	changed chan struct{} // closed at each change
}

type fakeRun struct {
	api.RunDetails
	asked string // the request, to compare
	input string
}

// NewFake returns a rota with the tasks of [File], and those named.
func NewFake(tasks ...string) *Fake {
	f := &Fake{
		now:     time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		tasks:   map[string]*api.Task{},
		stopped: map[string]bool{},
		changed: make(chan struct{}),
	}
	for _, name := range append(tasks, "echo", "sleep", "yearly") {
		f.tasks[name] = &api.Task{Task: name, State: "new", Enabled: true, Mode: runner.Threaded, Action: "command", Does: name}
	}
	f.tasks["echo"].Params = map[string]string{"word": ""}
	f.tasks["yearly"].Next = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	return f
}

// tick returns the time; mu is held.
func (f *Fake) tick() time.Time {
	f.now = f.now.Add(time.Second)
	return f.now
}

// task finds a task; mu is held.
func (f *Fake) task(name string) (*api.Task, error) {
	t := f.tasks[name]
	if t == nil {
		return nil, api.Errorf(api.NotFound, "there are "+strings.Join(slices.Sorted(maps.Keys(f.tasks)), ", "), "no task %q", name)
	}
	return t, nil
}

// run finds a run; mu is held.
func (f *Fake) run(id string) (*fakeRun, error) {
	task, key := runner.SplitID(id)
	if _, err := f.task(task); err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(f.runs) {
		if r.ID == id || key == "" && r.Task == task {
			return r, nil
		}
	}
	return nil, api.Errorf(api.NotFound, "", "no run %q", id)
}

// step moves a run on, and tells; mu is held.
func (f *Fake) step(r *fakeRun, state runner.State, outcome runner.Outcome, why string) {
	now := f.tick()
	r.State, r.Outcome, r.Why = state, outcome, why
	r.Transitions = append(slices.Clone(r.Transitions), api.Transition{Time: now, State: state, Outcome: outcome, Why: why})
	switch {
	case state == runner.Queued:
		r.Queued = now
	case state == runner.Running:
		r.Started, r.Attempts = now, 1
	case outcome != "":
		r.Finished = now
	}
	close(f.changed)
	f.changed = make(chan struct{})
	told := r.Run
	f.Publish(api.Message{Run: &told})
}

// start lets a run begin and, unless it sleeps, end; mu is held.
func (f *Fake) start(r *fakeRun) {
	f.step(r, runner.Queued, "", "")
	f.step(r, runner.Running, "", "")
	r.Outputs = true
	for text := range strings.Lines(r.input) {
		f.Publish(api.Message{Log: &api.LogLine{Time: f.now, Run: r.ID, Line: strings.TrimSuffix(text, "\n")}})
	}
	if r.Task != "sleep" {
		r.Result = int64(len(r.input))
		f.step(r, "", runner.OK, "")
	}
}

// Request implements [api.Service].
func (f *Fake) Request(ctx context.Context, q api.Request, input io.Reader) (api.Run, error) {
	var text []byte
	if input != nil {
		var err error
		if text, err = io.ReadAll(io.LimitReader(input, 1<<20+1)); err != nil {
			return api.Run{}, api.Errorf(api.Failed, "", "the input: %v", err)
		}
		if len(text) > 1<<20 {
			return api.Run{}, api.Errorf(api.Usage, "", "the input is larger than 1 MiB")
		}
	}
	if err := q.Check(); err != nil {
		return api.Run{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.task(q.Task)
	if err != nil {
		return api.Run{}, err
	}
	for name := range q.Params {
		if _, ok := t.Params[name]; !ok {
			return api.Run{}, api.Errorf(api.Usage, "", "task %q has no parameter %q", q.Task, name)
		}
	}
	q.Key = cmp.Or(q.Key, fmt.Sprintf("run%d", len(f.runs)))
	asked := fmt.Sprintf("%+v %s", q, text)
	if old, err := f.run(q.Task + "/" + q.Key); err == nil {
		if old.asked == asked {
			return old.Run, nil
		}
		return api.Run{}, api.Errorf(api.Conflict, "", "%s is there already", old.ID)
	}
	if t.Hold != nil && !q.Force {
		return api.Run{}, api.Errorf(api.Conflict, "", "%s is held by %s", q.Task, t.Hold.By)
	}
	r := &fakeRun{asked: asked, input: string(text)}
	r.Run = api.Run{ID: q.Task + "/" + q.Key, Task: q.Task, Cause: runner.CauseManual, Params: q.Params, Who: api.Who(ctx), User: f.Users[q.Task], Force: q.Force, On: q.On}
	f.runs = append(f.runs, r)
	switch {
	case q.Held:
		f.step(r, runner.Held, "", "")
	case q.On != "":
		f.step(r, runner.Recurring, "", "")
	case q.In != 0 || !q.At.IsZero():
		f.step(r, runner.Delayed, "", "")
	default:
		f.start(r)
	}
	return r.Run, nil
}

// Cancel implements [api.Service].
func (f *Fake) Cancel(ctx context.Context, id string) (api.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.run(id)
	if err != nil {
		return api.Run{}, err
	}
	if r.Outcome != "" || r.State == runner.Running {
		return api.Run{}, api.Errorf(api.Conflict, "", "%s does not wait", r.ID)
	}
	f.step(r, "", runner.Cancelled, "by "+api.Who(ctx))
	return r.Run, nil
}

// CancelAll implements [api.Service].
func (f *Fake) CancelAll(ctx context.Context, task string) (cancelled []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		if (task == "" || r.Task == task) && r.Outcome == "" && r.State != runner.Running && r.State != runner.Recurring {
			f.step(r, "", runner.Cancelled, "by "+api.Who(ctx))
			cancelled = append(cancelled, r.ID)
		}
	}
	return cancelled, nil
}

// Stop implements [api.Service].
func (f *Fake) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, key := runner.SplitID(id)
	if _, err := f.run(id); err != nil {
		return nil, err
	}
	var done []api.Run
	for _, r := range f.runs {
		if (r.ID == id || key == "" && r.Task == id) && r.State == runner.Running {
			f.step(r, "", runner.Cancelled, "stopped by "+api.Who(ctx))
			done = append(done, r.Run)
		}
	}
	if done == nil {
		return nil, api.Errorf(api.Conflict, "", "%s does not run", id)
	}
	return done, nil
}

// Hold implements [api.Service].
func (f *Fake) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.All {
		h.Tasks = slices.Sorted(maps.Keys(f.tasks))
	}
	for _, name := range h.Tasks {
		if _, err := f.task(name); err != nil {
			return nil, err
		}
	}
	var held []api.Task
	for _, name := range h.Tasks {
		t := f.tasks[name]
		t.Hold = &api.Hold{By: api.Who(ctx), Why: h.Why, Since: f.tick()}
		if h.For > 0 {
			t.Hold.Until = f.now.Add(h.For)
		}
		held = append(held, *t)
		f.events = append(f.events, api.Event{Time: f.now, Kind: "hold", Task: name, Who: api.Who(ctx), Text: h.Why})
	}
	return held, nil
}

// Release implements [api.Service].
func (f *Fake) Release(ctx context.Context, names ...string) (done api.Released, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := len(names) == 0
	if all {
		names = slices.Sorted(maps.Keys(f.tasks))
	}
	for _, name := range names {
		if _, key := runner.SplitID(name); key == "" {
			if _, err := f.task(name); err != nil {
				return done, err
			}
		}
	}
	var failed api.Failures
	for _, name := range names {
		if _, key := runner.SplitID(name); key == "" {
			switch t := f.tasks[name]; {
			case t.Hold != nil:
				t.Hold = nil
				done.Tasks = append(done.Tasks, name)
			case !all:
				failed.Add(name, api.Errorf(api.Conflict, "", "task %q is not held", name))
			}
			continue
		}
		switch r, err := f.run(name); {
		case err != nil:
			failed.Add(name, err)
		case r.State != runner.Held:
			failed.Add(name, api.Errorf(api.Conflict, "", "%s is not held", name))
		default:
			f.start(r)
			done.Runs = append(done.Runs, r.ID)
		}
	}
	return done, failed.Err(len(names))
}

// Reschedule implements [api.Service].
func (f *Fake) Reschedule(ctx context.Context, q api.Rescheduling) (api.Rescheduled, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, key := runner.SplitID(q.Name); key != "" {
		r, err := f.run(q.Name)
		if err != nil {
			return api.Rescheduled{}, err
		}
		r.On = q.Expr
		return api.Rescheduled{Name: q.Name, Expr: q.Expr}, nil
	}
	t, err := f.task(q.Name)
	switch {
	case err != nil:
		return api.Rescheduled{}, err
	case q.Expr == "default":
		t.On = nil
	case q.Expr == "never" || strings.HasPrefix(q.Expr, "interval "):
		t.On = &api.On{Expr: q.Expr, By: api.Who(ctx), Since: f.tick(), Until: q.Until}
	default:
		return api.Rescheduled{}, api.Errorf(api.Usage, "", "%q is no trigger", q.Expr)
	}
	return api.Rescheduled{Name: q.Name, Expr: q.Expr, Until: q.Until}, nil
}

// Skip implements [api.Service].
func (f *Fake) Skip(ctx context.Context, task string) (api.Slot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.task(task)
	if err != nil {
		return api.Slot{}, err
	}
	if t.Next.IsZero() {
		return api.Slot{}, api.Errorf(api.Conflict, "", "%s has no slot to come", task)
	}
	at := t.Next.AddDate(len(t.Skip), 0, 0)
	t.Skip = append(slices.Clone(t.Skip), at)
	return api.Slot{Task: task, At: at, Note: "skipped"}, nil
}

// StartQueues implements [api.Service].
func (f *Fake) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return f.setQueues(false, patterns)
}

// StopQueues implements [api.Service].
func (f *Fake) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return f.setQueues(true, patterns)
}

func (f *Fake) setQueues(stopped bool, patterns []string) (api.Queues, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.queues(patterns)
	for i := range q.Queues {
		f.stopped[q.Queues[i].Queue] = stopped
	}
	return f.queues(patterns), nil
}

// Forget implements [api.Service].
func (f *Fake) Forget(ctx context.Context, q api.Forgetting) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.runs)
	f.runs = slices.DeleteFunc(f.runs, func(r *fakeRun) bool {
		return r.Outcome != "" && (len(q.IDs) == 0 || slices.Contains(q.IDs, r.ID)) && (q.Task == "" || q.Task == r.Task) &&
			(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, r.Outcome))
	})
	return before - len(f.runs), nil
}

// Reload implements [api.Service].
func (f *Fake) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Publish(api.Message{Event: &api.Event{Time: f.tick(), Kind: "reload", Who: api.Who(ctx)}})
	return api.Reloaded{Same: len(f.tasks), Text: "nothing changed", Plan: plan}, nil
}

// Drain implements [api.Service].
func (f *Fake) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	return api.Drained{}, nil
}

// EndDrain implements [api.Service].
func (f *Fake) EndDrain(ctx context.Context) (api.Drained, error) {
	return api.Drained{}, nil
}

// Notify implements [api.Service].
func (f *Fake) Notify(ctx context.Context, name string) (api.Notified, error) {
	return api.Notified{}, api.Errorf(api.NotFound, "", "no notification target %q", name)
}

// Watch implements [api.Service].
func (f *Fake) Watch(ctx context.Context) (<-chan api.Message, error) {
	return f.Hub.Watch(ctx), nil
}
