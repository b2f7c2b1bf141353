package control_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"rota/internal/api"
	"rota/internal/control"
)

// ways returns a client for each way to reach a house.
func (h *house) ways(t testing.TB) map[string]*control.Client {
	return map[string]*control.Client{
		"socket": client(t, control.Target{Socket: h.socket}),
		"web":    client(t, control.Target{URL: h.url, Token: controlToken, RootCAs: h.roots}),
	}
}

// TestThousand: a thousand calls are all answered, at once if they come so.
func TestThousand(t *testing.T) {
	h := open(t)
	ways := h.ways(t)
	for _, test := range []struct {
		name   string
		atOnce int
	}{
		{"socket", 1000},
		{"web", 100}, // a client shakes hands for each
	} {
		errs := make(chan error, 1000)
		turns := make(chan struct{}, test.atOnce)
		for i := range cap(errs) {
			turns <- struct{}{}
			go func() {
				errs <- mixed(t.Context(), ways[test.name], fmt.Sprintf("%s-%d", test.name, i), i)
				<-turns
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
}

// mixed is a call of one kind or another.
func mixed(ctx context.Context, c *control.Client, key string, i int) error {
	switch i % 4 {
	case 0:
		_, err := c.Status(ctx)
		return err
	case 1:
		_, err := c.Runs(ctx, api.RunQuery{N: 10})
		return err
	case 2:
		_, err := c.Next(ctx, api.NextQuery{N: 10})
		return err
	}
	if _, err := c.Request(ctx, api.Request{Task: "echo", Key: key}, strings.NewReader(key)); err != nil {
		return err
	}
	result, err := c.Result(ctx, "echo/"+key)
	if err != nil {
		return err
	}
	defer result.Close()
	text, err := io.ReadAll(result)
	if err == nil && string(text) != key {
		err = fmt.Errorf("the result of %s is %q", key, text)
	}
	return err
}

// BenchmarkControl is the price of asking, without that of the answer.
func BenchmarkControl(b *testing.B) {
	h := open(b)
	for name, c := range h.ways(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Status(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
