package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// firstVersion is a commit whose directories of forked runs are of version 1.
const firstVersion = "a691663"

// buildFirst builds rota as it was at that commit. Without the history of this
// repository there is no such program; TestRecordOfTheFirstVersion of package
// runner reads what it has left then.
func buildFirst(t *testing.T) string {
	t.Helper()
	if err := exec.Command("git", "cat-file", "-e", firstVersion+"^{commit}").Run(); err != nil {
		t.Skipf("the history with %s is not here", firstVersion)
	}
	dir := tempDir(t)
	archive := exec.Command("git", "archive", firstVersion)
	unpack := exec.Command("tar", "-x", "-C", dir)
	var err error
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unpack.Start(), archive.Run(), unpack.Wait()); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", "rota", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the other tests build it
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "rota")
}

// A daemon of today takes over forked runs that one of the first version started:
// it follows one to its end, stops one, and ends one whose shim was killed.
func TestUpgradeWithForkedRunsAlive(t *testing.T) {
	t.Parallel()
	old := buildFirst(t)
	dir := tempDir(t)
	task := func(name string) string {
		return "[tasks." + name + "]\nmode = \"forked\"\ncommand = \"echo $$ >" + name + "; while [ -e jobs.toml ] && [ ! -e go ]; do sleep 0.01; done; exit 7\"\n"
	}
	put(t, filepath.Join(dir, "jobs.toml"), header+task("ends")+task("stopped")+task("orphan"))
	first := startDaemon(t, dir, func(cmd *exec.Cmd) { cmd.Path = old })
	awaitNil(t, "an answer", func() error { return exec.Command(old, "-s", first.socket(), "ping").Run() })
	ids := map[string]string{}
	for _, name := range []string{"ends", "stopped", "orphan"} {
		out, err := exec.Command(old, "-s", first.socket(), "run", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = strings.TrimSpace(string(out))
		awaitText(t, filepath.Join(dir, name), `\d\n`)
	}
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.ended

	d := startDaemon(t, dir, nil)
	ended := func(name, outcome string) {
		t.Helper()
		if l := d.msg(new(int), outcome, name); l.Run != ids[name] {
			t.Errorf("%s: %s, want %s", outcome, l.Run, ids[name])
		}
	}
	for name, id := range ids {
		if l := d.msg(new(int), "adopted a forked run of an earlier daemon", name); l.Run != id {
			t.Errorf("adopted %s, want %s", l.Run, id)
		}
	}
	if code, _, said := d.rota("stop", ids["stopped"]); code != 0 {
		t.Errorf("stop: %d, %s", code, said)
	}
	ended("stopped", "cancelled")
	var shim struct{ PID int }
	name := strings.Replace(ids["orphan"], "/", "+", 1) + ".1"
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "state", "runs", name, "go"))), &shim); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(shim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ended("orphan", "lost")
	put(t, filepath.Join(dir, "go"), "")
	ended("ends", "failed")
}
