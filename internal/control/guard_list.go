package control

import (
	"context"
	"slices"

	"rota/internal/api"
	"rota/runner"
)

func (g *guard) Status(ctx context.Context) (api.Status, error) {
	if g.all() {
		return g.s.Status(g.as(ctx))
	}
	return g.part(ctx)
}

// part is what the status of a rota is to those who see some tasks of it: that
// it is there, and how these are.
func (g *guard) part(ctx context.Context) (api.Status, error) {
	whole, err := g.s.Status(g.as(ctx))
	if err != nil {
		return api.Status{}, g.hide(err)
	}
	tasks, err := g.Tasks(ctx)
	if err != nil {
		return api.Status{}, err
	}
	next, err := g.Next(ctx, api.NextQuery{N: 1})
	if err != nil {
		return api.Status{}, err
	}
	s := api.Status{Daemon: whole.Daemon, Version: whole.Version, Started: whole.Started, Timezone: whole.Timezone, Draining: whole.Draining, Tasks: len(tasks)}
	for _, t := range tasks {
		if t.Hold != nil {
			s.Held++
		}
		s.Running += len(t.Running)
		s.Waiting += len(t.Waiting)
	}
	if len(next) > 0 {
		s.Next = &next[0]
	}
	return s, nil
}

func (g *guard) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	if err := g.mayEach(api.MayRead, "see", names); err != nil {
		return nil, err
	}
	tasks, err := g.s.Tasks(g.as(ctx), names...)
	return g.tasks(tasks), g.hide(err)
}

// tasks are those that the caller may see, as they may see them. The list itself
// may be others', too.
func (g *guard) tasks(all []api.Task) []api.Task {
	all = slices.Clone(all)
	if !g.all() {
		all = slices.DeleteFunc(all, func(t api.Task) bool { return !g.sees(t.Task) })
	}
	for i := range all {
		t := &all[i]
		if t.Last != nil {
			last := *t.Last
			if t.Last = nil; g.seesRun(last) {
				last = g.run(last)
				t.Last = &last
			}
		}
		t.Standing = g.runs(t.Standing)
		if g.all() {
			continue
		}
		if t.Hold != nil {
			hold := *t.Hold
			hold.By, hold.Why = g.text(hold.By), g.text(hold.Why)
			t.Hold = &hold
		}
		if t.On != nil {
			on := *t.On
			on.By = g.text(on.By)
			t.On = &on
		}
		t.Settings = slices.Clone(t.Settings)
		for k := range t.Settings {
			t.Settings[k].Value = g.text(t.Settings[k].Value)
		}
	}
	return all
}

func (g *guard) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	if err := g.mayEach(api.MayRead, "see", q.Tasks); err != nil {
		return nil, err
	}
	slots, err := g.s.Next(g.as(ctx), q)
	if !g.all() {
		slots = slices.DeleteFunc(slots, func(s api.Slot) bool { return !g.sees(s.Task) })
	}
	return slots, g.hide(err)
}

// Runs asks for more until as many as wanted may be seen, or as many are asked
// for as are told at once.
func (g *guard) Runs(ctx context.Context, q api.RunQuery) ([]runner.Run, error) {
	if q.Task != "" {
		if err := g.may(api.MayRead, "see", q.Task); err != nil {
			return nil, err
		}
	}
	want := q.N
	if want <= 0 {
		want = 100
	}
	for q.N = want; ; q.N = min(4*q.N, maxRuns) {
		all, err := g.s.Runs(g.as(ctx), q)
		if err != nil {
			return nil, g.hide(err)
		}
		whole := len(all) < q.N
		seen := g.runs(all)
		if whole || len(seen) >= want || q.N >= maxRuns {
			return seen[:min(len(seen), want)], nil
		}
	}
}

// runs are those that the caller may see, as they may see them.
func (g *guard) runs(all []runner.Run) []runner.Run {
	all = slices.Clone(all)
	if !g.whole() {
		all = slices.DeleteFunc(all, func(r runner.Run) bool { return !g.seesRun(r) })
	}
	for i, r := range all {
		all[i] = g.run(r)
	}
	return all
}

// Watch leaves out what happens to tasks that the caller may not see, and to
// rota as a whole if they may not see that.
func (g *guard) Watch(ctx context.Context) (<-chan api.Message, error) {
	in, err := g.s.Watch(g.as(ctx))
	if err != nil {
		return in, g.hide(err)
	}
	out := make(chan api.Message)
	go func() {
		defer close(out)
		for m := range in {
			if m, ok := g.message(m); ok {
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// message is m as the caller may see it, if they may.
func (g *guard) message(m api.Message) (api.Message, bool) {
	switch {
	case m.Run != nil:
		r := g.run(*m.Run)
		return api.Message{Run: &r}, g.seesRun(*m.Run)
	case m.Log != nil:
		task, _ := runner.SplitID(m.Log.Run)
		return m, g.seesRun(runner.Run{ID: m.Log.Run, Task: task, User: m.Log.User})
	case m.Event != nil && g.all():
		return m, true
	case m.Event != nil:
		e := *m.Event
		e.Who, e.Text = g.text(e.Who), g.text(e.Text)
		return api.Message{Event: &e}, e.Task != "" && g.sees(e.Task)
	}
	return m, false
}
