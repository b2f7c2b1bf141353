package control

import (
	"context"
	"slices"
	"time"

	"rota/internal/api"
)

// tasksAnswer is an answer with tasks.
type tasksAnswer struct {
	Tasks []api.Task `json:"tasks"`
}

func (a tasksAnswer) writable() any { return tasksAnswer{writable(a.Tasks)} }

type tasksQuery struct {
	Tasks []string `query:"task"`
}

var getTasks = endpoint(Endpoint[tasksQuery, tasksAnswer]{
	Method: "GET", Path: "/v1/tasks",
	Call: func(ctx context.Context, s api.Service, q tasksQuery) (tasksAnswer, error) {
		tasks, err := s.Tasks(ctx, q.Tasks...)
		return tasksAnswer{nonNil(tasks)}, err
	},
})

type taskRef struct {
	Task string `path:"task"`
}

// One task also has an address of its own.
var _ = endpoint(Endpoint[taskRef, api.Task]{
	Method: "GET", Path: "/v1/tasks/{task}",
	Call: func(ctx context.Context, s api.Service, in taskRef) (api.Task, error) {
		tasks, err := s.Tasks(ctx, in.Task)
		if err == nil && len(tasks) != 1 {
			err = api.Errorf(api.NotFound, "", "no task %q", in.Task)
		}
		if err != nil {
			return api.Task{}, err
		}
		return tasks[0], nil
	},
})

func (c *Client) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	a, err := ask(ctx, c, getTasks, tasksQuery{names})
	return a.Tasks, err
}

func (g *guard) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	if err := g.mayEach(api.MayRead, "see", names); err != nil {
		return nil, err
	}
	tasks, err := g.s.Tasks(g.as(ctx), names...)
	return g.tasks(tasks), g.hide(err)
}

// maxSlots is how many slots of each task one answer may have: the same number as in
// total, so that rota next prints the same with and without a daemon.
const maxSlots = 100_000

// nextQuery is [api.NextQuery] in an address.
type nextQuery struct {
	Tasks []string  `query:"task"`
	N     int       `query:"n"`
	Until time.Time `query:"until"`
}

type nextAnswer struct {
	Next []api.Slot `json:"next"`
}

func (a nextAnswer) writable() any { return nextAnswer{writable(a.Next)} }

var getNext = endpoint(Endpoint[nextQuery, nextAnswer]{
	Method: "GET", Path: "/v1/next",
	Large: func(q nextQuery) bool { return q.N > largeRows || q.N == 0 && !q.Until.IsZero() },
	Call: func(ctx context.Context, s api.Service, q nextQuery) (nextAnswer, error) {
		if err := atMost("n", q.N, maxSlots); err != nil {
			return nextAnswer{}, err
		}
		slots, err := s.Next(ctx, api.NextQuery(q))
		return nextAnswer{nonNil(slots)}, err
	},
})

func (c *Client) Next(ctx context.Context, q api.NextQuery) ([]api.Slot, error) {
	a, err := ask(ctx, c, getNext, nextQuery(q))
	return a.Next, err
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

type whyQuery struct {
	Task string    `query:"task"`
	At   time.Time `query:"at"`
}

var getWhy = endpoint(Endpoint[whyQuery, api.Why]{
	Method: "GET", Path: "/v1/why",
	Call: func(ctx context.Context, s api.Service, q whyQuery) (api.Why, error) {
		w, err := s.Why(ctx, q.Task, q.At)
		w.Text = nonNil(w.Text)
		return w, err
	},
})

func (c *Client) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	return ask(ctx, c, getWhy, whyQuery{task, at})
}

// Why returns, of a run that the caller may not see, only that it exists.
func (g *guard) Why(ctx context.Context, task string, at time.Time) (api.Why, error) {
	return guarded(g, g.may(api.MayRead, "see", task), func() (api.Why, error) {
		w, err := g.s.Why(g.as(ctx), task, at)
		if tasks, err := g.s.Tasks(g.as(ctx), task); err == nil && len(tasks) == 1 && !g.all() {
			hidden := g.hiddenOf(tasks[0].After)
			w.Text = slices.Clone(w.Text)
			for i := range w.Text {
				w.Text[i] = hidden.in(w.Text[i])
			}
		}
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
