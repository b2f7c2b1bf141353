package clock

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// start is where a clock that was never set begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// result is what a Wait returned, and when.
type result struct {
	stepped, woken bool
	err            error
	at             time.Time
}

// wait waits in a goroutine of its own.
func wait(ctx context.Context, c Clock, until time.Time) <-chan result {
	ch := make(chan result, 1)
	go func() {
		stepped, woken, err := c.Wait(ctx, until)
		ch <- result{stepped, woken, err, c.Now()}
	}()
	return ch
}

// TestFake is also the test of the sleeper that the fake is made of.
func TestFake(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	never := time.Time{}
	pass := func(d time.Duration) func(*Fake) {
		return func(*Fake) { time.Sleep(d) } // time itself is the subject
	}
	for _, row := range []struct {
		what  string
		until time.Time
		do    []func(*Fake) // one after the other, while Wait waits
		want  result
	}{
		{"a time that comes", noon.Add(time.Hour), nil, result{at: noon.Add(time.Hour)}},
		{"a time that is now", noon, nil, result{at: noon}},
		{"a time that is past", noon.Add(-time.Hour), nil, result{at: noon}},
		{"a wake", noon.Add(time.Hour), []func(*Fake){pass(time.Minute), (*Fake).Wake},
			result{woken: true, at: noon.Add(time.Minute)}},
		{"a wake, when nothing else will come", never, []func(*Fake){pass(time.Minute), (*Fake).Wake},
			result{woken: true, at: noon.Add(time.Minute)}},
		{"time that passes at once", noon.Add(time.Hour), []func(*Fake){func(f *Fake) { f.Advance(2 * time.Hour) }},
			result{at: noon.Add(2 * time.Hour)}},
		{"time that passes at once, but not enough", noon.Add(time.Hour), []func(*Fake){func(f *Fake) { f.Advance(20 * time.Minute) }},
			result{at: noon.Add(time.Hour)}},
		{"a step forward", noon.Add(time.Hour), []func(*Fake){pass(time.Minute), func(f *Fake) { f.Step(time.Minute) }},
			result{stepped: true, at: noon.Add(2 * time.Minute)}},
		{"a step over the time", noon.Add(time.Hour), []func(*Fake){func(f *Fake) { f.Step(3 * time.Hour) }},
			result{stepped: true, at: noon.Add(3 * time.Hour)}},
		{"a step back", noon.Add(time.Hour), []func(*Fake){func(f *Fake) { f.Step(-time.Hour) }},
			result{stepped: true, at: noon.Add(-time.Hour)}},
		{"a step, when nothing else will come", never, []func(*Fake){func(f *Fake) { f.Set(start) }},
			result{stepped: true, at: start}},
		{"a correction as NTP makes them", noon.Add(time.Hour), []func(*Fake){func(f *Fake) { f.Step(20 * time.Millisecond) }},
			result{at: noon.Add(time.Hour)}},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := NewFake(noon)
				got := wait(t.Context(), f, row.until)
				for _, do := range row.do {
					synctest.Wait()
					do(f)
				}
				if got := <-got; got != row.want {
					t.Errorf("got %+v, want %+v", got, row.want)
				}
			})
		})
	}
}

// TestSleeper checks the clock as seldom as possible: it gets no notice of a step.
func TestSleeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var set time.Duration
		begin := time.Now()
		s := newSleeper(func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return wall().Add(set)
		}, func() time.Duration { return time.Since(begin) }, 30*time.Second)

		if stepped, woken, err := s.Wait(t.Context(), begin.Add(time.Hour)); stepped || woken || err != nil {
			t.Errorf("quiet wait: %v, %v, %v", stepped, woken, err)
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("quiet wait took %v", took)
		}

		begin2 := time.Now()
		time.AfterFunc(time.Minute+time.Second, func() {
			mu.Lock()
			defer mu.Unlock()
			set = -10 * time.Minute
		})
		if stepped, woken, err := s.Wait(t.Context(), time.Time{}); !stepped || woken || err != nil {
			t.Errorf("wait with a step: %v, %v, %v", stepped, woken, err)
		}
		if took := time.Since(begin2); took != 90*time.Second {
			t.Errorf("a step after 61 s was noticed after %v", took)
		}
	})
}

// clocks are the implementations that can run here, each made anew.
func clocks(t testing.TB) map[string]Clock {
	real, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Clock{"real": real, "fake": NewFake(time.Now())}
}

func TestWaitForTime(t *testing.T) {
	for name, c := range clocks(t) {
		t.Run(name, func(t *testing.T) {
			for _, d := range []time.Duration{-time.Hour, 0, time.Millisecond, 30 * time.Millisecond} {
				until := c.Now().Add(d)
				stepped, woken, err := c.Wait(t.Context(), until)
				if stepped || woken || err != nil {
					t.Errorf("in %v: %v, %v, %v", d, stepped, woken, err)
				}
				if late := c.Now().Sub(until); late < 0 {
					t.Errorf("in %v: %v early", d, -late)
				}
			}
			for _, odd := range []time.Time{time.Unix(0, 0), time.Unix(-5, 0), time.Date(-300, 1, 1, 0, 0, 0, 0, time.UTC)} {
				if stepped, woken, err := c.Wait(t.Context(), odd); stepped || woken || err != nil {
					t.Errorf("until %v: %v, %v, %v", odd, stepped, woken, err)
				}
			}
		})
	}
}

func TestWakeIsNeverLost(t *testing.T) {
	far := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, c := range clocks(t) {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				c.Wake()
			}
			if stepped, woken, err := c.Wait(t.Context(), far); stepped || !woken || err != nil {
				t.Errorf("woken before: %v, %v, %v", stepped, woken, err)
			}
			// Several are one: this one waits out its time.
			if stepped, woken, err := c.Wait(t.Context(), c.Now().Add(time.Millisecond)); stepped || woken || err != nil {
				t.Errorf("after that: %v, %v, %v", stepped, woken, err)
			}
			// Each is answered, wherever in a Wait it falls.
			for i := range 2000 {
				got := wait(t.Context(), c, []time.Time{{}, far}[i%2])
				for range i % 64 {
					c.Now()
				}
				c.Wake()
				if got := <-got; got.stepped || !got.woken || got.err != nil {
					t.Fatalf("wake %d: %+v", i, got)
				}
			}
			// From many goroutines at once, and never fewer than one answer.
			var all sync.WaitGroup
			for range 16 {
				all.Go(c.Wake)
			}
			if _, woken, err := c.Wait(t.Context(), time.Time{}); !woken || err != nil {
				t.Errorf("woken by many: %v, %v", woken, err)
			}
			all.Wait()
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	for name, c := range clocks(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			got := wait(ctx, c, time.Time{})
			cancel()
			if got := <-got; !errors.Is(got.err, context.Canceled) || got.stepped || got.woken {
				t.Errorf("while it waits: %+v", got)
			}
			c.Wake()
			if _, _, err := c.Wait(ctx, c.Now()); !errors.Is(err, context.Canceled) {
				t.Errorf("before it waits: %v", err)
			}
			if _, woken, err := c.Wait(t.Context(), time.Time{}); !woken || err != nil {
				t.Errorf("a wake that came with the end: %v, %v", woken, err)
			}
			if _, woken, err := c.Wait(t.Context(), c.Now().Add(time.Millisecond)); woken || err != nil {
				t.Errorf("the next wait: %v, %v", woken, err)
			}
		})
	}
}

func TestNowIsTheWallClock(t *testing.T) {
	for name, c := range clocks(t) {
		if now := c.Now(); now != now.Round(0) {
			t.Errorf("%s: %v has a monotonic reading", name, now)
		}
	}
}
