package control_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"rota/internal/api"
	"rota/internal/control"
)

// dialAs connects to a socket as another user, which only root can.
func dialAs(uid, gid int, groups []uint32, path string) func(ctx context.Context, _, _ string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		type made struct {
			c   net.Conn
			err error
		}
		done := make(chan made)
		go func() {
			// The thread is not unlocked, so it ends with this function: no other
			// goroutine runs as that user.
			runtime.LockOSThread()
			c, err := func() (net.Conn, error) {
				var first uintptr
				if len(groups) > 0 {
					first = uintptr(unsafe.Pointer(&groups[0]))
				}
				if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), first, 0); errno != 0 {
					return nil, os.NewSyscallError("setgroups", errno)
				}
				if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); errno != 0 {
					return nil, os.NewSyscallError("setresgid", errno)
				}
				if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
					return nil, os.NewSyscallError("setresuid", errno)
				}
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return nil, err
				}
				file := os.NewFile(uintptr(fd), path)
				defer file.Close()
				if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
					return nil, err
				}
				return net.FileConn(file)
			}()
			done <- made{c, err}
		}()
		m := <-done
		return m.c, m.err
	}
}

const nobody = 65534

// publicSocket is a path that everybody can reach.
func publicSocket(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "rota")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "rota.sock")
}

// TestPeers is what each user may do at the socket.
func TestPeers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	h := open(t)
	path := publicSocket(t)
	const group = 4242
	d, err := control.OpenSocket(path, "4242")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	many := make([]uint32, 200) // more than are asked for at first
	for i := range many {
		many[i] = uint32(10_000 + i)
	}
	for _, test := range []struct {
		name     string
		uid, gid int
		groups   []uint32
		token    string
		who      string
		mail     api.Code // reading a task that runs as the user nobody
		echo     api.Code // and at one of root's
		holdEcho api.Code
		skipMail api.Code
		reload   api.Code
	}{
		{"root", 0, 0, nil, "", "root", "", "", "", api.Conflict, ""},
		{"a member of the group", nobody, nobody, []uint32{1, group}, "", "nobody", "", "", "", api.Conflict, ""},
		{"one of many groups", nobody, nobody, append(many, group), "", "nobody", "", "", "", api.Conflict, ""},
		{"whose own group it is", nobody, group, nil, "", "nobody", "", "", "", api.Conflict, ""},
		{"the user of two tasks", nobody, nobody, many, "", "nobody", "", api.NotFound, api.NotFound, api.Forbidden, api.Forbidden},
		{"a user of none", 54321, 54321, nil, "", "uid 54321", api.NotFound, api.NotFound, api.NotFound, api.NotFound, api.Forbidden},
		{"a run of echo", nobody, nobody, nil, runToken, "run echo/1", "", "", "", api.Forbidden, api.Forbidden},
		{"a run of echo as nobody known", 54321, 54321, nil, runToken, "run echo/1", api.NotFound, "", "", api.NotFound, api.Forbidden},
		{"a run that has ended, as root", 0, 0, nil, "old-0123456789abcdef", "root", "", "", "", api.Conflict, ""},
		{"a run that has ended", nobody, nobody, nil, "old-0123456789abcdef", "", api.Forbidden, api.Forbidden, api.Forbidden, api.Forbidden, api.Forbidden},
		{"a token of the web", 54321, 54321, nil, controlToken, "", api.Forbidden, api.Forbidden, api.Forbidden, api.Forbidden, api.Forbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			c := client(t, control.Target{Socket: path, Token: test.token})
			c.Dial(dialAs(test.uid, test.gid, test.groups, path))
			is := func(what string, err error, want api.Code) {
				t.Helper()
				if got := api.CodeOf(err); got != want {
					t.Errorf("%s: %q (%v), want %q", what, got, err, want)
				}
			}
			_, err := c.Tasks(ctx, "mail")
			is("look at mail", err, test.mail)
			_, err = c.Tasks(ctx, "echo")
			is("look at echo", err, test.echo)
			held, err := c.Hold(ctx, api.Holding{Tasks: []string{"echo"}})
			is("hold echo", err, test.holdEcho)
			if err == nil && held[0].Hold.By != test.who {
				t.Errorf("held by %q, want %q", held[0].Hold.By, test.who)
			}
			held, err = c.Hold(ctx, api.Holding{Tasks: []string{"mail"}})
			is("hold mail", err, test.mail)
			if err == nil && held[0].Hold.By != test.who {
				t.Errorf("held by %q, want %q", held[0].Hold.By, test.who)
			}
			_, err = c.Skip(ctx, "mail")
			is("skip mail", err, test.skipMail)
			_, err = c.Reload(ctx, true)
			is("reload", err, test.reload)
		})
	}
}

// TestCrowd: one user cannot keep the others out.
func TestCrowd(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	h := open(t)
	path := publicSocket(t)
	d, err := control.OpenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, d)
	dial := dialAs(nobody, nobody, nil, path)
	var last net.Conn
	for range control.MaxPeer + 1 {
		if last, err = dial(nil, "", ""); err != nil {
			t.Fatal(err)
		}
		defer last.Close()
	}
	if n, err := last.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("one connection too many: %d bytes, %v", n, err)
	}
	if _, err := client(t, control.Target{Socket: path}).Status(t.Context()); err != nil {
		t.Errorf("root: %v", err)
	}
	other := client(t, control.Target{Socket: path})
	other.Dial(dialAs(54321, 54321, nil, path))
	if _, err := other.Status(t.Context()); err != nil {
		t.Errorf("another user: %v", err)
	}
}
