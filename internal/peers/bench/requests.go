package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// kind is something that a user asks of rota.
type kind struct {
	name string
	ask  func(*client) error
}

// kinds are asked in turn, of the tasks t1 to t3 among others. What needs two calls, as to run a task and to wait for its end,
// counts once.
var kinds = []kind{
	{"status", get("/v1/status")},
	{"list", get("/v1/tasks")},
	{"task", get("/v1/tasks/t1")},
	{"next", get("/v1/next?n=2")},
	{"history", get("/v1/runs?n=20")},
	{"show", get("/v1/tasks/t2/run")},
	{"why", get("/v1/why?task=t3")},
	{"queues", get("/v1/queues")},
	{"logs", get("/v1/runs/" + said + "/log")},
	{"run", func(c *client) error {
		run, err := c.request("later", `{}`)
		if err != nil {
			return err
		}
		return c.await(run)
	}},
	{"cancel", func(c *client) error {
		run, err := c.request("later", fmt.Sprintf(`{"at": %q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
		if err != nil {
			return err
		}
		return c.call("POST", "/v1/runs/"+run+"/cancel", "", nil)
	}},
	{"hold", func(c *client) error { return c.call("POST", "/v1/hold", `{"tasks": ["held"]}`, nil) }},
	{"release", func(c *client) error {
		err := c.call("POST", "/v1/release", `{"names": ["held"]}`, nil)
		if refused := (*refusal)(nil); errors.As(err, &refused) && refused.status == http.StatusConflict {
			return nil // another release came before
		}
		return err
	}},
}

// said is a run that has written something.
const said = "says/first"

func get(path string) func(*client) error {
	return func(c *client) error { return c.call("GET", path, "", nil) }
}

// client asks a rota by its socket.
type client struct{ http.Client }

// newClient returns a client with so many connections.
func newClient(socket string, connections int) *client {
	return &client{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: connections,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// refusal is an answer that is none.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.text) }

// call calls the API, and decodes the answer into into, if that is not nil.
func (c *client) call(method, path, body string, into any) error {
	r, err := http.NewRequest(method, "http://rota"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %s: %w", method, path, &refusal{answer.StatusCode, string(bytes.TrimSpace(text))})
	case into != nil:
		return json.Unmarshal(text, into)
	}
	return nil
}

// request requests a run of a task, and returns its id.
func (c *client) request(task, body string) (id string, err error) {
	var run struct{ Run string }
	err = c.call("POST", "/v1/tasks/"+task+"/runs", body, &run)
	return run.Run, err
}

// await waits for the end of a run.
func (c *client) await(run string) error { return c.call("GET", "/v1/runs/"+run+"/wait", "", nil) }

// askEach asks once for each kind, after what they need.
func (c *client) askEach() error {
	_, err := c.request("says", `{"id": "first"}`)
	if err == nil {
		err = c.await(said)
	}
	for _, k := range kinds {
		if err == nil {
			err = k.ask(c)
		}
	}
	return err
}

// answered is how the requests of one kind went.
type answered struct {
	took   []float64 // nanoseconds from when each was due until it was answered
	failed int
}

// underWay is how many requests are made at a time. One that is due when there are as many
// waits, and that time counts.
const underWay = 200

// ask makes n requests, one of each kind in turn, at a rate each second, whether those
// before were answered or not.
func (c *client) ask(n, rate int) map[string]answered {
	all := map[string]answered{}
	var mu sync.Mutex
	var group sync.WaitGroup
	var late atomic.Int64
	turn := make(chan struct{}, underWay)
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		group.Go(func() {
			select {
			case turn <- struct{}{}:
			default:
				late.Add(1)
				turn <- struct{}{}
			}
			defer func() { <-turn }()
			k := kinds[i%len(kinds)]
			err := k.ask(c)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			a := all[k.name]
			if a.took = append(a.took, float64(took)); err != nil {
				if a.failed++; a.failed == 1 {
					log.Printf("%s: %v", k.name, err)
				}
			}
			all[k.name] = a
		})
	}
	group.Wait()
	if n := late.Load(); n > 0 {
		log.Printf("%d requests waited until less than %d were under way", n, underWay)
	}
	return all
}

// requests makes requests at a rate each second, beside n tasks each second.
func requests(n, rate, seconds int) func(*bench, scheduler) ([]float64, error) {
	return func(b *bench, s scheduler) ([]float64, error) {
		d, err := b.start(s, tasks{n: n, cron: everySecond, asked: true})
		if err != nil {
			return nil, err
		}
		defer d.stop()
		if err := d.await(2*n, time.Minute); err != nil {
			return nil, err
		}
		c := newClient(filepath.Join(d.dir, "state", "rota.sock"), underWay)
		defer c.CloseIdleConnections()
		if err := c.askEach(); err != nil && isThis(s) {
			return nil, err
		} else if err != nil {
			log.Printf("%s has another API: %v", s.name, err)
			return nil, nil
		}
		c.ask(2*rate, rate)
		skip := len(d.starts())
		var took []float64
		failed, slowest, name := 0, 0.0, ""
		for kind, a := range c.ask(seconds*rate, rate) {
			slices.Sort(a.took)
			if p99 := percentile(a.took, 99); p99 > slowest {
				slowest, name = p99, kind
			}
			took = append(took, a.took...)
			failed += a.failed
		}
		slices.Sort(took)
		log.Printf("%-12s %-30s the slowest kind is %s", "requests", s.name, name)
		late := lateness(d.starts()[skip:])
		return []float64{percentile(took, 50), percentile(took, 99), slowest, percentile(late, 50), percentile(late, 99), float64(failed)}, d.alive()
	}
}
