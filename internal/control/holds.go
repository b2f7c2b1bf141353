package control

import (
	"context"

	"rota/internal/api"
)

// namesOrAll returns an error unless a request gives either names or "all": with neither
// or both its meaning is unclear.
func namesOrAll(names, all bool) error {
	if names == all {
		return api.Errorf(api.Usage, "", "give either names or \"all\"")
	}
	return nil
}

var hold = endpoint(Endpoint[api.Holding, tasksAnswer]{
	Method: "POST", Path: "/v1/hold", Partial: true,
	Call: func(ctx context.Context, s api.Service, in api.Holding) (tasksAnswer, error) {
		tasks, err := s.Hold(ctx, in)
		return tasksAnswer{nonNil(tasks)}, err
	},
})

func (c *Client) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	a, err := ask(ctx, c, hold, h)
	return a.Tasks, err
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

type releaseRequest struct {
	Names []string `json:"names,omitempty"`
	All   bool     `json:"all,omitempty"`
}

var release = endpoint(Endpoint[releaseRequest, api.Released]{
	Method: "POST", Path: "/v1/release", Partial: true,
	Call: func(ctx context.Context, s api.Service, in releaseRequest) (api.Released, error) {
		if err := namesOrAll(len(in.Names) > 0, in.All); err != nil {
			return api.Released{}, err
		}
		done, err := s.Release(ctx, in.Names...)
		done.Tasks, done.Runs = nonNil(done.Tasks), nonNil(done.Runs)
		return done, err
	},
})

func (c *Client) Release(ctx context.Context, names ...string) (api.Released, error) {
	return ask(ctx, c, release, releaseRequest{Names: names, All: len(names) == 0})
}

func (g *guard) Release(ctx context.Context, names ...string) (api.Released, error) {
	err := g.mayEachNamed(ctx, api.MayOwn, "release", names)
	if len(names) == 0 {
		err = g.mayAll(api.MayControl, "release all tasks")
	}
	return guarded(g, err, func() (api.Released, error) { return g.s.Release(g.as(ctx), names...) })
}

var reschedule = endpoint(Endpoint[api.Rescheduling, api.Rescheduled]{
	Method: "POST", Path: "/v1/reschedule",
	Call: func(ctx context.Context, s api.Service, in api.Rescheduling) (api.Rescheduled, error) {
		return s.Reschedule(ctx, in)
	},
})

func (c *Client) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return ask(ctx, c, reschedule, r)
}

func (g *guard) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return guarded(g, g.mayEachNamed(ctx, api.MayControl, "reschedule", []string{r.Name}), func() (api.Rescheduled, error) { return g.s.Reschedule(g.as(ctx), r) })
}

type skipRequest struct {
	Task string `json:"task"`
}

var skip = endpoint(Endpoint[skipRequest, api.Slot]{
	Method: "POST", Path: "/v1/skip",
	Call: func(ctx context.Context, s api.Service, in skipRequest) (api.Slot, error) {
		return s.Skip(ctx, in.Task)
	},
})

func (c *Client) Skip(ctx context.Context, task string) (api.Slot, error) {
	return ask(ctx, c, skip, skipRequest{task})
}

func (g *guard) Skip(ctx context.Context, task string) (api.Slot, error) {
	return guarded(g, g.may(api.MayControl, "skip slots of", task), func() (api.Slot, error) { return g.s.Skip(g.as(ctx), task) })
}
