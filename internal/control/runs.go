package control

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// runRef names a run, or a task for its newest run.
type runRef struct {
	Run string `path:"run"`
}

// runsAnswer is an answer with runs.
type runsAnswer struct {
	Runs []api.Run `json:"runs"`
}

func (a runsAnswer) writable() any { return runsAnswer{writable(a.Runs)} }

// maxRuns is how many runs one answer may have.
const maxRuns = 100_000

// runsQuery is [api.RunQuery] in an address.
type runsQuery struct {
	Task      string           `query:"task"`
	States    []runner.State   `query:"state"`
	Outcomes  []runner.Outcome `query:"outcome"`
	Since     time.Time        `query:"since"`
	N         int              `query:"n"`
	Summaries bool             `query:"summaries"`
	Tasks     []string         `query:"tasks"`
	Each      int              `query:"each"`
	Active    time.Time        `query:"active"`
}

var getRuns = endpoint(Endpoint[runsQuery, runsAnswer]{
	Method: "GET", Path: "/v1/runs",
	Large: func(q runsQuery) bool { return q.N > largeRows || len(q.Tasks) > 0 },
	Call: func(ctx context.Context, s api.Service, q runsQuery) (runsAnswer, error) {
		if err := cmp.Or(atMost("n", q.N, maxRuns), atMost("the number of tasks", len(q.Tasks), api.MostTasks)); err != nil {
			return runsAnswer{}, err
		}
		if (q.Each > 0 || !q.Active.IsZero()) && len(q.Tasks) == 0 {
			return runsAnswer{}, api.Errorf(api.Usage, "name them", "each and active are for some tasks")
		}
		runs, err := s.Runs(ctx, api.RunQuery(q))
		return runsAnswer{nonNil(runs)}, err
	},
})

func (c *Client) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	a, err := ask(ctx, c, getRuns, runsQuery(q))
	return a.Runs, err
}

// Runs asks for more runs until q.N are visible or the limit of one answer is reached.
func (g *guard) Runs(ctx context.Context, q api.RunQuery) ([]api.Run, error) {
	if q.Task != "" {
		if err := g.may(api.MayRead, "see", q.Task); err != nil {
			return nil, err
		}
	}
	if len(q.Tasks) > 0 { // the limit applies to each task, so hidden runs take no places of others
		return guarded(g, g.mayEach(api.MayRead, "see", q.Tasks), func() ([]api.Run, error) {
			runs, err := g.s.Runs(g.as(ctx), q)
			return g.runs(runs), err
		})
	}
	runs, err := untilVisible(q.N, func(n int) ([]api.Run, error) {
		q.N = n
		return g.s.Runs(g.as(ctx), q)
	}, g.runs)
	return runs, g.hide(err)
}

// untilVisible calls ask for the newest n rows, with growing n, until want of them are visible
// or n reaches the limit of one answer. see returns the visible ones. With want 0 it is
// 100.
func untilVisible[T any](want int, ask func(n int) ([]T, error), see func([]T) []T) ([]T, error) {
	if want <= 0 {
		want = 100
	}
	for n := want; ; n = min(4*n, maxRuns) {
		all, err := ask(n)
		if err != nil {
			return nil, err
		}
		whole := len(all) < n
		seen := see(all)
		if whole || len(seen) >= want || n >= maxRuns {
			return seen[:min(len(seen), want)], nil
		}
	}
}

var getRun = endpoint(Endpoint[runRef, api.RunDetails]{
	Method: "GET", Path: "/v1/{run}",
	Call: func(ctx context.Context, s api.Service, in runRef) (api.RunDetails, error) {
		r, err := s.Run(ctx, in.Run)
		r.Transitions = nonNil(r.Transitions)
		return r, err
	},
})

func (c *Client) Run(ctx context.Context, id string) (api.RunDetails, error) {
	return ask(ctx, c, getRun, runRef{id})
}

func (g *guard) Run(ctx context.Context, id string) (api.RunDetails, error) {
	return guarded(g, g.may(api.MayRead, "see", id), func() (api.RunDetails, error) {
		r, err := g.s.Run(g.as(ctx), id)
		if err != nil {
			return api.RunDetails{}, err
		}
		if !g.seesRun(r.Run) {
			return api.RunDetails{}, api.Errorf(api.NotFound, "", "no run %q", id)
		}
		r.Run = g.run(r.Run)
		r.Transitions = slices.Clone(r.Transitions)
		for i := range r.Transitions {
			r.Transitions[i].Why = g.text(r.Transitions[i].Why)
		}
		return r, nil
	})
}

var waitRun = endpoint(Endpoint[runRef, api.Run]{
	Method: "GET", Path: "/v1/{run}/wait", Slow: true,
	Call: func(ctx context.Context, s api.Service, in runRef) (api.Run, error) { return s.Wait(ctx, in.Run) },
})

func (c *Client) Wait(ctx context.Context, id string) (api.Run, error) {
	return ask(ctx, c, waitRun, runRef{id})
}

func (g *guard) Wait(ctx context.Context, id string) (api.Run, error) {
	id, err := g.mayRun(ctx, api.MayRead, "see", id)
	return guarded(g, err, func() (api.Run, error) {
		r, err := g.s.Wait(g.as(ctx), id)
		if revoked := g.revoked(); revoked != nil { // during the wait
			return api.Run{}, revoked
		}
		return g.run(r), err
	})
}

var cancelRun = endpoint(Endpoint[runRef, api.Run]{
	Method: "POST", Path: "/v1/{run}/cancel",
	Call: func(ctx context.Context, s api.Service, in runRef) (api.Run, error) { return s.Cancel(ctx, in.Run) },
})

func (c *Client) Cancel(ctx context.Context, id string) (api.Run, error) {
	return ask(ctx, c, cancelRun, runRef{id})
}

func (g *guard) Cancel(ctx context.Context, id string) (api.Run, error) {
	id, err := g.mayRun(ctx, api.MayRequest, "cancel", id)
	return guarded(g, err, func() (api.Run, error) {
		r, err := g.s.Cancel(g.as(ctx), id)
		return g.run(r), err
	})
}

// cancelAllRequest names a task, or all.
type cancelAllRequest struct {
	Task string `json:"task,omitempty"`
	All  bool   `json:"all,omitempty"`
}

type cancelAllAnswer struct {
	Cancelled int      `json:"cancelled"`
	Runs      []string `json:"runs"`
}

var cancelAll = endpoint(Endpoint[cancelAllRequest, cancelAllAnswer]{
	Method: "POST", Path: "/v1/cancel", Partial: true,
	Call: func(ctx context.Context, s api.Service, in cancelAllRequest) (cancelAllAnswer, error) {
		if err := namesOrAll(in.Task != "", in.All); err != nil {
			return cancelAllAnswer{}, err
		}
		ids, err := s.CancelAll(ctx, in.Task)
		return cancelAllAnswer{len(ids), append([]string{}, ids...)}, err
	},
})

func (c *Client) CancelAll(ctx context.Context, task string) ([]string, error) {
	a, err := ask(ctx, c, cancelAll, cancelAllRequest{Task: task, All: task == ""})
	return a.Runs, err
}

func (g *guard) CancelAll(ctx context.Context, task string) ([]string, error) {
	err := g.may(api.MayRequest, "cancel runs of", task)
	if task == "" {
		err = g.mayAll(api.MayControl, "cancel all runs")
	}
	return guarded(g, err, func() ([]string, error) { return g.s.CancelAll(g.as(ctx), task) })
}

type stopRequest struct {
	Run  string `path:"run"`
	Kill bool   `query:"kill"`
}

var stopRun = endpoint(Endpoint[stopRequest, runsAnswer]{
	Method: "POST", Path: "/v1/{run}/stop",
	Call: func(ctx context.Context, s api.Service, in stopRequest) (runsAnswer, error) {
		runs, err := s.Stop(ctx, in.Run, in.Kill)
		return runsAnswer{nonNil(runs)}, err
	},
})

func (c *Client) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	a, err := ask(ctx, c, stopRun, stopRequest{id, kill})
	return a.Runs, err
}

func (g *guard) Stop(ctx context.Context, id string, kill bool) ([]api.Run, error) {
	return guarded(g, g.mayEachNamed(ctx, api.MayOwn, "stop", []string{id}), func() ([]api.Run, error) {
		runs, err := g.s.Stop(g.as(ctx), id, kill)
		return g.runs(runs), err
	})
}

type forgetAnswer struct {
	Forgotten int `json:"forgotten"`
}

var forget = endpoint(Endpoint[api.Forgetting, forgetAnswer]{
	Method: "POST", Path: "/v1/forget", Partial: true,
	Call: func(ctx context.Context, s api.Service, in api.Forgetting) (forgetAnswer, error) {
		n, err := s.Forget(ctx, in)
		return forgetAnswer{n}, err
	},
})

func (c *Client) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	a, err := ask(ctx, c, forget, f)
	return a.Forgotten, err
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
