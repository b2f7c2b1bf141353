package clock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// farthest is the longest setting of the timer, so that its seconds fit everywhere. A later
// instant takes several.
const farthest = 365 * 24 * time.Hour

// New returns the clock of the machine: a timerfd in Go's poller, which costs nothing while
// it waits; the kernel notifies it when the clock is set.
func New() (Clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	c := &kernelClock{timer: timerfd{os.NewFile(uintptr(fd), "timerfd")}}
	if err := c.timer.set(wall().Add(farthest)); err != nil { // from now on steps are noticed
		return nil, fmt.Errorf("timerfd_settime: %w", err)
	}
	return c, nil
}

// kernelClock is the wall clock with a timer of the kernel.
type kernelClock struct {
	timer timer
	woken atomic.Bool
}

// timer is a timerfd. Tests, which must not set the clock of the machine, replace it by one
// that behaves as if the clock was set.
type timer interface {
	// set makes the timer expire at an instant of the wall clock. ECANCELED:
	// it did so, and the clock was set since the last set or Read.
	set(at time.Time) error
	// Read blocks until the timer has expired, or the clock is set
	// (ECANCELED), or the deadline has passed.
	Read([]byte) (int, error)
	SetReadDeadline(time.Time) error
}

// over is a deadline in the past, to end a Read at once.
var over = time.Unix(1, 0)

func (c *kernelClock) Now() time.Time { return wall() }

func (c *kernelClock) Wake() {
	c.woken.Store(true)
	c.timer.SetReadDeadline(over) // after the flag is set: the Read that it ends then sees the flag
}

func (c *kernelClock) Wait(ctx context.Context, until time.Time) (stepped, woken bool, err error) {
	stop := context.AfterFunc(ctx, func() { c.timer.SetReadDeadline(over) })
	defer stop()
	for {
		// The deadline is removed before the reasons for it are checked: a reason
		// that comes up in between sets it again. A deadline left from an earlier
		// Wait only costs one iteration of this loop.
		if err := c.timer.SetReadDeadline(time.Time{}); err != nil {
			return false, false, fmt.Errorf("wait for the timer: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return false, false, err
		}
		woken := c.woken.Swap(false)
		now := wall()
		err := c.timer.set(bound(until, now))
		due := !until.IsZero() && !now.Before(until)
		if err == nil && !woken && !due {
			var expirations [8]byte
			_, err = c.timer.Read(expirations[:])
		}
		switch {
		case errors.Is(err, unix.ECANCELED):
			return true, woken, nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return false, woken, fmt.Errorf("wait for the timer: %w", err)
		case woken || due:
			return false, woken, nil
		}
	}
}

// bound returns the instant to set the timer to, in order to wait for until.
func bound(until, now time.Time) time.Time {
	far := now.Add(farthest)
	switch {
	case until.IsZero() || until.After(far):
		return far
	case until.Before(now):
		return now
	}
	return until
}

// timerfd is the timer of the kernel.
type timerfd struct{ *os.File }

func (t timerfd) set(at time.Time) error {
	value, err := unix.TimeToTimespec(at)
	if err != nil {
		return err
	}
	conn, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &unix.ItimerSpec{Value: value}, nil)
	})
	return errors.Join(err, failed)
}
