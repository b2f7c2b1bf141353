package control_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/control"
)

// slowly is a Service whose answers take a second, and which counts.
type slowly struct {
	api.Service
	asked, busy, most atomic.Int64
}

func (s *slowly) work() {
	s.asked.Add(1)
	if n := s.busy.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	time.Sleep(time.Second) // time itself is the subject: that of the bubble
	s.busy.Add(-1)
}

func (s *slowly) Tasks(ctx context.Context, _ ...string) ([]api.Task, error) {
	s.work()
	return []api.Task{{Task: "echo"}}, ctx.Err()
}

func (s *slowly) Run(ctx context.Context, id string) (api.RunDetails, error) {
	s.work()
	return api.RunDetails{}, ctx.Err()
}

// TestLimited: only a few calls of many clients run at a time. One list of all tasks
// answers all clients that wait for it, but it never starts before they asked.
func TestLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{}
		o := control.Limited(s)
		first, leave := context.WithCancel(t.Context())
		var answered atomic.Int64
		list := func(ctx context.Context) {
			if tasks, err := o.Tasks(ctx); err == nil && len(tasks) == 1 {
				answered.Add(1)
			}
		}
		go list(first)
		synctest.Wait()
		for range 50 {
			go list(t.Context())
		}
		synctest.Wait()
		leave() // the computation for the others continues
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := s.asked.Load(); n != 2 || answered.Load() != 51 {
			t.Errorf("%d were answered by %d lists, want 51 by 2", answered.Load(), n)
		}
		gone, leave := context.WithCancel(t.Context())
		go list(t.Context())
		synctest.Wait()
		for range 2 {
			go list(gone) // the first of these would make the next list
		}
		synctest.Wait()
		leave()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if answered.Load() < 52 {
			t.Errorf("who stayed was not answered")
		}

		s.most.Store(0)
		for range 20 {
			go o.Run(t.Context(), "echo")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := s.most.Load(); n < 2 || n > int64(control.Slots(o)) {
			t.Errorf("%d at a time, want 2 to %d", n, control.Slots(o))
		}
	})
}
