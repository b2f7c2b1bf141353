package control

import (
	"time"

	"rota/internal/api"
)

// Requests that are a word or two, and answers that are a number.
type (
	taskAsk struct {
		Task string `json:"task"`
	}
	someTask struct {
		Task string `json:"task,omitempty"`
		All  bool   `json:"all,omitempty"`
	}
	someNames struct {
		Names []string `json:"names,omitempty"`
		All   bool     `json:"all,omitempty"`
	}
	queuesAsk struct {
		Queues []string `json:"queues,omitempty"`
	}
	drainAsk struct {
		For time.Duration `json:"for,omitempty"` // nanoseconds
	}
	notifyAsk struct {
		Target string `json:"target"`
	}
	cancelledAnswer struct {
		Cancelled int `json:"cancelled"`
	}
	forgottenAnswer struct {
		Forgotten int `json:"forgotten"`
	}
)

func cancel(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.s.Cancel(c.r.Context(), id)
}

func cancelAll(c call) (any, error) {
	var ask someTask
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	if err := named(ask.All, ask.Task != ""); err != nil {
		return nil, err
	}
	n, err := c.s.CancelAll(c.r.Context(), ask.Task)
	if err != nil {
		return refusal{Cancelled: n}, err
	}
	return cancelledAnswer{n}, nil
}

// named returns an error unless a request says which it means, or that it means
// all: one that says nothing is a mistake.
func named(all, some bool) error {
	if all == some {
		return api.Errorf(api.Usage, `name them, or send {"all": true}`, "which is not said, or twice")
	}
	return nil
}

func stop(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	q := c.query("kill")
	kill := q.flag("kill")
	if q.err != nil {
		return nil, q.err
	}
	runs, err := c.s.Stop(c.r.Context(), id, kill)
	return runsAnswer{some(runs)}, err
}

func hold(c call) (any, error) {
	var ask api.Holding
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	tasks, err := c.s.Hold(c.r.Context(), ask)
	return tasksAnswer{some(tasks)}, err
}

func release(c call) (any, error) {
	var ask someNames
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	if err := named(ask.All, len(ask.Names) > 0); err != nil {
		return nil, err
	}
	done, err := c.s.Release(c.r.Context(), ask.Names...)
	done.Tasks, done.Runs = some(done.Tasks), some(done.Runs)
	return done, err
}

func reschedule(c call) (any, error) {
	var ask api.Rescheduling
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	return c.s.Reschedule(c.r.Context(), ask)
}

func skip(c call) (any, error) {
	var ask taskAsk
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	return c.s.Skip(c.r.Context(), ask.Task)
}

func startQueues(c call) (any, error) {
	var ask queuesAsk
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	return shown(c.s.StartQueues(c.r.Context(), ask.Queues...))
}

func stopQueues(c call) (any, error) {
	var ask queuesAsk
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	return shown(c.s.StopQueues(c.r.Context(), ask.Queues...))
}

func forget(c call) (any, error) {
	var ask api.Forgetting
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	n, err := c.s.Forget(c.r.Context(), ask)
	if err != nil {
		return refusal{Forgotten: n}, err
	}
	return forgottenAnswer{n}, nil
}

func reload(c call) (any, error) {
	q := c.query("plan")
	plan := q.flag("plan")
	if q.err != nil {
		return nil, q.err
	}
	return c.s.Reload(c.r.Context(), plan)
}

func drain(c call) (any, error) {
	var ask drainAsk
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	d, err := c.s.Drain(c.r.Context(), ask.For)
	d.Forked = some(d.Forked)
	return d, err
}

func notify(c call) (any, error) {
	var ask notifyAsk
	if err := c.body(&ask); err != nil {
		return nil, err
	}
	return c.s.Notify(c.r.Context(), ask.Target)
}
