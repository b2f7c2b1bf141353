package daemon

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gated takes what is written when it is let.
type gated struct {
	gate chan struct{} // nil: at once
	mu   sync.Mutex
	got  bytes.Buffer
}

func (r *gated) Write(p []byte) (int, error) {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.Write(p)
}

func TestFeedKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &gated{}
		f := newFeed(r)
		var want strings.Builder
		for i := range 10000 {
			fmt.Fprintf(f, "line %d\n", i)
			fmt.Fprintf(&want, "line %d\n", i)
		}
		f.close()
		if r.got.String() != want.String() {
			t.Error("lines are lost or out of order")
		}
	})
}

func TestFeedDoesNotWaitForOneWhoStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &gated{gate: make(chan struct{})}
		f := newFeed(r)
		line := append(bytes.Repeat([]byte("x"), 64<<10-1), '\n')
		began := time.Now()
		for range 1000 { // 64 MB
			_, _ = f.Write(line)
		}
		if took := time.Since(began); took > feedTimeout {
			t.Errorf("writing took %v", took)
		}
		if f.size > feedSize {
			t.Errorf("%d bytes wait, more than %d", f.size, feedSize)
		}
		close(r.gate) // it reads again
		synctest.Wait()
		fmt.Fprint(f, "after\n")
		f.close()
		all := r.got.String()
		if kept := strings.Count(all, "x\n"); !strings.Contains(all, fmt.Sprintf("[rota] %d lines were dropped here", 1000-kept)) || !strings.HasSuffix(all, "after\n") {
			t.Errorf("%d lines were kept of 1000, and the end is %q", kept, all[max(0, len(all)-100):])
		}
	})
}

func TestFeedCloseDoesNotWaitForOneWhoStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &gated{gate: make(chan struct{})}
		f := newFeed(r)
		fmt.Fprint(f, "x\n")
		began := time.Now()
		f.close()
		if took := time.Since(began); took > feedTimeout {
			t.Errorf("it took %v", took)
		}
		close(r.gate)
	})
}

func TestFeedWaitsForOneWhoIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &gated{gate: make(chan struct{})}
		f := newFeed(r)
		var slow sync.WaitGroup
		slow.Go(func() {
			for {
				time.Sleep(10 * time.Millisecond) // time itself is the subject
				select {
				case r.gate <- struct{}{}:
				case <-f.done:
					return
				}
			}
		})
		line := append(bytes.Repeat([]byte("x"), 64<<10-1), '\n')
		for range 200 {
			_, _ = f.Write(line)
		}
		for f.mu.Lock(); f.size > 0; f.mu.Lock() {
			f.mu.Unlock()
			time.Sleep(10 * time.Millisecond) // time itself is the subject
		}
		f.mu.Unlock()
		f.close()
		slow.Wait()
		if n := strings.Count(r.got.String(), "\n"); n != 200 {
			t.Errorf("%d lines of 200 came", n)
		}
	})
}
