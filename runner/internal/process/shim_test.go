package process

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A shim without runs is kept for a while, for the next run.
func TestIdleShim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		x := &shim{socket: null, errors: null, runs: maxShimRuns - 1}
		s := &Shims{all: []*shim{x}}
		take := func() {
			t.Helper()
			if got, err := s.take(""); got != x || err != nil {
				t.Fatalf("got %v, %v", got, err)
			}
		}
		left := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.all)
		}
		take() // the last that it has room for
		for range maxShimRuns {
			s.release(x)
		}
		time.Sleep(shimIdle - 1)
		take()
		time.Sleep(2 * shimIdle)
		s.release(x)
		time.Sleep(shimIdle - 1)
		if left() != 1 {
			t.Error("it was ended too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if left() != 0 || null.Close() == nil {
			t.Error("it was not ended")
		}
	})
}

// TestUnlock: a lock that is given up can be taken at once, although a process that is
// being started has the file for a moment, too.
func TestUnlock(t *testing.T) {
	d := Dir(t.TempDir())
	lock, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	unlock(lock)
	if d.HasShim() {
		t.Error("it still has a shim")
	}
	again, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
