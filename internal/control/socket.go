package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rota/internal/api"
)

// SocketPath returns the path of the socket of a daemon: the configured one, else
// /run/rota/rota.sock for root, else one in $XDG_RUNTIME_DIR, else one in the state
// directory.
func SocketPath(configured, stateDir string) string {
	switch dir := os.Getenv("XDG_RUNTIME_DIR"); {
	case configured != "":
		return configured
	case os.Geteuid() == 0:
		return "/run/rota/rota.sock"
	case filepath.IsAbs(dir):
		return filepath.Join(dir, "rota", "rota.sock")
	}
	return filepath.Join(stateDir, "rota.sock")
}

// maxAddr is the longest path that the address of a unix socket can hold; see
// unix(7).
const maxAddr = 107

// unixAddr returns the address of a socket. If the path is too long, the address uses a
// descriptor of the directory, which done closes.
func unixAddr(path string) (addr string, done func(), err error) {
	if len(path) <= maxAddr {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	addr = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if len(addr) > maxAddr {
		dir.Close()
		return "", nil, fmt.Errorf("the name of the socket is too long: %s", filepath.Base(path))
	}
	return addr, func() { dir.Close() }, nil
}

// dialUnix connects to the socket at path.
func dialUnix(ctx context.Context, dialer *net.Dialer, path string) (net.Conn, error) {
	addr, done, err := unixAddr(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return dialer.DialContext(ctx, "unix", addr)
}

// unixListener is a unix socket that Close removes, unless another file is at its path.
type unixListener struct {
	net.Listener
	path string
	made os.FileInfo
}

func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
		os.Remove(l.path)
	}
	return l.Listener.Close()
}

// listenUnix listens at a path that every user may connect to. It makes the directory if
// needed, and removes a socket at path that has no listener.
func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("the directory of the socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	addr, done, err := unixAddr(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: addr, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	made, err := os.Lstat(path)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the socket: %w", err), l.Close())
	}
	return &unixListener{l, path, made}, nil
}

// removeStale removes a socket without a listener. Any other file is an error.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return api.Errorf(api.Failed, "move it away, or set socket in [rota]", "%s is not a socket", path)
	}
	c, err := dialUnix(context.Background(), &net.Dialer{Timeout: time.Second}, path)
	if err == nil {
		c.Close()
		return api.Errorf(api.Conflict, "stop it, or set another socket in [rota]", "another rota already listens at %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("cannot determine whether a rota listens at %s: %w", path, err)
	}
	return os.Remove(path)
}
