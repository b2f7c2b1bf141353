package config

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Files in a real directory.
func TestLoadFile(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.write("open.toml", "a")
	s.must(os.Chmod(s.path("open.toml"), 0o666))
	s.write("conf.d/open.toml", "x")
	s.must(os.Chmod(s.path("conf.d/open.toml"), 0o666))
	s.write("includes.toml", "INCLUDE a")
	s.write("directory/x", "")
	s.must(os.Mkdir(s.path("fifos"), 0o755))
	s.must(syscall.Mkfifo(s.path("fifo.toml"), 0o600))
	s.must(syscall.Mkfifo(s.path("fifos/x"), 0o600))
	s.text("fifos.toml", "[rota]\ninclude = \"fifos/*\"\n")
	s.text("fifo-dates.toml", "[tasks.a]\ncommand = \"true\"\nat = \"08:00\"\nexcept = \"file:fifo.toml\"\n")
	s.link("/dev/zero", "device.toml")
	s.link("fifo.toml", "link.toml")
	s.must(os.Truncate(s.path("directory/x"), 20<<20))

	for _, c := range []struct {
		file string
		want string // a part of the error
		says bool   // the error is an *Errors
	}{
		{"gone.toml", "gone.toml: no such file or directory", false},
		{"directory", "directory: is a directory", false},
		{"open.toml", "anybody may change the file; type: chmod o-w ", true},
		{"includes.toml", "conf.d/open.toml: anybody may change the file; type: chmod o-w ", true},
		{"directory/x", "the file is larger than 16 MiB", true},
		{"fifo.toml", "fifo.toml: not a regular file", false}, // and nothing to wait for
		{"link.toml", "link.toml: not a regular file", false},
		{"device.toml", "device.toml: not a regular file", false},
		{"fifos.toml", "fifos/x: not a regular file", true},
		{"fifo-dates.toml", "cannot read fifo.toml: not a regular file", true},
	} {
		_, err := Load(s.path(c.file), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.file, err, c.want)
		}
		if e := (*Errors)(nil); errors.As(err, &e) != c.says {
			t.Errorf("%s: %T", c.file, err)
		}
	}
}

// A file on which another process has a lease is not waited for.
func TestLoadLeasedFile(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.write("jobs.toml", "a")
	f, err := os.OpenFile(s.path("jobs.toml"), os.O_RDWR, 0)
	s.must(err)
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("no leases here: %v", err)
	}
	if _, err := Load(s.path("jobs.toml"), Options{}); err == nil || errors.As(err, new(*Unanswered)) {
		t.Error(err)
	}
	s.must(f.Close())
	_, err = Load(s.path("jobs.toml"), Options{})
	s.must(err)
}
