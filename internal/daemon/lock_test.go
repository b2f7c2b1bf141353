package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A second daemon is refused in a state directory, also if a user has removed the
// file that says that there is one.
func TestLockStateDir(t *testing.T) {
	for _, removed := range []bool{false, true} {
		dir := t.TempDir()
		unlock, err := lockStateDir(t.Context(), dir)
		must(t, err)
		if removed {
			must(t, os.Remove(filepath.Join(dir, "lock")))
		}
		if _, err := lockStateDir(t.Context(), dir); !errors.Is(err, ErrRunning) {
			t.Errorf("the lock removed: %v: %v", removed, err)
		}
		unlock()
		unlock, err = lockStateDir(t.Context(), dir)
		must(t, err)
		unlock()
	}
}
