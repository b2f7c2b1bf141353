package process

import (
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// A process whose environment cannot be read costs half a second, once, and hides
// only what belongs to the same user.
func TestSilentProcess(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	r := environReader{
		open: func(pid int) ([]byte, error) {
			if pid%10 == 0 {
				<-answer
			}
			return []byte("A=1"), nil
		},
		user: func(pid int) (int, error) { return pid / 100, nil },
	}
	if env := r.read(100); env != nil {
		t.Errorf("%q", env)
	}
	for pid := 100; pid < 200; pid++ {
		if env := r.read(pid); env != nil {
			t.Errorf("%d of the same user: %q", pid, env)
		}
	}
	if env := r.read(201); string(env) != "A=1" {
		t.Errorf("of another user: %q", env)
	}
	close(answer)
	for until := time.Now().Add(2 * time.Minute); string(r.read(101)) != "A=1"; <-time.After(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not read again after it has answered")
		}
	}
}

// However many users there are, not more than a few processes are waited for.
func TestManySilentProcesses(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	r := environReader{
		open: func(int) ([]byte, error) { opened.Add(1); select {} },
		user: func(pid int) (int, error) { return pid, nil },
	}
	for pid := range 200 {
		r.read(pid)
	}
	if n := opened.Load(); n > maxPending {
		t.Errorf("%d processes were waited for", n)
	}
	if len(r.pending) > maxPending {
		t.Errorf("%d are waited for", len(r.pending))
	}
}

func TestRealUser(t *testing.T) {
	t.Parallel()
	if uid, err := realUser(os.Getpid()); err != nil || uid != os.Getuid() {
		t.Error(uid, err)
	}
}
