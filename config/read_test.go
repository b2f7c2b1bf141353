package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestDistrust(t *testing.T) {
	for _, c := range []struct {
		mode     fs.FileMode
		uid, gid uint32
		strict   bool // rota is root, and was not told to trust
		want     string
	}{
		{0o644, 0, 0, true, ""},
		{0o600, 0, 0, true, ""},
		{0o664, 0, 0, true, ""}, // a clone by root under umask 002
		{0o644, 0, 100, true, ""},
		{0o664, 0, 100, true, "/j: gid 100 may change the file, and rota runs as root; type: chmod g-w /j"},
		{0o644, 1000, 1000, true, "/j: the file belongs to uid 1000, and rota runs as root; type: chown root /j"},
		{0o666, 1000, 1000, true, "/j: the file belongs to uid 1000, and rota runs as root, gid 1000 may change the file, and rota runs as root, anybody may change the file; type: chown root /j && chmod go-w /j"},
		{0o646, 0, 0, true, "/j: anybody may change the file; type: chmod o-w /j"},
		{0o777 | fs.ModeDir, 1000, 0, true, "/j: the folder belongs to uid 1000, and rota runs as root, anybody may change the folder; type: chown root /j && chmod o-w /j"},
		{0o644, 1000, 1000, false, ""},
		{0o664, 1000, 1000, false, ""},
		{0o644, 0, 0, false, ""},
		{0o666, 1000, 1000, false, "/j: anybody may change the file; type: chmod o-w /j"},
	} {
		got := ""
		if d := distrust("/j", c.mode, c.uid, c.gid, c.strict); d != nil {
			got = d.Error()
		}
		if got != c.want {
			t.Errorf("%o %d:%d strict %v: %q, want %q", c.mode, c.uid, c.gid, c.strict, got, c.want)
		}
	}
}

func TestQuoteShell(t *testing.T) {
	for name, want := range map[string]string{
		"/etc/rota/jobs.toml": "/etc/rota/jobs.toml",
		"":                    "''",
		"a b":                 "'a b'",
		"it's":                `'it'\''s'`,
		"a;b":                 "'a;b'",
		"größe":               "'größe'",
	} {
		if got := quoteShell(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

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
