package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/runner"
)

// clientOf returns a client of the daemon that has a state directory.
func clientOf(t *testing.T, state string) *control.Client {
	t.Helper()
	c, err := control.NewClient(control.Target{Socket: filepath.Join(state, "rota.sock")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// span is from when until when something was surely so.
type span struct{ from, until time.Time }

// crowd is the clients of a daemon that is killed again and again. The answers that they
// got must stay true.
type crowd struct {
	t           *testing.T
	client      *control.Client
	over        chan struct{} // closed when no one asks for anything new
	all         sync.WaitGroup
	mu          sync.Mutex // guards asked
	asked       []string   // ids of requests
	holds       []span     // of the task that is held and released
	skips       []time.Time
	recurring   span   // of the recurring request
	recurringID string // its id
}

func newCrowd(t *testing.T, state string, seed uint64) *crowd {
	c := &crowd{t: t, client: clientOf(t, state), over: make(chan struct{})}
	for i, f := range []func(*rand.Rand){c.ask, c.ask, c.ask, c.hold, c.change, c.recur} {
		c.all.Go(func() { f(rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	t.Cleanup(c.stopAll)
	return c
}

// stopAll has everybody end what they are at.
func (c *crowd) stopAll() {
	select {
	case <-c.over:
	default:
		close(c.over)
	}
	c.all.Wait()
}

// pause waits up to so many milliseconds, and reports whether the test continues.
func (c *crowd) pause(random *rand.Rand, most int) bool {
	select {
	case <-c.over:
		return false
	case <-time.After(time.Duration(random.IntN(most)) * time.Millisecond):
		return true
	}
}

// retry asks until there is an answer, however often the daemon is killed
// meanwhile, and returns that: an error only if the answer is no. After five minutes
// without one it gives up: the machine may be busy.
func (c *crowd) retry(what string, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for ; ; <-time.After(3 * time.Millisecond) {
		err = f(ctx)
		switch api.CodeOf(err) {
		case "":
			return nil
		case api.Conflict, api.NotFound, api.Usage, api.Forbidden:
			return err
		}
		if ctx.Err() != nil {
			c.t.Errorf("%s: no answer within five minutes: %v", what, err)
			return err
		}
	}
}

// must is insist where no is no answer.
func (c *crowd) must(what string, f func(context.Context) error) bool {
	err := c.retry(what, f)
	if err != nil {
		c.t.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// ask asks for runs, under ids of its own.
func (c *crowd) ask(random *rand.Rand) {
	me := runner.NewKey(time.Now())
	long := bytes.Repeat([]byte{'x'}, 6000) // more than the ledger keeps
	for n := 0; c.pause(random, 100); n++ {
		r := api.Request{Key: fmt.Sprintf("%s-%d", me, n)}
		var input []byte
		switch n % 6 {
		case 0:
			r.Task = "asked"
		case 1:
			r.Task = "turn"
		case 2:
			r.Task, r.In = "away", time.Second
		case 3:
			r.Task = "stubborn"
		case 4:
			r.Task, r.Held = "asked", true
		case 5:
			r.Task, input = "fed", long
		}
		id := r.Task + "/" + r.Key
		again := 1 + random.IntN(2) // an answered request may be sent again
		for range again {
			if !c.must("request "+id, func(ctx context.Context) error {
				var from io.Reader
				if input != nil {
					from = bytes.NewReader(input)
				}
				run, err := c.client.Request(ctx, r, from)
				if err == nil && run.ID != id {
					err = api.Errorf(api.Usage, "", "it became %s", run.ID)
				}
				return err
			}) {
				return
			}
		}
		c.mu.Lock()
		c.asked = append(c.asked, id)
		c.mu.Unlock()
		if r.Held {
			c.release(id)
		}
	}
}

// release lets a held request start. If it is called again after a kill, the answer may be
// that it did so already.
func (c *crowd) release(id string) {
	err := c.retry("release "+id, func(ctx context.Context) error { _, err := c.client.Release(ctx, id); return err })
	if err == nil {
		return
	}
	c.must("look at "+id, func(ctx context.Context) error {
		run, err2 := c.client.Run(ctx, id)
		if err2 == nil && run.State == runner.Held {
			err2 = api.Errorf(api.Usage, "", "still held, although the answer was: %v", err)
		}
		return err2
	})
}

// hold holds a task for a while, again and again, and looks whether it is.
func (c *crowd) hold(random *rand.Rand) {
	for c.pause(random, 1500) {
		if !c.must("hold", func(ctx context.Context) error {
			_, err := c.client.Hold(ctx, api.Holding{Tasks: []string{"held"}, Why: "test"})
			return err
		}) {
			return
		}
		s := span{from: time.Now()}
		for range 3 {
			c.pause(random, 800)
			c.is(true)
		}
		s.until = time.Now()
		c.holds = append(c.holds, s)
		// Asked again after a kill it may be released already.
		if err := c.retry("release", func(ctx context.Context) error { _, err := c.client.Release(ctx, "held"); return err }); err != nil && api.CodeOf(err) != api.Conflict {
			c.t.Errorf("release: %v", err)
		}
		c.is(false)
	}
}

// is asks whether the task is held.
func (c *crowd) is(held bool) {
	c.must("look at the hold", func(ctx context.Context) error {
		tasks, err := c.client.Tasks(ctx, "held")
		if err == nil && (tasks[0].Hold != nil) != held {
			err = api.Errorf(api.Usage, "", "held is %v, want %v", tasks[0].Hold, held)
		}
		return err
	})
}

// change gives a task other triggers with the same slots, and skips slots of another.
func (c *crowd) change(random *rand.Rand) {
	exprs := []string{"*/1 * * * * *", "0-59 * * * * *", "default"}
	for n := 0; c.pause(random, 700); n++ {
		if !c.must("reschedule", func(ctx context.Context) error {
			_, err := c.client.Reschedule(ctx, api.Rescheduling{Name: "moved", Expr: exprs[n%len(exprs)]})
			return err
		}) {
			return
		}
		err := c.retry("skip", func(ctx context.Context) error {
			slot, err := c.client.Skip(ctx, "left")
			if err == nil {
				c.skips = append(c.skips, slot.At)
			}
			return err
		})
		if err != nil && api.CodeOf(err) != api.Conflict { // as many as may be are skipped
			c.t.Errorf("skip: %v", err)
			return
		}
	}
}

// recur makes a request with a trigger of its own, asks for it again and again,
// and cancels it at the end.
func (c *crowd) recur(random *rand.Rand) {
	for {
		if !c.must("recurring request", func(ctx context.Context) error {
			run, err := c.client.Request(ctx, api.Request{Task: "often", Key: "own", On: "interval 1s"}, nil)
			c.recurringID = run.ID
			return err
		}) {
			return
		}
		if c.recurring.from.IsZero() {
			c.recurring.from = time.Now()
		}
		if !c.pause(random, 4000) {
			break
		}
	}
	c.recurring.until = time.Now()
	if err := c.retry("cancel", func(ctx context.Context) error { _, err := c.client.Cancel(ctx, c.recurringID); return err }); err != nil && api.CodeOf(err) != api.Conflict {
		c.t.Errorf("cancel: %v", err)
	}
}

// check holds what was answered against what is there in the end.
func (c *crowd) check(t *testing.T, b *book) {
	t.Helper()
	for _, id := range c.asked {
		r, ok := b.byID[id]
		switch {
		case !ok:
			t.Errorf("%s was promised and is not there", id)
		case r.Outcome == runner.Lost && r.Task == "stubborn" && r.Attempts != 5:
			t.Errorf("%s is lost after %d attempts of 5", id, r.Attempts)
		case r.Outcome != runner.OK && r.Outcome != runner.Lost:
			t.Errorf("%s is %s: %s", id, r.Outcome, r.Why)
		}
	}
	for _, r := range b.rows {
		if r.Task == "held" && !r.IsSummary() {
			for _, s := range c.holds {
				if r.Started.After(s.from) && r.Started.Before(s.until) {
					t.Errorf("%s started at %v, although the task was held from %v to %v", r.ID, r.Started, s.from, s.until)
				}
			}
		}
	}
	for _, at := range c.skips {
		if id := runner.SlotID("left", at, 1); b.starts[id] > 0 {
			t.Errorf("%s was started, and should have been skipped", id)
		}
	}
	checkSlots(t, "the recurring request", b.slots("often", c.recurringID), c.recurring.from, c.recurring.until)
	if r := b.byID[c.recurringID]; r.Outcome != runner.Cancelled {
		t.Errorf("the recurring request: %+v, want it cancelled", r)
	}
	if len(c.asked) == 0 || len(c.holds) == 0 || len(c.skips) == 0 {
		t.Error("no call succeeded")
	}
}
