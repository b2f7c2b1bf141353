package control

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Guard returns a Service that does for a caller what they may have done, and
// lets everything else be: tasks that they may not see do not exist for them,
// and things about rota as a whole need a grant over all tasks. Who acts is the
// caller.
func Guard(s api.Service, c api.Caller) api.Service { return newGuard(s, c) }

func newGuard(s api.Service, c api.Caller) *guard { return &guard{s: s, c: c} }

type guard struct {
	s api.Service
	c api.Caller

	mu      sync.Mutex
	granted []func() error // the rights that were needed, to be checked again
}

// as is ctx with the caller in it, and so with what they see.
func (g *guard) as(ctx context.Context) context.Context { return api.AsCaller(ctx, g.c) }

// all reports whether no task is hidden from the caller.
func (g *guard) all() bool { return g.c.OverAll() != "" }

// whole reports whether nothing is hidden from the caller.
func (g *guard) whole() bool {
	return g.c.Most(func(gr api.Grant) bool { return gr.Tasks == nil && gr.Run == nil }) != ""
}

// sees reports whether the caller may see a task, or the task of a run.
func (g *guard) sees(id string) bool {
	task, _ := runner.SplitID(id)
	return g.c.Over(task) != ""
}

// seesRun reports whether the caller may see a run.
func (g *guard) seesRun(r runner.Run) bool { return g.c.OverRun(r) != "" }

// may returns an error if the caller may not do something with a task, or the
// task of a run. What they may not see is not found.
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

// mayRun is may for what is done with one run. It returns the id of that run, and
// whether the caller may see it: of a task alone that is its newest.
func (g *guard) mayRun(ctx context.Context, need api.Scope, what, id string) (string, error) {
	if err := g.may(need, what, id); err != nil || g.whole() {
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

// mayEachNamed is mayEach, where names with a key are runs that the caller has to
// see, too.
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

// mayAll returns an error if the caller may not do something with rota as a
// whole.
func (g *guard) mayAll(need api.Scope, what string) error {
	return g.grant(func() error {
		if has := g.c.OverAll(); has == "" || !has.Allows(need) {
			return api.Errorf(api.Forbidden, "", "%s may not %s", g.c.Who, what)
		}
		return nil
	})
}

// grant returns an error if the caller does not have a right. It remembers the
// right first, so that one that is lost meanwhile is noticed here or by revoked.
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

// guarded calls f if err, of what the caller may do, is nil.
func guarded[T any](g *guard, err error, f func() (T, error)) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	t, err := f()
	return t, g.hide(err)
}

func (g *guard) Run(ctx context.Context, id string) (api.Run, error) {
	return guarded(g, g.may(api.MayRead, "see", id), func() (api.Run, error) {
		r, err := g.s.Run(g.as(ctx), id)
		if err != nil {
			return api.Run{}, err
		}
		if !g.seesRun(r.Run) {
			return api.Run{}, api.Errorf(api.NotFound, "", "no run %q", id)
		}
		r.Run = g.run(r.Run)
		r.Transitions = slices.Clone(r.Transitions)
		for i := range r.Transitions {
			r.Transitions[i].Why = g.text(r.Transitions[i].Why)
			r.Transitions[i].Reason = g.reason(r.Transitions[i].Reason)
		}
		return r, nil
	})
}

func (g *guard) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", id)
	return guarded(g, err, func() (io.ReadCloser, error) { return g.s.Log(g.as(ctx), id, follow) })
}

func (g *guard) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", id)
	return guarded(g, err, func() (io.ReadCloser, error) { return g.s.Result(g.as(ctx), id) })
}

// Why tells nothing of a run that the caller may not see but that there was one.
func (g *guard) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	return guarded(g, g.may(api.MayRead, "see", task), func() (api.Why, error) {
		w, err := g.s.Why(g.as(ctx), task, at)
		if err != nil || w.Run == nil {
			w.Text = g.texts(w.Text)
			return w, err
		}
		if !g.seesRun(*w.Run) {
			return api.Why{Task: w.Task, At: w.At, Reason: "another_user", Text: []string{"The run belongs to another user and is not shown."}, Next: w.Next}, nil
		}
		r := g.run(*w.Run)
		w.Run, w.Text = &r, g.texts(w.Text)
		return w, nil
	})
}

func (g *guard) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayRead, "see queues"), func() (api.Queues, error) { return g.s.Queues(g.as(ctx), patterns...) })
}

func (g *guard) Request(ctx context.Context, r api.Request, input io.Reader) (runner.Run, error) {
	err := g.may(api.MayRequest, "run", r.Task)
	if err == nil && r.Force { // whoever may release may do without
		err = g.may(api.MayOwn, "force runs of", r.Task)
	}
	return guarded(g, err, func() (runner.Run, error) {
		run, err := g.s.Request(g.as(ctx), r, input)
		if err == nil && !g.seesRun(run) { // there was one of that id
			return runner.Run{}, api.Errorf(api.Conflict, "choose another id", "%s is taken", run.ID)
		}
		return g.run(run), err
	})
}

func (g *guard) Wait(ctx context.Context, id string) (runner.Run, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", id)
	return guarded(g, err, func() (runner.Run, error) {
		r, err := g.s.Wait(g.as(ctx), id)
		if revoked := g.revoked(); revoked != nil { // meanwhile
			return runner.Run{}, revoked
		}
		return g.run(r), err
	})
}

func (g *guard) Cancel(ctx context.Context, id string) (runner.Run, error) {
	id, err := g.mayRun(ctx, api.MayRequest, "cancel", id)
	return guarded(g, err, func() (runner.Run, error) {
		r, err := g.s.Cancel(g.as(ctx), id)
		return g.run(r), err
	})
}

func (g *guard) CancelAll(ctx context.Context, task string) (int, error) {
	err := g.may(api.MayRequest, "cancel runs of", task)
	if task == "" {
		err = g.mayAll(api.MayControl, "cancel all runs")
	}
	return guarded(g, err, func() (int, error) { return g.s.CancelAll(g.as(ctx), task) })
}

func (g *guard) Stop(ctx context.Context, id string, kill bool) ([]runner.Run, error) {
	return guarded(g, g.mayEachNamed(ctx, api.MayOwn, "stop", []string{id}), func() ([]runner.Run, error) {
		runs, err := g.s.Stop(g.as(ctx), id, kill)
		return g.runs(runs), err
	})
}

func (g *guard) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	err := g.mayEach(api.MayOwn, "hold", h.Tasks)
	if h.All || len(h.Tasks) == 0 {
		err = g.mayAll(api.MayControl, "hold all tasks")
	}
	return guarded(g, err, func() ([]api.Task, error) {
		tasks, err := g.s.Hold(g.as(ctx), h)
		return g.tasks(tasks), err
	})
}

func (g *guard) Release(ctx context.Context, names ...string) (api.Released, error) {
	err := g.mayEachNamed(ctx, api.MayOwn, "release", names)
	if len(names) == 0 {
		err = g.mayAll(api.MayControl, "release all tasks")
	}
	return guarded(g, err, func() (api.Released, error) { return g.s.Release(g.as(ctx), names...) })
}

func (g *guard) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return guarded(g, g.mayEachNamed(ctx, api.MayControl, "reschedule", []string{r.Name}), func() (api.Rescheduled, error) { return g.s.Reschedule(g.as(ctx), r) })
}

func (g *guard) Skip(ctx context.Context, task string) (api.Slot, error) {
	return guarded(g, g.may(api.MayControl, "skip slots of", task), func() (api.Slot, error) { return g.s.Skip(g.as(ctx), task) })
}

func (g *guard) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayControl, "start queues"), func() (api.Queues, error) { return g.s.StartQueues(g.as(ctx), patterns...) })
}

func (g *guard) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayControl, "stop queues"), func() (api.Queues, error) { return g.s.StopQueues(g.as(ctx), patterns...) })
}

func (g *guard) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	err := g.mayEach(api.MayControl, "forget", f.IDs)
	if err == nil && f.Task != "" {
		err = g.may(api.MayControl, "forget runs of", f.Task)
	}
	if f.Task == "" && len(f.IDs) == 0 {
		err = g.mayAll(api.MayControl, "forget runs of all tasks")
	}
	return guarded(g, err, func() (int, error) { return g.s.Forget(g.as(ctx), f) })
}

func (g *guard) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	return guarded(g, g.mayAll(api.MayControl, "reload"), func() (api.Reloaded, error) { return g.s.Reload(g.as(ctx), plan) })
}

func (g *guard) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	return guarded(g, g.mayAll(api.MayControl, "drain"), func() (api.Drained, error) { return g.s.Drain(g.as(ctx), d) })
}

func (g *guard) Notify(ctx context.Context, name string) (api.Notified, error) {
	return guarded(g, g.mayAll(api.MayControl, "send notifications"), func() (api.Notified, error) { return g.s.Notify(g.as(ctx), name) })
}
