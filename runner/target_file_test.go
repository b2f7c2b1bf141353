package runner

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// another is a user that is not root, and third one more.
const another, third = 65534, 1

// give gives files away, but not what links lead to.
func give(t *testing.T, uid int, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Lchown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
}

// home makes a directory that belongs to another user, and beside it one of
// root's with a file that only root may read.
func home(t *testing.T) (dir, outside string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	top := t.TempDir()
	dir, outside = filepath.Join(top, "home"), filepath.Join(top, "outside")
	secret := filepath.Join(outside, "file")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(outside, 0o755), os.WriteFile(secret, []byte("precious"), 0o600)); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(secret, old, old); err != nil {
		t.Fatal(err)
	}
	give(t, another, dir)
	return dir, outside
}

// intruders returns the actions that touch files, each in a given directory. They succeed
// unless another user interferes.
func intruders(t *testing.T) map[string]func(dir string) Action {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	return map[string]func(dir string) Action{
		"write":         func(dir string) Action { return &Write{Path: dir + "/file", Text: "x"} },
		"if_changed":    func(dir string) Action { return &Write{Path: dir + "/file", Text: "x", IfChanged: true} },
		"append":        func(dir string) Action { return &Write{Path: dir + "/file", Text: "x", Append: true} },
		"template_file": func(dir string) Action { return &Write{Path: dir + "/../../out", TemplateFile: dir + "/file"} },
		"save":          func(dir string) Action { return &HTTP{URL: url, Save: dir + "/file"} },
		"body_file":     func(dir string) Action { return &HTTP{URL: url, BodyFile: dir + "/file", Save: dir + "/../../out"} },
		"clean":         func(dir string) Action { return &Clean{Path: dir, OlderThan: time.Hour, Recursive: true} },
	}
}

// untouched fails if anything outside has changed, or was read to where it shows.
func untouched(t *testing.T, outside string) {
	t.Helper()
	wantEntries(t, outside, 1)
	wantFile(t, filepath.Join(outside, "file"), "precious", 0o600)
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(outside), "out")); err == nil && strings.Contains(string(text), "precious") {
		t.Error("a file that is root's alone was read")
	}
}

// A directory of another user is a link to elsewhere, all the time or again and
// again while root works there: nothing happens elsewhere.
func TestPlaceSwapped(t *testing.T) {
	for name, action := range intruders(t) {
		t.Run(name, func(t *testing.T) {
			top, outside := home(t)
			dir, link := filepath.Join(top, "dir"), filepath.Join(top, "link")
			if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(outside, link), os.WriteFile(filepath.Join(dir, "file"), []byte("theirs"), 0o644)); err != nil {
				t.Fatal(err)
			}
			give(t, another, dir, link, filepath.Join(dir, "file"))
			if err := action(link).Run(t.Context(), Input{}, io.Discard); err == nil {
				t.Error("a link of another user was followed")
			}
			untouched(t, outside)

			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					default:
						unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
					}
				}
			}()
			good, bad := 0, 0
			for range 2000 {
				if err := action(dir).Run(t.Context(), Input{}, io.Discard); err == nil {
					good++
				} else {
					bad++
				}
				if min(good, bad) == 30 {
					break
				}
			}
			close(stop)
			<-done
			if min(good, bad) == 0 {
				t.Errorf("%d times there was a directory and %d times a link", good, bad)
			}
			untouched(t, outside)
		})
	}
}

// A file of root's under a second name, or a FIFO, where another user's file is
// expected.
func TestPlaceTaken(t *testing.T) {
	for name, action := range intruders(t) {
		t.Run(name, func(t *testing.T) {
			dir, outside := home(t)
			file := filepath.Join(dir, "file")
			run := func() error { return action(dir).Run(t.Context(), Input{}, io.Discard) }
			refused := name != "clean" && name != "write" && name != "if_changed" && name != "save" // which replace the name

			if err := os.Link(filepath.Join(outside, "file"), file); err != nil {
				t.Fatal(err)
			}
			if err := run(); (err != nil) != refused {
				t.Errorf("a hard link: %v", err)
			}
			untouched(t, outside)

			_ = os.Remove(file)
			if err := unix.Mkfifo(file, 0o666); err != nil {
				t.Fatal(err)
			}
			give(t, another, file)
			if err := run(); (err == nil) != (name == "clean") {
				t.Errorf("a FIFO: %v", err)
			}
			reader, err := os.OpenFile(file, os.O_RDWR, 0) // the other end is there
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			if err := run(); (err == nil) != (name == "clean") {
				t.Errorf("a FIFO that somebody reads: %v", err)
			}
			if info, err := os.Lstat(file); err != nil || info.Mode().IsRegular() {
				t.Error("the FIFO is gone")
			}

			_ = os.Remove(file)
			if err := os.WriteFile(file, []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			give(t, third, file)
			if err := run(); (err != nil) != refused {
				t.Errorf("a private file of a third user: %v", err)
			}
		})
	}
}

// A lease on a file does not keep root waiting until it is broken: an open that
// waited would succeed.
func TestPlaceLeased(t *testing.T) {
	for name, action := range intruders(t) {
		t.Run(name, func(t *testing.T) {
			dir, _ := home(t)
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, []byte("theirs"), 0o644); err != nil {
				t.Fatal(err)
			}
			give(t, another, file)
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
				t.Skip(err)
			}
			err = action(dir).Run(t.Context(), Input{}, io.Discard)
			if opens := name == "append" || strings.HasSuffix(name, "_file"); opens != (err != nil) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Files of another user keep their owner: root reads and extends files that this user can
// read and change.
func TestPlaceOfAnother(t *testing.T) {
	dir, outside := home(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	give(t, another, file)
	for _, name := range []string{"template_file", "body_file", "append", "write", "save"} {
		if err := intruders(t)[name](dir).Run(t.Context(), Input{}, io.Discard); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("what root wrote is not root's: %v", err)
	}
	untouched(t, outside)
}

// The same code in a process of another user: links of their own lead on, those
// of others do not.
func TestPlaceAsUser(t *testing.T) {
	if dir := os.Getenv("ROTA_TEST_HOME"); dir != "" {
		for path, ok := range map[string]bool{"mine": true, "roots": true, "shared/mine": true, "shared/third": false} {
			path = filepath.Join(dir, path)
			for _, a := range []Action{
				&Write{Path: path + "/file", Text: "x"}, &Write{Path: path + "/file", Text: "x", Append: true},
				&Write{Path: dir + "/real/out", TemplateFile: path + "/file"}, &Clean{Path: path, OlderThan: time.Hour},
			} {
				if err := a.Run(t.Context(), Input{}, io.Discard); (err == nil) != ok {
					t.Errorf("%T at %s: %v", a, path, err)
				}
			}
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "rota")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(in("real"), 0o700), os.Mkdir(in("shared"), 0o700), os.Chmod(in("shared"), 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	give(t, another, in("real"))
	for name, uid := range map[string]int{"mine": another, "roots": 0, "shared/mine": another, "shared/third": third} {
		if err := os.Symlink(in("real"), in(name)); err != nil {
			t.Fatal(err)
		}
		give(t, uid, in(name))
	}
	c := exec.Command("/proc/self/exe", "-test.run=^TestPlaceAsUser$", "-test.count=1")
	c.Env = append(os.Environ(), "ROTA_TEST_HOME="+dir)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v: %s", err, out)
	}
}

// A file that is written appears as a whole, also under the longest name there
// is, and nothing stays of one that is not.
func TestPlaceLongName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, strings.Repeat("ä", 127))
	if out, err := runWrite(t, Write{Path: path, Text: "x"}); err != nil {
		t.Fatal(out, err)
	}
	wantEntries(t, dir, 1)
	p, err := openTarget(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	f, err := p.create(0o600, false)
	if err != nil {
		t.Fatal(err)
	}
	wantEntries(t, dir, 2)
	fmt.Fprint(f, "half")
	f.discard()
	wantEntries(t, dir, 1)
}
