package control_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rota/internal/api"
	"rota/internal/control"
)

// TestSocket: a socket is made for everybody, in a directory that is made for it;
// one that was left behind is replaced, and nothing else.
func TestSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run", "rota.sock")
	first, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o666 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("its directory is %v, %v", info.Mode(), err)
	}
	if _, err := control.OpenSocket(path, ""); api.CodeOf(err) != api.Conflict {
		t.Errorf("where one listens: %v", err)
	}

	os.Remove(path)
	second, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the first took the second's socket away: %v", err)
	}
	second.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a closed socket is left: %v", err)
	}

	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	third, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatalf("where one was left behind: %v", err)
	}
	third.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.OpenSocket(path, ""); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("where a file is: %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

// TestLongSocket: a path longer than the address of a socket can be works.
func TestLongSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long/", 40), "rota.sock")
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if d.Addr() != path {
		t.Errorf("it is at %s", d.Addr())
	}
	c, err := control.DialUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	d.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a closed socket is left: %v", err)
	}
	if _, err := control.OpenSocket(filepath.Join(t.TempDir(), strings.Repeat("x", 120)), ""); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a name that is too long: %v", err)
	}
	if _, err := control.DialUnix(context.Background(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSocketPath(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	want := "/run/rota/rota.sock"
	if os.Geteuid() != 0 {
		want = "/run/user/7/rota/rota.sock"
	}
	if got := control.SocketPath("", "/state"); got != want {
		t.Errorf("by default %s, want %s", got, want)
	}
	if got := control.SocketPath("/x.sock", "/state"); got != "/x.sock" {
		t.Errorf("as the file says: %s", got)
	}
	if os.Geteuid() != 0 {
		t.Setenv("XDG_RUNTIME_DIR", "relative")
		if got := control.SocketPath("", "/state"); got != "/state/rota.sock" {
			t.Errorf("without a directory of such things: %s", got)
		}
	}
}

// TestGroup: a missing group is an error, not an empty group.
func TestGroup(t *testing.T) {
	_, err := control.OpenSocket(filepath.Join(t.TempDir(), "rota.sock"), "no-such-group")
	if api.CodeOf(err) != api.Usage {
		t.Errorf("%v", err)
	}
}
