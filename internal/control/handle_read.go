package control

import (
	"rota/internal/api"
	"rota/runner"
)

// Answers that are a list.
type (
	tasksAnswer struct {
		Tasks []api.Task `json:"tasks"`
	}
	nextAnswer struct {
		Next []api.Slot `json:"next"`
	}
	runsAnswer struct {
		Runs []runner.Run `json:"runs"`
	}
)

func (a tasksAnswer) writable() any { return tasksAnswer{writable(a.Tasks)} }
func (a nextAnswer) writable() any  { return nextAnswer{writable(a.Next)} }
func (a runsAnswer) writable() any  { return runsAnswer{writable(a.Runs)} }

// some is a list that is never null in JSON.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func getStatus(c call) (any, error) {
	if q := c.query(); q.err != nil {
		return nil, q.err
	}
	return c.s.Status(c.r.Context())
}

func getTasks(c call) (any, error) {
	q := c.query("task")
	if q.err != nil {
		return nil, q.err
	}
	tasks, err := c.s.Tasks(c.r.Context(), q.list("task")...)
	return tasksAnswer{some(tasks)}, err
}

func getTask(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	tasks, err := c.s.Tasks(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	if len(tasks) != 1 {
		return nil, api.Errorf(api.NotFound, "", "no task %q", id)
	}
	return tasks[0], nil
}

func getNext(c call) (any, error) {
	q := c.query("task", "n", "until")
	next := api.NextQuery{Tasks: q.list("task"), N: q.number("n", maxSlots), Until: q.time("until")}
	if q.err != nil {
		return nil, q.err
	}
	slots, err := c.s.Next(c.r.Context(), next)
	return nextAnswer{some(slots)}, err
}

func getRuns(c call) (any, error) {
	q := c.query("task", "state", "outcome", "since", "n")
	which := q.runQuery()
	if q.err != nil {
		return nil, q.err
	}
	runs, err := c.s.Runs(c.r.Context(), which)
	return runsAnswer{some(runs)}, err
}

func getRun(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	r, err := c.s.Run(c.r.Context(), id)
	r.Transitions = some(r.Transitions)
	return r, err
}

func wait(c call) (any, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.s.Wait(c.r.Context(), id)
}

func getWhy(c call) (any, error) {
	q := c.query("task", "at")
	task, at := q.one("task"), q.time("at")
	if q.err != nil {
		return nil, q.err
	}
	w, err := c.s.Why(c.r.Context(), task, at)
	w.Text = some(w.Text)
	return w, err
}

func getQueues(c call) (any, error) {
	q := c.query("queue")
	if q.err != nil {
		return nil, q.err
	}
	return shown(c.s.Queues(c.r.Context(), q.list("queue")...))
}

// shown is queues without null in JSON.
func shown(q api.Queues, err error) (any, error) {
	q.Queues = some(q.Queues)
	for i := range q.Queues {
		q.Queues[i].Running = some(q.Queues[i].Running)
	}
	return q, err
}
