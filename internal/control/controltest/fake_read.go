package controltest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Status implements [api.Reader].
func (f *Fake) Status(ctx context.Context) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.Status{Daemon: true, Version: "fake", Config: "/etc/rota/jobs.toml", StateDir: "/var/lib/rota", Timezone: "UTC", Tasks: len(f.tasks)}, nil
}

// Tasks implements [api.Reader].
func (f *Fake) Tasks(ctx context.Context, names ...string) (list []api.Task, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(f.tasks))
	}
	for _, name := range names {
		found, err := f.task(name)
		if err != nil {
			return nil, err
		}
		t := *found
		for _, r := range f.runs {
			switch {
			case r.Task != name:
			case r.State == runner.Recurring:
				t.Recurring = append(t.Recurring, r.Run)
			case r.State == runner.Running:
				t.Running = append(t.Running, r.ID)
			case r.State != "":
				t.Waiting = append(t.Waiting, r.ID)
			}
		}
		list = append(list, t)
	}
	return list, nil
}

// Health implements [api.Service]: all tasks are healthy but those whose newest run was
// stopped. Their tags are their names.
func (f *Fake) Health(ctx context.Context, q api.HealthQuery) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range append(slices.Clone(q.Tags), q.Task) {
		if _, err := f.task(name); err != nil && name != "" {
			return err
		}
	}
	for _, r := range slices.Backward(f.runs) {
		if r.Task == q.Task || q.Task == "" && api.SeesTask(ctx, r.Task) && (len(q.Tags) == 0 || slices.Contains(q.Tags, r.Task)) {
			if r.Outcome == runner.Cancelled && !r.Started.IsZero() {
				return api.Errorf(api.NotNow, "", "task %s was stopped", r.Task)
			}
			return nil
		}
	}
	return nil
}

// Metrics implements [api.Service].
func (f *Fake) Metrics(ctx context.Context) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f.tasks)) {
		if api.SeesTask(ctx, name) {
			fmt.Fprintf(&b, "rota_task_held{task=%q} 0\n", name)
		}
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

// Next implements [api.Reader].
func (f *Fake) Next(ctx context.Context, q api.NextQuery) (slots []api.Slot, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range q.Tasks {
		if _, err := f.task(name); err != nil {
			return nil, err
		}
	}
	for i := range cmp.Or(q.N, 1) {
		for _, name := range slices.Sorted(maps.Keys(f.tasks)) {
			t := f.tasks[name]
			at := t.Next.AddDate(i, 0, 0)
			if !t.Next.IsZero() && (len(q.Tasks) == 0 || slices.Contains(q.Tasks, name)) && (q.Until.IsZero() || !at.After(q.Until)) {
				slots = append(slots, api.Slot{Task: name, At: at})
			}
		}
	}
	return slots, nil
}

// Events implements [api.Reader].
func (f *Fake) Events(ctx context.Context, q api.EventQuery) (events []api.Event, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range slices.Backward(f.events) {
		if (q.Task == "" || e.Task == "" || e.Task == q.Task) && !e.Time.Before(q.Since) && len(events) < cmp.Or(q.N, 100) {
			events = append(events, e)
		}
	}
	return events, nil
}

// Runs implements [api.Reader].
func (f *Fake) Runs(ctx context.Context, q api.RunQuery) (runs []api.Run, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q.Task != "" {
		if _, err := f.task(q.Task); err != nil {
			return nil, err
		}
	}
	for _, r := range slices.Backward(f.runs) {
		every := len(q.States) == 0 && len(q.Outcomes) == 0
		if (every || slices.Contains(q.States, r.State) || slices.Contains(q.Outcomes, r.Outcome)) && (q.Task == "" || q.Task == r.Task) && len(runs) < cmp.Or(q.N, 100) {
			runs = append(runs, r.Run)
		}
	}
	return runs, nil
}

// Run implements [api.Reader].
func (f *Fake) Run(ctx context.Context, id string) (api.RunDetails, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.run(id)
	if err != nil {
		return api.RunDetails{}, err
	}
	return r.RunDetails, nil
}

// Wait implements [api.Service].
func (f *Fake) Wait(ctx context.Context, id string) (api.Run, error) {
	if f.Waits != nil {
		f.Waits <- struct{}{}
	}
	return f.wait(ctx, id)
}

// wait returns a run when it has ended.
func (f *Fake) wait(ctx context.Context, id string) (api.Run, error) {
	for {
		f.mu.Lock()
		r, err := f.run(id)
		if err != nil {
			f.mu.Unlock()
			return api.Run{}, err
		}
		run, changed := r.Run, f.changed
		f.mu.Unlock()
		if run.Outcome != "" {
			return run, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return api.Run{}, ctx.Err()
		}
	}
}

// Log implements [api.Reader].
func (f *Fake) Log(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	f.mu.Lock()
	r, err := f.run(q.Run)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	id, text := r.ID, r.input
	f.mu.Unlock()
	if !q.Follow {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	from, to := io.Pipe()
	go func() {
		io.WriteString(to, text)
		_, err := f.wait(ctx, id)
		to.CloseWithError(err)
	}()
	return from, nil
}

// Result implements [api.Reader].
func (f *Fake) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.run(id)
	switch {
	case err != nil:
		return nil, err
	case r.Outcome == "":
		return nil, api.Errorf(api.NotNow, "", "%s has not ended", r.ID)
	case r.Result == 0:
		return nil, api.Errorf(api.NotFound, "", "%s has no result", r.ID)
	}
	return io.NopCloser(strings.NewReader(r.input)), nil
}

// Why implements [api.Reader].
func (f *Fake) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.task(task)
	if err != nil {
		return api.Why{}, err
	}
	return api.Why{Task: task, At: at, Reason: "not_due", Text: []string{"it was not due"}, Next: t.Next}, nil
}

// Queues implements [api.Reader].
func (f *Fake) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queues(patterns), nil
}

// queues returns those that are named; mu is held.
func (f *Fake) queues(patterns []string) (q api.Queues) {
	for _, name := range []string{"main", "side"} {
		if len(patterns) == 0 || slices.Contains(patterns, name) || slices.Contains(patterns, "*") {
			state := "started"
			if f.stopped[name] {
				state = "stopped"
			}
			q.Queues = append(q.Queues, api.Queue{Queue: name, State: state, Workers: 1, Capacity: 1000})
		}
	}
	for _, p := range patterns {
		if p != "*" && p != "main" && p != "side" {
			q.Warnings = append(q.Warnings, "no queue matches "+p)
		}
	}
	return q
}
