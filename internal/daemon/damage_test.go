package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// With its ledger gone or spoiled rota starts, says what it found, adopts the
// forked run of before, and counts from now.
func TestStartWithADamagedLedger(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(path string) error
		aside bool // there is something to set aside
	}{
		{"removed", os.Remove, false},
		{"cut", func(path string) error { return os.Truncate(path, 100) }, true},
		{"overwritten", func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("no database ", 5000)), 0o600)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "log")
			const head = "[rota]\nstate_dir = \"state\"\n"
			write(t, filepath.Join(dir, "jobs.toml"), head+"[tasks.long]\nat_start = true\nmode = \"forked\"\ncommand = \"echo up >up; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; exit 3\"\n")
			cmd := child(t, dir)
			await(t, "forked run", func() bool { return lines(filepath.Join(dir, "up"), "up") > 0 })
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			for _, extra := range []string{"-wal", "-shm"} {
				_ = os.Remove(filepath.Join(dir, "state", "rota.db"+extra))
			}
			if err := c.spoil(filepath.Join(dir, "state", "rota.db")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "jobs.toml"), head+"[tasks.tick]\ninterval = \"1s\"\nlog = \"x\"\n")
			cmd = child(t, dir)
			await(t, "adoption", func() bool { return lines(log, `msg="adopted a forked run of an earlier daemon" task=long`) > 0 })
			await(t, "tick", func() bool { return lines(log, "msg=ok task=tick") > 0 })
			write(t, filepath.Join(dir, "go"), "")
			await(t, "end of the forked run", func() bool { return lines(log, `msg=failed task=long`) > 0 && lines(log, `why="exit 3"`) > 0 })
			if lines(log, "the ledger is not sound") == 0 {
				t.Error("the damage is not reported")
			}
			aside, _ := filepath.Glob(filepath.Join(dir, "state", "rota.db.damaged-*"))
			if c.aside && (len(aside) == 0 || lines(log, filepath.Base(aside[0])) == 0) {
				t.Errorf("the damaged file is not named: %v", aside)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
		})
	}
}
