package control

import (
	"context"
	"slices"
	"sync"

	"rota/internal/api"
	"rota/runner"
)

// Guard returns a Service limited to the rights of a caller. Tasks that the caller may
// not see do not exist for the caller. Calls about rota as a whole need a grant over all
// tasks. The calls of s are made in the name of the caller.
func Guard(s api.Service, c api.Caller) api.Service { return newGuard(s, c) }

func newGuard(s api.Service, c api.Caller) *guard { return &guard{s: s, c: c} }

type guard struct {
	s api.Service
	c api.Caller

	mu      sync.Mutex
	granted []func() error // the rights that the request needed, to check them again
}

// as returns ctx with the caller, whose visible tasks the Service looks up there.
func (g *guard) as(ctx context.Context) context.Context { return api.AsCaller(ctx, g.c) }

// all reports whether no task is hidden from the caller.
func (g *guard) all() bool { return g.c.OverAll() != "" }

// allRuns reports whether no run is hidden from the caller.
func (g *guard) allRuns() bool {
	return g.c.Most(func(gr api.Grant) bool { return gr.Tasks == nil && gr.Run == nil }) != ""
}

// sees reports whether the caller may see a task, or the task of a run.
func (g *guard) sees(id string) bool {
	task, _ := runner.SplitID(id)
	return g.c.Over(task) != ""
}

// seesRun reports whether the caller may see a run.
func (g *guard) seesRun(r api.Run) bool { return g.c.OverRun(r) != "" }

// may returns an error if the caller lacks the right need on a task, or on the task of a
// run. A task that the caller may not see is not found.
func (g *guard) may(need api.Scope, what, id string) error {
	task, key := runner.SplitID(id)
	return g.grant(func() error {
		switch has := g.c.Over(task); {
		case has == "" && key != "":
			return api.Errorf(api.NotFound, "", "no run %q", id)
		case has == "":
			return api.Errorf(api.NotFound, "", "no task %q", task)
		case !has.Allows(need):
			return api.Errorf(api.Forbidden, "", "%s may not %s %s", g.c.Who, what, id)
		}
		return nil
	})
}

// mayRun is may for one run, which the caller must be able to see. The id may be the
// name of a task, for its newest run. mayRun returns the id of the run.
func (g *guard) mayRun(ctx context.Context, need api.Scope, what, id string) (string, error) {
	if err := g.may(need, what, id); err != nil || g.allRuns() {
		return id, err
	}
	r, err := g.s.Run(g.as(ctx), id)
	if err != nil {
		return id, g.hide(err)
	}
	switch has := g.c.OverRun(r.Run); {
	case has == "":
		return id, api.Errorf(api.NotFound, "", "no run %q", id)
	case !has.Allows(need):
		return id, api.Errorf(api.Forbidden, "", "%s may not %s %s", g.c.Who, what, id)
	}
	return r.ID, nil
}

func (g *guard) mayEach(need api.Scope, what string, ids []string) error {
	for _, id := range ids {
		if err := g.may(need, what, id); err != nil {
			return err
		}
	}
	return nil
}

// mayEachNamed is mayEach for names of tasks and ids of runs. The caller must also be
// able to see the runs.
func (g *guard) mayEachNamed(ctx context.Context, need api.Scope, what string, names []string) error {
	for _, name := range names {
		err := error(nil)
		if _, key := runner.SplitID(name); key == "" {
			err = g.may(need, what, name)
		} else {
			_, err = g.mayRun(ctx, need, what, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayAll returns an error if the caller lacks the right need on rota as a whole.
func (g *guard) mayAll(need api.Scope, what string) error {
	return g.grant(func() error {
		if has := g.c.OverAll(); has == "" || !has.Allows(need) {
			return api.Errorf(api.Forbidden, "", "%s may not %s", g.c.Who, what)
		}
		return nil
	})
}

// grant returns an error if the caller lacks a right. It records the right first, so
// that a loss of it is noticed either here or by revoked.
func (g *guard) grant(right func() error) error {
	g.mu.Lock()
	g.granted = append(g.granted, right)
	g.mu.Unlock()
	return right()
}

// revoked returns an error if the caller no longer has every right that the request
// needs.
func (g *guard) revoked() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, right := range g.granted {
		if err := right(); err != nil {
			return err
		}
	}
	return nil
}

// guarded calls f unless the check of rights failed with err.
func guarded[T any](g *guard, err error, f func() (T, error)) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	t, err := f()
	return t, g.hide(err)
}

// tasks returns the tasks that the caller may see, with hidden names removed. It does not
// change the list, which other callers may share.
func (g *guard) tasks(all []api.Task) []api.Task {
	if g.all() && g.allRuns() {
		return all
	}
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
		t.Recurring = g.runs(t.Recurring)
		if g.all() {
			continue
		}
		if t.Hold != nil {
			hold := *t.Hold
			hold.By, hold.Why = g.text(hold.By), g.text(hold.Why)
			t.Hold = &hold
		}
		if t.Planned != nil {
			hold := *t.Planned
			hold.By, hold.Why = g.text(hold.By), g.text(hold.Why)
			t.Planned = &hold
		}
		if t.On != nil {
			on := *t.On
			on.By = g.text(on.By)
			t.On = &on
		}
		hidden := g.hiddenOf(t.After)
		t.After = slices.Clone(t.After)
		for k := range t.After {
			if !g.sees(t.After[k].Task) {
				t.After[k].Task = "another task"
			}
		}
		t.Schedule = hidden.in(t.Schedule)
		t.RunsLeft = slices.Clone(t.RunsLeft)
		for k := range t.RunsLeft {
			t.RunsLeft[k].Trigger = g.text(t.RunsLeft[k].Trigger)
		}
		t.Settings = slices.Clone(t.Settings)
		for k := range t.Settings {
			t.Settings[k].Value = hidden.in(g.text(t.Settings[k].Value))
		}
	}
	return all
}

// runs returns the runs that the caller may see, with hidden names removed.
func (g *guard) runs(all []api.Run) []api.Run {
	if g.all() && g.allRuns() {
		return all
	}
	all = slices.Clone(all)
	if !g.allRuns() {
		all = slices.DeleteFunc(all, func(r api.Run) bool { return !g.seesRun(r) })
	}
	for i, r := range all {
		all[i] = g.run(r)
	}
	return all
}
