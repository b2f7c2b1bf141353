package daemon

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The second request to stop ends the daemon a little later, even if the first one hangs;
// other signals do not.
func TestSecondSignal(t *testing.T) {
	for _, test := range []struct {
		name    string
		signals []os.Signal
		exits   bool
	}{
		{"one", []os.Signal{syscall.SIGTERM}, false},
		{"two", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, true},
		{"two kinds", []os.Signal{syscall.SIGTERM, syscall.SIGINT}, true},
		{"one of a hundred others", append(times(100, syscall.SIGHUP), syscall.SIGTERM), false},
		{"two behind a hundred that nobody answers", append(times(100, syscall.SIGHUP), syscall.SIGTERM, syscall.SIGTERM), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &signals{raw: make(chan os.Signal), ch: make(chan os.Signal, 8), forceStop: make(chan struct{})}
				s.ctx, s.end = context.WithCancel(t.Context())
				exited := false
				go s.pass(func() { exited = true })
				for _, sig := range test.signals {
					s.raw <- sig
				}
				time.Sleep(exitTimeout + time.Second)
				synctest.Wait()
				if exited != test.exits {
					t.Errorf("exited: %v", exited)
				}
				s.end()
				synctest.Wait()
			})
		})
	}
}

func times(n int, sig os.Signal) (list []os.Signal) {
	for range n {
		list = append(list, sig)
	}
	return list
}
