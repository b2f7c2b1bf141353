package control

import (
	"context"
	"slices"
	"time"

	"rota/internal/api"
)

// eventsAnswer is an answer with events.
type eventsAnswer struct {
	Events []api.Event `json:"events"`
}

func (a eventsAnswer) writable() any { return eventsAnswer{writable(a.Events)} }

// eventsQuery is [api.EventQuery] in an address.
type eventsQuery struct {
	Task  string    `query:"task"`
	Since time.Time `query:"since"`
	N     int       `query:"n"`
}

var getPastEvents = endpoint(Endpoint[eventsQuery, eventsAnswer]{
	Method: "GET", Path: "/v1/events/past",
	Call: func(ctx context.Context, s api.Service, q eventsQuery) (eventsAnswer, error) {
		if err := atMost("n", q.N, maxRuns); err != nil {
			return eventsAnswer{}, err
		}
		events, err := s.Events(ctx, api.EventQuery(q))
		return eventsAnswer{nonNil(events)}, err
	},
})

func (c *Client) Events(ctx context.Context, q api.EventQuery) ([]api.Event, error) {
	a, err := ask(ctx, c, getPastEvents, eventsQuery(q))
	return a.Events, err
}

// Events omits the events that Watch omits. It asks for more events until q.N are visible
// or the limit of one answer is reached.
func (g *guard) Events(ctx context.Context, q api.EventQuery) ([]api.Event, error) {
	if q.Task != "" {
		if err := g.may(api.MayRead, "see", q.Task); err != nil {
			return nil, err
		}
	}
	events, err := untilVisible(q.N, func(n int) ([]api.Event, error) {
		q.N = n
		return g.s.Events(g.as(ctx), q)
	}, g.events)
	return events, g.hide(err)
}

// events returns the events that the caller may see, with hidden names removed.
func (g *guard) events(all []api.Event) []api.Event {
	seen := slices.Clone(all)[:0]
	for _, e := range all {
		if e, ok := g.event(e); ok {
			seen = append(seen, e)
		}
	}
	return seen
}

// event returns e with hidden names removed, and whether the caller may see it.
func (g *guard) event(e api.Event) (api.Event, bool) {
	if g.all() {
		return e, true
	}
	e.Who, e.Text = g.text(e.Who), g.text(e.Text)
	return e, e.Task != "" && g.sees(e.Task)
}
