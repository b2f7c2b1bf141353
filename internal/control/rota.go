package control

import (
	"context"
	"time"

	"rota/internal/api"
)

var getStatus = endpoint(Endpoint[struct{}, api.Status]{
	Method: "GET", Path: "/v1/status",
	Call: func(ctx context.Context, s api.Service, _ struct{}) (api.Status, error) { return s.Status(ctx) },
})

func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return ask(ctx, c, getStatus, struct{}{})
}

func (g *guard) Status(ctx context.Context) (api.Status, error) {
	if g.all() {
		return g.s.Status(g.as(ctx))
	}
	return g.partialStatus(ctx)
}

// partialStatus returns the status for a caller who sees only some tasks: general facts about
// the daemon, and counts of these tasks.
func (g *guard) partialStatus(ctx context.Context) (api.Status, error) {
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
	s := api.Status{Daemon: whole.Daemon, ConfigID: whole.ConfigID, Version: whole.Version, Started: whole.Started, Timezone: whole.Timezone, Draining: whole.Draining, DrainingUntil: whole.DrainingUntil, Tasks: len(tasks)}
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

type reloadRequest struct {
	Plan bool `query:"plan"`
}

var reload = endpoint(Endpoint[reloadRequest, api.Reloaded]{
	Method: "POST", Path: "/v1/reload",
	Call: func(ctx context.Context, s api.Service, in reloadRequest) (api.Reloaded, error) {
		return s.Reload(ctx, in.Plan)
	},
})

func (c *Client) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	return ask(ctx, c, reload, reloadRequest{plan})
}

func (g *guard) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	return guarded(g, g.mayAll(api.MayControl, "reload"), func() (api.Reloaded, error) { return g.s.Reload(g.as(ctx), plan) })
}

var drain = endpoint(Endpoint[api.Draining, api.Drained]{
	Method: "POST", Path: "/v1/drain",
	Call: func(ctx context.Context, s api.Service, in api.Draining) (api.Drained, error) {
		d, err := s.Drain(ctx, in.For)
		d.Forked = nonNil(d.Forked)
		return d, err
	},
})

func (c *Client) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	return ask(ctx, c, drain, api.Draining{For: d})
}

func (g *guard) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	return guarded(g, g.mayAll(api.MayControl, "drain"), func() (api.Drained, error) { return g.s.Drain(g.as(ctx), d) })
}

var endDrain = endpoint(Endpoint[struct{}, api.Drained]{
	Method: "POST", Path: "/v1/drain/end",
	Call: func(ctx context.Context, s api.Service, _ struct{}) (api.Drained, error) {
		d, err := s.EndDrain(ctx)
		d.Forked = nonNil(d.Forked)
		return d, err
	},
})

func (c *Client) EndDrain(ctx context.Context) (api.Drained, error) {
	return ask(ctx, c, endDrain, struct{}{})
}

func (g *guard) EndDrain(ctx context.Context) (api.Drained, error) {
	return guarded(g, g.mayAll(api.MayControl, "end a drain"), func() (api.Drained, error) { return g.s.EndDrain(g.as(ctx)) })
}

type notifyRequest struct {
	Target string `json:"target"`
}

var notify = endpoint(Endpoint[notifyRequest, api.Notified]{
	Method: "POST", Path: "/v1/notify",
	Call: func(ctx context.Context, s api.Service, in notifyRequest) (api.Notified, error) {
		return s.Notify(ctx, in.Target)
	},
})

func (c *Client) Notify(ctx context.Context, name string) (api.Notified, error) {
	return ask(ctx, c, notify, notifyRequest{name})
}

func (g *guard) Notify(ctx context.Context, name string) (api.Notified, error) {
	return guarded(g, g.mayAll(api.MayControl, "send notifications"), func() (api.Notified, error) { return g.s.Notify(g.as(ctx), name) })
}
