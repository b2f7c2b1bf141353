package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rota/internal/hungtest"
)

// A file system that never answers affects only the runs that need it: other tasks
// continue, rota answers, and the second signal ends it.
func TestHungFileSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	t.Parallel()
	dir := t.TempDir()
	mount := filepath.Join(dir, "mount")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	hung := hungtest.Mount(t, mount)
	put(t, filepath.Join(dir, "jobs.toml"), header+fmt.Sprintf(`shutdown_grace = "1h"
[defaults]
kill_after = "1h"
timeout = "1h"
[tasks.write]
at_start = true
write = { path = "%[1]s/file", text = "x" }
[tasks.program]
at_start = true
command = ["%[1]s/program"]
[tasks.dir]
at_start = true
dir = "%[1]s"
command = "true"
[tasks.env]
at_start = true
mode = "forked"
env_file = "%[1]s/env"
command = "true"
[tasks.other]
interval = "1s"
command = "true"
`, mount))
	d := startDaemon(t, dir, nil)
	from := 0
	for range 3 {
		d.msg(&from, "ok", "other")
	}
	if err := hung.Asked(t.Context()); err != nil {
		t.Error(err)
	}
	if code, said, stderr := d.rota("ps"); code != 0 || strings.Count(said, "running") < 4 {
		t.Errorf("ps: %d %s%s", code, said, stderr)
	}
	if code, said, stderr := d.rota("check", "--host"); code != 3 || !strings.Contains(said, "did not answer") {
		t.Errorf("check: %d %s%s", code, said, stderr)
	}
	if code, said, stderr := d.rota("stop", "program", "--kill"); code != 0 {
		t.Errorf("stop: %d %s%s", code, said, stderr)
	}
	if code := d.stop(syscall.SIGTERM, syscall.SIGINT); code != 0 {
		t.Errorf("exit %d", code)
	}
}
