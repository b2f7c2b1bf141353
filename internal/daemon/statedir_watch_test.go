package daemon

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rota/internal/control"
)

// A daemon whose state directory is removed cannot record anything: it ends and says why.
func TestStateDirectoryTakenAway(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"sub/state\"\n[tasks.tick]\ninterval = \"1s\"\nlog = \"x\"\n")
	cmd := child(t, dir)
	await(t, "tick", func() bool { return lines(filepath.Join(dir, "log"), "msg=ok task=tick") > 0 })
	must(t, os.Rename(filepath.Join(dir, "sub", "state"), filepath.Join(dir, "elsewhere")))
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() == 0 {
		t.Errorf("it ended with %v", err)
	}
}

// A socket that is removed is created again.
func TestSocketRemoved(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "run", "rota.sock")
	write(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"state\"\nsocket = \"run/rota.sock\"\n")
	child(t, dir)
	client, err := control.NewClient(control.Target{Socket: socket})
	must(t, err)
	answers := func() bool {
		_, err := client.Status(t.Context())
		return err == nil
	}
	await(t, "an answer", answers)
	client.Close()
	must(t, os.Remove(socket))
	await(t, "the socket", func() bool { _, err := os.Lstat(socket); return err == nil })
	await(t, "another answer", answers)
}
