package daemon

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A daemon that was killed while it was starting a child leaves that with all it
// had open, until the child is a program of its own. The next daemon waits.
func TestWhatAKilledDaemonHadOpen(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	write(t, filepath.Join(dir, "jobs.toml"), "[rota]\nstate_dir = \"state\"\n[tasks.t]\nlog = \"x\"\n")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(state, "lock"))
	if ok, err := lock.TryLock(); !ok {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(state, "rota.sock"))
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	cmd := child(t, dir)
	client := clientOf(t, state)
	<-time.After(300 * time.Millisecond)
	_ = lock.Unlock()
	<-time.After(300 * time.Millisecond)
	_ = listener.Close()
	await(t, "answer", func() bool { st, err := client.Status(t.Context()); return err == nil && st.PID == cmd.Process.Pid })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
