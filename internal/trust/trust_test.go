package trust

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The table makes files below a directory and follows a path; uid 65534 is
// another user, and rota is root.
func TestFollow(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, test := range []struct {
		name string
		make []string // "d mode uid path", "f mode uid path", "l uid path target", in order
		path string
		want string // "": trusted; "link": not followed; "others": followed, but others can change it
	}{
		{"root's own", []string{"d 755 0 a", "f 644 0 a/f"}, "a/f", ""},
		{"missing last", []string{"d 755 0 a"}, "a/f", ""},
		{"a directory", []string{"d 755 0 a"}, "a", ""},
		{"another's directory", []string{"d 755 65534 a", "f 644 0 a/f"}, "a/f", "others"},
		{"a group's directory", []string{"d 775 0:65534 a", "f 644 0 a/f"}, "a/f", "others"},
		{"root's group", []string{"d 775 0 a", "f 644 0 a/f"}, "a/f", ""},
		{"everybody's directory", []string{"d 777 0 a", "f 644 0 a/f"}, "a/f", "others"},
		{"sticky, root's entry", []string{"d 1777 0 a", "f 644 0 a/f"}, "a/f", ""},
		{"sticky, another's entry", []string{"d 1777 0 a", "f 644 65534 a/f"}, "a/f", "others"},
		{"sticky of another", []string{"d 1777 65534 a", "f 644 0 a/f"}, "a/f", "others"},
		{"root's link", []string{"f 644 0 f", "l 0 l f"}, "l", ""},
		{"another's link", []string{"f 644 0 f", "l 65534 l f"}, "l", "link"},
		{"root's link in another's directory", []string{"d 755 65534 a", "f 644 0 f", "l 0 a/l ../f"}, "a/l", "link"},
		{"a link to another's directory", []string{"d 755 65534 a", "f 644 0 a/f", "l 0 l a"}, "l/f", "others"},
		{"a link in sticky by another", []string{"d 1777 0 a", "f 644 0 f", "l 65534 a/l ../f"}, "a/l", "link"},
		{"a link in sticky by root", []string{"d 1777 0 a", "f 644 0 f", "l 0 a/l ../f"}, "a/l", ""},
		{"a directory link beyond another's", []string{"d 755 65534 a", "d 755 0 b", "f 644 0 b/f", "l 65534 a/l ../b"}, "a/l/f", "link"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, line := range test.make {
				entry(t, dir, line)
			}
			w, err := Follow(filepath.Join(dir, test.path))
			got := ""
			var e *Error
			switch {
			case errors.As(err, &e):
				got = "link"
			case err != nil:
				t.Fatal(err)
			default:
				defer w.Close()
				if w.Others() != nil {
					got = "others"
				}
			}
			if got != test.want {
				t.Errorf("%q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

func entry(t *testing.T, dir, line string) {
	t.Helper()
	var kind, owner, name, target string
	var mode uint32
	f := strings.Fields(line)
	kind = f[0]
	if kind == "l" {
		owner, name, target = f[1], f[2], f[3]
	} else {
		mode, owner, name = octal(f[1]), f[2], f[3]
	}
	path := filepath.Join(dir, name)
	var err error
	switch kind {
	case "d":
		err = os.Mkdir(path, 0o700)
	case "f":
		err = os.WriteFile(path, []byte("text"), 0o600)
	case "l":
		err = os.Symlink(target, path)
	}
	uid, gid := owners(owner)
	err = errors.Join(err, os.Lchown(path, uid, gid))
	if kind != "l" {
		err = errors.Join(err, unix.Chmod(path, mode))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A file that other users can change is not opened; nor is anything but a file.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := os.WriteFile(good, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	open := filepath.Join(dir, "open")
	fifo := filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(open, nil, 0o600), os.Chmod(open, 0o666), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, fifo, dir, filepath.Join(dir, "none"), "relative"} {
		if f, err := Open(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
	}
}

// What each rule accepts, of the file itself and of the way to it; uid 1 is rota's user,
// as root or not.
func TestRules(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const all = "nobody known given anybody"
	for _, test := range []struct {
		name   string
		make   []string
		path   string
		root   string // the rules that accept it for root
		others string // and for uid 1
	}{
		{"root's own", []string{"d 755 0 a", "f 644 0 a/f"}, "a/f", all, all},
		{"a clone under umask 002", []string{"d 775 1 a", "f 664 1 a/f"}, "a/f", "known given anybody", all},
		{"another's file", []string{"d 755 0 a", "f 644 65534 a/f"}, "a/f", "known given anybody", "known given anybody"},
		{"another's directory", []string{"d 755 65534 a", "f 644 0 a/f"}, "a/f", "known given anybody", "known given anybody"},
		{"another's link", []string{"d 755 0 a", "f 644 0 f", "l 65534 a/l ../f"}, "a/l", "known given anybody", "known given anybody"},
		{"everybody's directory", []string{"d 777 0 a", "f 644 0 a/f"}, "a/f", "given anybody", "given anybody"},
		{"a link in everybody's directory", []string{"d 777 0 a", "f 644 0 f", "l 0 a/l ../f"}, "a/l", "given anybody", "given anybody"},
		{"everybody's file", []string{"d 755 0 a", "f 666 0 a/f"}, "a/f", "anybody", "anybody"},
		{"everybody's file in everybody's directory", []string{"d 777 0 a", "f 666 0 a/f"}, "a/f", "anybody", "anybody"},
		{"everybody's sticky directory", []string{"d 1777 0 a", "f 644 0 a/f"}, "a/f", all, all},
	} {
		dir := t.TempDir()
		for _, line := range test.make {
			entry(t, dir, line)
		}
		for self, want := range map[uint32]string{0: test.root, 1: test.others} {
			var got []string
			for r, name := range strings.Fields(all) {
				if accepts(t, Rule(r), filepath.Join(dir, test.path), self) {
					got = append(got, name)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: uid %d has it accepted by %s, want %s", test.name, self, got, want)
			}
		}
	}
}

func accepts(t *testing.T, r Rule, path string, self uint32) bool {
	t.Helper()
	w, err := r.follow(path, self, nil)
	if errors.As(err, new(*Error)) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var st unix.Stat_t
	if err := unix.Lstat(w.Path(), &st); err != nil {
		t.Fatal(err)
	}
	return w.Others() == nil && r.check(w.Path(), &st, self) == nil
}

// The commands to type mend it, and --trust-file is named in a container alone,
// where it helps.
func TestError(t *testing.T) {
	for _, c := range []struct {
		mode     uint32
		uid, gid uint32
		rule     Rule
		want     string
		given    bool
	}{
		{0o644, 0, 0, RootAndSelf, "", false},
		{0o600, 0, 0, RootAndSelf, "", false},
		{0o664, 0, 0, RootAndSelf, "", false}, // a clone by root under umask 002
		{0o644, 0, 100, RootAndSelf, "", false},
		{0o664, 0, 100, RootAndSelf, "/no such: gid 100 may change the file, and rota runs as root; type: chmod g-w '/no such'", true},
		{0o644, 1000, 1000, RootAndSelf, "/no such: the file belongs to uid 1000, and rota runs as root; type: chown root '/no such'", true},
		{0o666, 1000, 1000, RootAndSelf, "/no such: the file belongs to uid 1000, and rota runs as root, gid 1000 may change the file, and rota runs as root, anybody may change the file; type: chown root '/no such' && chmod go-w '/no such'", false},
		{0o646, 0, 0, RootAndSelf, "/no such: anybody may change the file; type: chmod o-w '/no such'", false},
		{unix.S_IFDIR | 0o777, 1000, 0, RootAndSelf, "/no such: the directory belongs to uid 1000, and rota runs as root, anybody may change the directory; type: chown root '/no such' && chmod o-w '/no such'", true},
		{0o664, 1000, 1000, KnownUsers, "", false},
		{0o666, 1000, 1000, KnownUsers, "/no such: anybody may change the file; type: chmod o-w '/no such'", false},
		{0o666, 1000, 1000, NotEverybody, "/no such: anybody may change the file; type: chmod o-w '/no such'", false},
		{unix.S_IFDIR | 0o777, 1000, 1000, NotEverybody, "", false},
	} {
		e := c.rule.check("/no such", &unix.Stat_t{Mode: c.mode, Uid: c.uid, Gid: c.gid}, 0)
		if e == nil {
			e = &Error{}
		} else if got := e.Reason() + "; " + e.hint(false); got != c.want {
			t.Errorf("%o %d:%d: %q, want %q", c.mode, c.uid, c.gid, got, c.want)
		}
		if (e.Path == "") != (c.want == "") || strings.Contains(e.hint(true), "--trust-file") != c.given || strings.Contains(e.hint(false), "--trust-file") {
			t.Errorf("%o %d:%d: %q, in a container %q", c.mode, c.uid, c.gid, e.hint(false), e.hint(true))
		}
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"/etc/rota/jobs.toml": "/etc/rota/jobs.toml",
		"":                    "''",
		"a b":                 "'a b'",
		"it's":                `'it'\''s'`,
		"a;b":                 "'a;b'",
		"größe":               "'größe'",
	} {
		if got := Quote(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// Directories are made only where no other user can change the way.
func TestMakeDir(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give directories away")
	}
	dir := t.TempDir()
	for _, line := range []string{"d 755 0 far", "d 777 0 open", "l 0 open/link ../far", "d 755 0 own", "l 0 own/link ../far", "f 644 0 own/file", "d 1777 0 sticky"} {
		entry(t, dir, line)
	}
	for path, made := range map[string]string{ // "": refused
		"own/a/b":       "own/a/b",
		"own/link/c/d":  "far/c/d",
		"own":           "own",
		"sticky/a":      "sticky/a",
		"open/a/b":      "",
		"open/link/e/f": "",
		"own/file":      "",
		"own/file/a":    "",
	} {
		err := RootAndSelf.MakeDir(filepath.Join(dir, path), 0o755)
		if (err == nil) != (made != "") {
			t.Errorf("%s: %v", path, err)
		}
		if info, err := os.Stat(filepath.Join(dir, made)); made != "" && (err != nil || !info.IsDir()) {
			t.Errorf("%s is not made: %v", path, err)
		}
	}
	for _, path := range []string{"open/a", "far/e"} {
		if _, err := os.Lstat(filepath.Join(dir, path)); err == nil {
			t.Errorf("%s is made", path)
		}
	}
}

// A file in a safe directory can itself be writable by others.
func TestVerify(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	for _, line := range []string{"f 644 0 own", "f 666 0 open", "d 1777 0 sticky"} {
		entry(t, dir, line)
	}
	for path, ok := range map[string]bool{"own": true, "none": true, "none/none": true, "open": false, "sticky": false} {
		if err := RootAndSelf.Verify(filepath.Join(dir, path)); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func octal(text string) uint32 {
	n, _ := strconv.ParseUint(text, 8, 32)
	return uint32(n)
}

func owners(text string) (uid, gid int) {
	u, g, _ := strings.Cut(text, ":")
	uid, _ = strconv.Atoi(u)
	gid, _ = strconv.Atoi(g)
	return uid, gid
}
