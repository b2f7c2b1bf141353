package control

import (
	"context"
	"slices"

	"rota/runner"
)

func (g *guard) Status(ctx context.Context) (Status, error) {
	if g.all() {
		return g.s.Status(g.as(ctx))
	}
	return g.part(ctx)
}

// part is what the status of a rota is to those who see some tasks of it: that
// it is there, and how these are.
func (g *guard) part(ctx context.Context) (Status, error) {
	whole, err := g.s.Status(g.as(ctx))
	if err != nil {
		return Status{}, err
	}
	tasks, err := g.Tasks(ctx)
	if err != nil {
		return Status{}, err
	}
	next, err := g.Next(ctx, NextQuery{N: 1})
	if err != nil {
		return Status{}, err
	}
	s := Status{Daemon: whole.Daemon, Version: whole.Version, Started: whole.Started, Timezone: whole.Timezone, Draining: whole.Draining, Tasks: len(tasks)}
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

func (g *guard) Tasks(ctx context.Context, names ...string) ([]Task, error) {
	if err := g.mayEach(MayRead, "see", names); err != nil {
		return nil, err
	}
	tasks, err := g.s.Tasks(g.as(ctx), names...)
	return g.tasks(tasks), g.hide(err)
}

// tasks are those that the caller may see. The list itself may be others', too.
func (g *guard) tasks(all []Task) []Task {
	if g.all() {
		return all
	}
	all = slices.DeleteFunc(slices.Clone(all), func(t Task) bool { return !g.sees(t.Task) })
	for i := range all {
		if last := all[i].Last; last != nil {
			shown := g.run(*last)
			all[i].Last = &shown
		}
	}
	return all
}

func (g *guard) Next(ctx context.Context, q NextQuery) ([]Slot, error) {
	if err := g.mayEach(MayRead, "see", q.Tasks); err != nil {
		return nil, err
	}
	slots, err := g.s.Next(g.as(ctx), q)
	if !g.all() {
		slots = slices.DeleteFunc(slots, func(s Slot) bool { return !g.sees(s.Task) })
	}
	return slots, g.hide(err)
}

// Runs asks for more until as many as wanted may be seen, or as many are asked
// for as are told at once.
func (g *guard) Runs(ctx context.Context, q RunQuery) ([]runner.Run, error) {
	if q.Task != "" {
		return guarded(g, g.may(MayRead, "see", q.Task), func() ([]runner.Run, error) {
			runs, err := g.s.Runs(g.as(ctx), q)
			return g.runs(runs), err
		})
	}
	if g.all() {
		return g.s.Runs(g.as(ctx), q)
	}
	want := q.N
	if want <= 0 {
		want = 100
	}
	for q.N = want; ; q.N = min(4*q.N, maxRuns) {
		all, err := g.s.Runs(g.as(ctx), q)
		if err != nil {
			return nil, err
		}
		whole := len(all) < q.N
		seen := g.runs(all)
		if whole || len(seen) >= want || q.N >= maxRuns {
			return seen[:min(len(seen), want)], nil
		}
	}
}

// runs are those that the caller may see.
func (g *guard) runs(all []runner.Run) []runner.Run {
	if g.all() {
		return all
	}
	all = slices.DeleteFunc(all, func(r runner.Run) bool { return !g.sees(r.Task) })
	for i, r := range all {
		all[i] = g.run(r)
	}
	return all
}

// Watch leaves out what happens to tasks that the caller may not see, and to
// rota as a whole if they may not see that.
func (g *guard) Watch(ctx context.Context) (<-chan Message, error) {
	in, err := g.s.Watch(g.as(ctx))
	if err != nil || g.all() {
		return in, err
	}
	out := make(chan Message)
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
func (g *guard) message(m Message) (Message, bool) {
	switch {
	case m.Run != nil:
		r := g.run(*m.Run)
		return Message{Run: &r}, g.sees(r.Task)
	case m.Log != nil:
		return m, g.sees(m.Log.Run)
	case m.Event != nil:
		return m, m.Event.Task != "" && g.sees(m.Event.Task)
	}
	return m, false
}
