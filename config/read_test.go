package config

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Files as they lie in a real folder.
func TestLoadFile(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	s.write("open.toml", "a")
	s.must(os.Chmod(s.path("open.toml"), 0o666))
	s.write("conf.d/open.toml", "x")
	s.must(os.Chmod(s.path("conf.d/open.toml"), 0o666))
	s.write("includes.toml", "INCLUDE a")
	s.write("folder/x", "")
	s.must(os.Mkdir(s.path("fifos"), 0o755))
	s.must(syscall.Mkfifo(s.path("fifo.toml"), 0o600))
	s.must(syscall.Mkfifo(s.path("fifos/x"), 0o600))
	s.text("fifos.toml", "[rota]\ninclude = \"fifos/*\"\n")
	s.text("fifo-dates.toml", "[tasks.a]\ncommand = \"true\"\nat = \"08:00\"\nexcept = \"file:fifo.toml\"\n")
	s.link("/dev/zero", "device.toml")
	s.link("fifo.toml", "link.toml")
	s.must(os.Truncate(s.path("folder/x"), 20<<20))

	for _, c := range []struct {
		file string
		want string // a part of the error
		says bool   // the error is an *Errors
	}{
		{"gone.toml", "gone.toml: no such file or directory", false},
		{"folder", "folder: is a directory", false},
		{"open.toml", "anybody may change the file; type: chmod o-w ", true},
		{"includes.toml", "conf.d/open.toml: anybody may change the file; type: chmod o-w ", true},
		{"folder/x", "the file is larger than 16 MiB", true},
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
