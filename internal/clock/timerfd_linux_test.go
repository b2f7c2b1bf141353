package clock

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// setTimer is a timer on a machine whose clock is set at a chosen moment.
type setTimer struct {
	timer
	onSet, onRead error // given back once
}

func (t *setTimer) set(at time.Time) error {
	err := t.timer.set(at)
	if t.onSet != nil {
		err, t.onSet = t.onSet, nil
	}
	return err
}

func (t *setTimer) Read(b []byte) (int, error) {
	if err := t.onRead; err != nil {
		t.onRead = nil
		return 0, &os.PathError{Op: "read", Path: "timerfd", Err: err}
	}
	return t.timer.Read(b)
}

func TestClockIsSet(t *testing.T) {
	for _, row := range []struct {
		what          string
		onSet, onRead error
		wake          bool
		until         time.Duration // from now; 0: never
		stepped       bool
		err           error
	}{
		{what: "while it waits", onRead: unix.ECANCELED, stepped: true},
		{what: "while it waits for a time", onRead: unix.ECANCELED, until: time.Hour, stepped: true},
		{what: "between two waits", onSet: unix.ECANCELED, stepped: true},
		{what: "between two waits, and the time has come", onSet: unix.ECANCELED, until: -time.Hour, stepped: true},
		{what: "between two waits, and woken", onSet: unix.ECANCELED, wake: true, stepped: true},
		{what: "never, but the kernel refuses to wait", onSet: unix.EINVAL, err: unix.EINVAL},
		{what: "never, but the timer is broken", onRead: unix.EIO, err: unix.EIO},
	} {
		t.Run(row.what, func(t *testing.T) {
			c, err := New()
			if err != nil {
				t.Fatal(err)
			}
			k := c.(*kernelClock)
			k.timer = &setTimer{k.timer, row.onSet, row.onRead}
			var until time.Time
			if row.until != 0 {
				until = c.Now().Add(row.until)
			}
			if row.wake {
				c.Wake()
			}
			stepped, woken, err := c.Wait(t.Context(), until)
			if stepped != row.stepped || woken != row.wake || !errors.Is(err, row.err) {
				t.Errorf("got %v, %v, %v; want %v, %v, %v", stepped, woken, err, row.stepped, row.wake, row.err)
			}
			if stepped, woken, err = c.Wait(t.Context(), c.Now().Add(time.Millisecond)); stepped || woken || err != nil {
				t.Errorf("the next wait: %v, %v, %v", stepped, woken, err)
			}
		})
	}
}

// TestIdle watches that a Wait costs no processor time.
func TestIdle(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	before := switches(t)
	if _, _, err := c.Wait(t.Context(), c.Now().Add(300*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n := switches(t) - before; n > 100 {
		t.Errorf("the process went to sleep %d times in 0.3 s of waiting", n)
	}
}

// switches counts how often the process gave up the processor to wait.
func switches(t *testing.T) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Nvcsw
}

// BenchmarkWait measures how late a Wait for a time returns.
func BenchmarkWait(b *testing.B) {
	c, err := New()
	if err != nil {
		b.Fatal(err)
	}
	var late []time.Duration
	for b.Loop() {
		until := c.Now().Add(2 * time.Millisecond)
		if _, _, err := c.Wait(b.Context(), until); err != nil {
			b.Fatal(err)
		}
		late = append(late, c.Now().Sub(until))
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-late-p50")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-late-p99")
}

// BenchmarkWake measures how long a Wake takes to end a Wait.
func BenchmarkWake(b *testing.B) {
	c, err := New()
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		for b.Context().Err() == nil {
			_, _, err := c.Wait(b.Context(), time.Time{})
			ended <- err
		}
	}()
	for b.Loop() {
		c.Wake()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
}
