package engine

import (
	"testing"
	"time"

	"rota/config"
)

// The waits of rota in a container end before the runtime kills everything; the kill and
// the last commit take additional time.
func TestStopFitsIntoAContainer(t *testing.T) {
	cfg := &config.Config{}
	cfg.Rota.ShutdownGrace = -1 // the file says nothing
	eng := New(Options{Config: cfg, StateDir: t.TempDir(), Container: true})
	if sum := eng.Grace() + containerKill + eng.notificationTimeout(); sum > 8*time.Second || eng.notificationTimeout() == 0 {
		t.Errorf("%s, with %s for notifications", sum, eng.notificationTimeout())
	}
}
