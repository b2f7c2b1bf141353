package engine

import (
	"testing"
	"time"

	"rota/config"
)

// What rota waits for in a container is over before the runtime kills all; what the
// kill takes, and the last commit, comes on top.
func TestStopFitsIntoAContainer(t *testing.T) {
	cfg := &config.Config{}
	cfg.Rota.ShutdownGrace = -1 // the file says nothing
	eng := New(Options{Config: cfg, StateDir: t.TempDir(), Container: true})
	if sum := eng.Grace() + containerKill + eng.notificationTimeout(); sum > 8*time.Second || eng.notificationTimeout() == 0 {
		t.Errorf("%s, with %s for notifications", sum, eng.notificationTimeout())
	}
}
