package control

import (
	"context"
	"net/url"
	"time"

	"rota/internal/api"
	"rota/runner"
)

func (c *Client) Cancel(ctx context.Context, id string) (runner.Run, error) {
	path, err := runPath(id, "/cancel")
	if err != nil {
		return runner.Run{}, err
	}
	return post[runner.Run](ctx, c, path, nil, nil)
}

func (c *Client) CancelAll(ctx context.Context, task string) (int, error) {
	a, err := post[cancelledAnswer](ctx, c, "/v1/cancel", nil, someTask{Task: task, All: task == ""})
	return a.Cancelled, err
}

func (c *Client) Stop(ctx context.Context, id string, kill bool) ([]runner.Run, error) {
	path, err := runPath(id, "/stop")
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	if kill {
		q.Set("kill", "1")
	}
	a, err := post[runsAnswer](ctx, c, path, q, nil)
	return a.Runs, err
}

func (c *Client) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	a, err := post[tasksAnswer](ctx, c, "/v1/hold", nil, h)
	return a.Tasks, err
}

func (c *Client) Release(ctx context.Context, names ...string) (api.Released, error) {
	return post[api.Released](ctx, c, "/v1/release", nil, someNames{Names: names, All: len(names) == 0})
}

func (c *Client) Reschedule(ctx context.Context, r api.Rescheduling) (api.Rescheduled, error) {
	return post[api.Rescheduled](ctx, c, "/v1/reschedule", nil, r)
}

func (c *Client) Skip(ctx context.Context, task string) (api.Slot, error) {
	return post[api.Slot](ctx, c, "/v1/skip", nil, taskAsk{task})
}

func (c *Client) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return post[api.Queues](ctx, c, "/v1/queues/start", nil, queuesAsk{patterns})
}

func (c *Client) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return post[api.Queues](ctx, c, "/v1/queues/stop", nil, queuesAsk{patterns})
}

func (c *Client) Forget(ctx context.Context, f api.Forgetting) (int, error) {
	a, err := post[forgottenAnswer](ctx, c, "/v1/forget", nil, f)
	return a.Forgotten, err
}

func (c *Client) Reload(ctx context.Context, plan bool) (api.Reloaded, error) {
	q := url.Values{}
	if plan {
		q.Set("plan", "1")
	}
	return post[api.Reloaded](ctx, c, "/v1/reload", q, nil)
}

func (c *Client) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	return post[api.Drained](ctx, c, "/v1/drain", nil, drainAsk{d})
}

func (c *Client) Notify(ctx context.Context, name string) (api.Notified, error) {
	return post[api.Notified](ctx, c, "/v1/notify", nil, notifyAsk{name})
}
