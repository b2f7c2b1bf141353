package control

import (
	"context"

	"rota/internal/api"
)

type queuesQuery struct {
	Queues []string `query:"queue"`
}

type queuesRequest struct {
	Queues []string `json:"queues,omitempty"`
}

// withoutNull returns queues that have no null in JSON.
func withoutNull(q api.Queues, err error) (api.Queues, error) {
	q.Queues = nonNil(q.Queues)
	for i := range q.Queues {
		q.Queues[i].Running = nonNil(q.Queues[i].Running)
	}
	return q, err
}

var getQueues = endpoint(Endpoint[queuesQuery, api.Queues]{
	Method: "GET", Path: "/v1/queues",
	Call: func(ctx context.Context, s api.Service, q queuesQuery) (api.Queues, error) {
		return withoutNull(s.Queues(ctx, q.Queues...))
	},
})

func (c *Client) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return ask(ctx, c, getQueues, queuesQuery{patterns})
}

func (g *guard) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayRead, "see queues"), func() (api.Queues, error) { return g.s.Queues(g.as(ctx), patterns...) })
}

var startQueues = endpoint(Endpoint[queuesRequest, api.Queues]{
	Method: "POST", Path: "/v1/queues/start",
	Call: func(ctx context.Context, s api.Service, in queuesRequest) (api.Queues, error) {
		return withoutNull(s.StartQueues(ctx, in.Queues...))
	},
})

func (c *Client) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return ask(ctx, c, startQueues, queuesRequest{patterns})
}

func (g *guard) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayControl, "start queues"), func() (api.Queues, error) { return g.s.StartQueues(g.as(ctx), patterns...) })
}

var stopQueues = endpoint(Endpoint[queuesRequest, api.Queues]{
	Method: "POST", Path: "/v1/queues/stop",
	Call: func(ctx context.Context, s api.Service, in queuesRequest) (api.Queues, error) {
		return withoutNull(s.StopQueues(ctx, in.Queues...))
	},
})

func (c *Client) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return ask(ctx, c, stopQueues, queuesRequest{patterns})
}

func (g *guard) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return guarded(g, g.mayAll(api.MayControl, "stop queues"), func() (api.Queues, error) { return g.s.StopQueues(g.as(ctx), patterns...) })
}
