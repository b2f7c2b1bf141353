package control

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// runPath returns the address of a run or, if id is a task, of its newest, and
// of what is asked of it. An id that none can have is not sent.
func runPath(id, what string) (string, error) {
	task, key := runner.SplitID(id)
	switch {
	case key == "" && api.IsTask(id):
		if what == "" {
			what = "/run"
		}
		return "/v1/tasks/" + task + what, nil
	case api.IsTask(task) && api.IsRunKey(key):
		return "/v1/runs/" + task + "/" + key + what, nil
	case key == "":
		return "", api.Errorf(api.NotFound, "", "no task %q", short(id))
	}
	return "", api.Errorf(api.NotFound, "", "no run %q", short(id))
}

// at puts an instant into q, unless it is zero.
func at(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.Format(time.RFC3339Nano))
	}
}

func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status", nil)
}

func (c *Client) Tasks(ctx context.Context, names ...string) ([]api.Task, error) {
	a, err := get[tasksAnswer](ctx, c, "/v1/tasks", url.Values{"task": names})
	return a.Tasks, err
}

func (c *Client) Next(ctx context.Context, n api.NextQuery) ([]api.Slot, error) {
	q := url.Values{"task": n.Tasks}
	if n.N != 0 {
		q.Set("n", strconv.Itoa(n.N))
	}
	at(q, "until", n.Until)
	a, err := get[nextAnswer](ctx, c, "/v1/next", q)
	return a.Next, err
}

func (c *Client) Runs(ctx context.Context, r api.RunQuery) ([]runner.Run, error) {
	q := url.Values{}
	if r.Task != "" {
		q.Set("task", r.Task)
	}
	for _, s := range r.States {
		q.Add("state", string(s))
	}
	for _, o := range r.Outcomes {
		q.Add("outcome", string(o))
	}
	at(q, "since", r.Since)
	if r.N != 0 {
		q.Set("n", strconv.Itoa(r.N))
	}
	a, err := get[runsAnswer](ctx, c, "/v1/runs", q)
	return a.Runs, err
}

func (c *Client) Run(ctx context.Context, id string) (api.Run, error) {
	path, err := runPath(id, "")
	if err != nil {
		return api.Run{}, err
	}
	return get[api.Run](ctx, c, path, nil)
}

func (c *Client) Wait(ctx context.Context, id string) (runner.Run, error) {
	path, err := runPath(id, "/wait")
	if err != nil {
		return runner.Run{}, err
	}
	return late[runner.Run](ctx, c, path, nil)
}

func (c *Client) Why(ctx context.Context, task string, when time.Time) (api.Why, error) {
	q := url.Values{"task": {task}}
	at(q, "at", when)
	return get[api.Why](ctx, c, "/v1/why", q)
}

func (c *Client) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return get[api.Queues](ctx, c, "/v1/queues", url.Values{"queue": patterns})
}
