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
// somebody else, and rota is root.
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

// What others can change is not opened; neither is what is no file.
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
