package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rota/config"
)

// The last good file that cannot be kept, as on a full disk, is kept once it can be: it
// is that in force then.
func TestKeptOnceThereIsRoom(t *testing.T) {
	inBubble(t, "[tasks.t]\nlog = \"x\"\n", func(r *bubble) {
		last := filepath.Join(r.stateDir, "last-good")
		must(r.t, os.RemoveAll(last))
		must(r.t, os.WriteFile(last, nil, 0o600)) // in its place
		for _, jobs := range []string{"[tasks.old]\nlog = \"x\"\n", "[tasks.new]\nlog = \"x\"\n"} {
			r.edited(jobs)
			r.saveLastGood(r.engine.InForce())
		}
		r.pass(10 * time.Minute)
		if _, err := config.LoadSaved(last, config.Options{}); err == nil {
			r.t.Error("it is kept where there is no room")
		}
		must(r.t, os.Remove(last))
		r.pass(maxPause)
		c, err := config.LoadSaved(last, config.Options{})
		if must(r.t, err); c.Revision != r.engine.InForce().Revision {
			r.t.Errorf("kept: %v", c.Tasks)
		}
	})
}
