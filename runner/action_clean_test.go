package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// grow makes files below dir: "name" of 5 bytes, age days old.
func grow(t *testing.T, dir string, ages map[string]int) {
	t.Helper()
	now := time.Now()
	for name, age := range ages {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("12345"), 0o644)); err != nil {
			t.Fatal(err)
		}
		then := now.Add(-time.Duration(age) * 24 * time.Hour)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

// names are all that is below dir but directories, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func runClean(t *testing.T, c Clean) (string, error) {
	t.Helper()
	wantProblems(t, c, c.Check())
	var out strings.Builder
	err := c.Run(t.Context(), Input{}, &out)
	return out.String(), err
}

func TestClean(t *testing.T) {
	const day = 24 * time.Hour
	files := map[string]int{
		"a.log": 1, "b.log": 9, "c.log": 30, ".hidden": 30, "x.tmp": 30,
		"sub/d.log": 9, "sub/e.log": 10, "sub/new.log": 0, "sub/deep/f.tmp": 40, "empty/.keep": 0,
	}
	for _, test := range []struct {
		name  string
		clean Clean
		gone  []string
	}{
		{"old ones", Clean{OlderThan: 7 * day}, []string{".hidden", "b.log", "c.log", "x.tmp"}},
		{"age decides", Clean{OlderThan: 20 * day}, []string{".hidden", "c.log", "x.tmp"}},
		{"none old enough", Clean{OlderThan: 400 * day, Recursive: true}, nil},
		{"pattern", Clean{OlderThan: 7 * day, Match: []string{"*.log"}}, []string{"b.log", "c.log"}},
		{"several patterns", Clean{OlderThan: 7 * day, Match: []string{"[a-b].*", "*.tmp"}}, []string{"b.log", "x.tmp"}},
		{"recursive", Clean{OlderThan: 7 * day, Match: []string{"*.log"}, Recursive: true}, []string{"b.log", "c.log", "sub/d.log", "sub/e.log"}},
		{"keep counts young ones", Clean{OlderThan: 7 * day, Match: []string{"*.log"}, Keep: 2}, []string{"c.log"}},
		{"keep counts those that match", Clean{OlderThan: 7 * day, Match: []string{"*.log", ".h*"}, Keep: 3}, []string{".hidden"}},
		{"keep in each directory", Clean{OlderThan: 7 * day, Keep: 2, Recursive: true, Match: []string{"*.log"}}, []string{"c.log", "sub/e.log"}},
		{"keep all", Clean{OlderThan: 7 * day, Keep: 99, Recursive: true}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			grow(t, dir, files)
			all := names(t, dir)
			test.clean.Path = dir

			dry := test.clean
			dry.Dry = true
			said, err := runClean(t, dry)
			if err != nil || !slices.Equal(names(t, dir), all) {
				t.Errorf("dry: %v, left %q", err, names(t, dir))
			}
			checkSaid(t, said, "would remove", dir, test.gone)

			said, err = runClean(t, test.clean)
			left := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(test.gone, s) })
			if err != nil || !slices.Equal(names(t, dir), left) {
				t.Errorf("%v, left %q, want %q", err, names(t, dir), left)
			}
			checkSaid(t, said, "removed", dir, test.gone)
			for _, directory := range []string{"sub/deep", "empty"} {
				if _, err := os.Stat(filepath.Join(dir, directory)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func checkSaid(t *testing.T, said, verb, dir string, gone []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	want := make([]string, 0, len(gone)+1)
	for _, name := range gone {
		want = append(want, verb+" "+name)
	}
	slices.Sort(lines[:len(lines)-1])
	want = append(want, fmt.Sprintf("%s %d files, %d bytes, from %s", verb, len(gone), 5*len(gone), dir))
	if !slices.Equal(lines, want) {
		t.Errorf("said %q, want %q", lines, want)
	}
}

// Everything but a regular file stays, and no link is followed.
func TestCleanTakesRegularFilesOnly(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	grow(t, outside, map[string]int{"precious": 30, "sub/precious": 30})
	grow(t, dir, map[string]int{"sub/old": 30})
	os.Symlink(outside, filepath.Join(dir, "directory-link"))
	os.Symlink(filepath.Join(outside, "precious"), filepath.Join(dir, "file-link"))
	os.Symlink("nowhere", filepath.Join(dir, "dangling"))
	os.Symlink("/etc", filepath.Join(dir, "etc"))
	os.Symlink("..", filepath.Join(dir, "sub", "up"))
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := runClean(t, Clean{Path: dir, OlderThan: time.Nanosecond, Recursive: true})
	if err != nil {
		t.Error(err)
	}
	checkSaid(t, said, "removed", dir, []string{"sub/old"})
	if got := names(t, dir); !slices.Equal(got, []string{"dangling", "directory-link", "etc", "fifo", "file-link", "sub/up"}) {
		t.Errorf("left %q", got)
	}
	if got := names(t, outside); len(got) != 2 {
		t.Errorf("outside only %q is left", got)
	}
}

// hook is a writer that does something when it is first written to.
type hook struct {
	strings.Builder
	do func()
}

func (h *hook) Write(p []byte) (int, error) {
	if h.do != nil {
		h.do()
		h.do = nil
	}
	return h.Builder.Write(p)
}

// Between the reading of a directory and the entering of those below, somebody
// puts a link in the place of one.
func TestCleanSwap(t *testing.T) {
	for _, to := range []string{"OUTSIDE", "sibling", ".", ""} {
		t.Run("to "+to, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			grow(t, outside, map[string]int{"precious": 30})
			grow(t, dir, map[string]int{"first": 30, "sub/old": 30, "sibling/young": 0})
			sub := filepath.Join(dir, "sub")
			out := &hook{do: func() {
				if err := os.Rename(sub, filepath.Join(outside, "moved")); err != nil {
					t.Error(err)
				}
				if to != "" {
					os.Symlink(strings.ReplaceAll(to, "OUTSIDE", outside), sub)
				}
			}}
			c := Clean{Path: dir, OlderThan: time.Hour, Recursive: true}
			if err := c.Run(t.Context(), Input{}, out); err != nil {
				t.Error(err)
			}
			if got := names(t, outside); !slices.Equal(got, []string{"moved/old", "precious"}) {
				t.Errorf("outside only %q is left", got)
			}
		})
	}
}

// All the while, somebody exchanges a directory for a link to elsewhere.
func TestCleanRace(t *testing.T) {
	for _, to := range []string{"outside", "path/sibling"} {
		t.Run(to, func(t *testing.T) {
			top := t.TempDir()
			dir, a, b := filepath.Join(top, "path"), filepath.Join(top, "path/a"), filepath.Join(top, "path/b")
			grow(t, top, map[string]int{"outside/deep/old": 9, "path/sibling/deep/old": 9})
			if err := errors.Join(os.Mkdir(a, 0o755), os.Symlink(strings.TrimPrefix("../"+to, "../path/"), b)); err != nil {
				t.Fatal(err)
			}
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					default:
						unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
					}
				}
			}()
			c := Clean{Path: dir, OlderThan: time.Hour, Recursive: true, Dry: true}
			for range 2000 {
				var out strings.Builder
				_ = c.Run(t.Context(), Input{}, &out) // an error reports a directory that changed
				if said := out.String(); strings.Contains(said, "remove a/") || strings.Contains(said, "remove b/") {
					t.Errorf("a link was followed: %s", said)
					break
				}
			}
			close(stop)
			<-done
		})
	}
}

// Below a path of another user, root enters no directory of a third one.
func TestCleanOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make directories of others")
	}
	const owner, third = 65534, 1
	for _, c := range []struct {
		what  string
		owner int
		mode  os.FileMode
		left  []string
	}{
		{"path of a user", owner, 0o755, []string{"moved/deep/old", "moved/old", "own/moved/old"}},
		{"sticky path of a user", owner, 0o777 | os.ModeSticky, []string{"moved/deep/old", "moved/old", "own/moved/old"}},
		{"path of root", 0, 0o755, nil},
		{"such as /tmp", 0, 0o777 | os.ModeSticky, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			grow(t, dir, map[string]int{"old": 9, "own/old": 9, "root/old": 9, "moved/old": 9, "moved/deep/old": 9, "own/moved/old": 9})
			err := errors.Join(os.Chown(dir, c.owner, -1), os.Chmod(dir, c.mode))
			for name, uid := range map[string]int{"own": c.owner, "moved": third, "own/moved": third} {
				err = errors.Join(err, os.Chown(filepath.Join(dir, name), uid, -1))
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = runClean(t, Clean{Path: dir, OlderThan: time.Hour, Recursive: true})
			if got := names(t, dir); !slices.Equal(got, c.left) {
				t.Errorf("left %q, want %q", got, c.left)
			}
			if c.left == nil && err != nil || c.left != nil && !matches(err, "moved: not entered: it belongs to user id 1, the path to 65534") {
				t.Error(err)
			}
		})
	}
}

func TestCleanHostileNames(t *testing.T) {
	dir := t.TempDir()
	grow(t, dir, map[string]int{"two\nlines": 9, "\x1b[2J": 9, "-rf": 9, "\u202egpj": 9, "sub\r/x": 9})
	said, err := runClean(t, Clean{Path: dir, OlderThan: time.Hour, Recursive: true})
	if err != nil || len(names(t, dir)) != 0 {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
	checkSaid(t, said, "removed", dir, []string{`"\u202egpj"`, `"\x1b[2J"`, `"sub\r/x"`, `"two\nlines"`, "-rf"})
}

func TestCleanRefuses(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	os.WriteFile(file, nil, 0o600)
	os.Symlink("/etc", link)
	for path, want := range map[string]string{
		link:                         link + " is /etc, which is never cleaned",
		link + "/../usr":             "/usr, which is never cleaned",
		"/proc/self/root":            "/proc/self/root is /, which is never cleaned",
		file:                         "not a directory",
		filepath.Join(dir, "nosuch"): "no such file or directory",
		"relative":                   "path relative is not absolute",
	} {
		// Not one file anywhere is that old, should the refusal fail.
		c := Clean{Path: path, OlderThan: 200 * 365 * 24 * time.Hour, Dry: true}
		if said, err := runClean(t, c); said != "" || !matches(err, want) {
			t.Errorf("%s: %q, %v; want %s", path, said, err, want)
		}
	}
}

func TestCleanLinkToItsDirectory(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	grow(t, dir, map[string]int{"old": 9})
	os.Symlink(dir, link)
	if _, err := runClean(t, Clean{Path: link, OlderThan: time.Hour}); err != nil || len(names(t, dir)) != 0 {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
}

func TestCleanManyFiles(t *testing.T) {
	dir := t.TempDir()
	ages := make(map[string]int)
	for i := range 3*cleanBatch + 1 {
		ages[fmt.Sprintf("f%05d", i)] = 9
	}
	grow(t, dir, ages)
	_, err := runClean(t, Clean{Path: dir, OlderThan: time.Hour, Keep: 1})
	if err != nil || !slices.Equal(names(t, dir), []string{"f00768"}) { // equally old: the last by name stays
		t.Errorf("%v, left %q", err, names(t, dir))
	}
	grow(t, dir, ages)
	said, err := runClean(t, Clean{Path: dir, OlderThan: time.Hour})
	if err != nil || len(names(t, dir)) != 0 {
		t.Errorf("%v, left %d", err, len(names(t, dir)))
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	want := []string{"… and 669 more", "removed 769 files, 3845 bytes, from " + dir}
	if len(lines) != cleanNames+2 || !slices.Equal(lines[cleanNames:], want) {
		t.Errorf("said %d lines, in the end %q, want %q", len(lines), lines[len(lines)-2:], want)
	}
}

func TestCleanTooDeep(t *testing.T) {
	dir := t.TempDir()
	reach := strings.Repeat("d/", cleanDepth)
	grow(t, dir, map[string]int{reach + "old": 9, reach + "beyond/old": 9})
	_, err := runClean(t, Clean{Path: dir, OlderThan: time.Hour, Recursive: true})
	if !matches(err, "deeper than 100 directories") || !slices.Equal(names(t, dir), []string{reach + "beyond/old"}) {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
}

func TestCleanGoesOnAfterErrors(t *testing.T) {
	dir := t.TempDir()
	const deep = 5
	reach := strings.Repeat("/d", cleanDepth+1)
	for i := range deep {
		grow(t, dir, map[string]int{fmt.Sprintf("d%d\n%s/old", i, reach): 9})
	}
	grow(t, dir, map[string]int{"first": 9, "last/old": 9})
	said, err := runClean(t, Clean{Path: dir, OlderThan: time.Hour, Recursive: true})
	if err == nil || strings.Count(err.Error(), "deeper than 100 directories") != cleanErrors ||
		!matches(err, "and 2 more errors") || strings.Count(err.Error(), "\n") != cleanErrors {
		t.Errorf("got %v", err)
	}
	checkSaid(t, said, "removed", dir, []string{"first", "last/old"})
}

func TestCleanEndsWithContext(t *testing.T) {
	for _, keep := range []int{0, 1} {
		dir := t.TempDir()
		grow(t, dir, map[string]int{"a": 9, "b": 9, "c": 9, "sub/d": 9})
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		out := &hook{do: func() { cancel(stop) }}
		c := Clean{Path: dir, OlderThan: time.Hour, Recursive: true, Keep: keep}
		err := c.Run(ctx, Input{}, out)
		if !errors.Is(err, stop) || len(names(t, dir)) != 3 || !strings.Contains(out.String(), "removed 1 files, 5 bytes") {
			t.Errorf("keep %d: %v, left %q, said %q", keep, err, names(t, dir), out.String())
		}
	}
}

func TestCleanFaults(t *testing.T) {
	for _, test := range []struct {
		clean Clean
		want  []string
	}{
		{Clean{}, []string{"path: path is needed", "older_than: older_than is needed"}},
		{Clean{Path: "/", OlderThan: 1}, []string{"path: / is never cleaned"}},
		{Clean{Path: "/home/", OlderThan: 1}, []string{"path: /home is never cleaned"}},
		{Clean{Path: "//etc", OlderThan: 1}, []string{"path: /etc is never cleaned"}},
		{Clean{Path: "/srv/../usr/.", OlderThan: 1}, []string{"path: /usr is never cleaned"}},
		{Clean{Path: "/var", OlderThan: 1}, []string{"path: /var is never cleaned"}},
		{Clean{Path: "/var/log", OlderThan: 1}, nil},
		{Clean{Path: "/tmp/{{.Task}}", OlderThan: 1}, []string{"path: path cannot be a template"}},
		{Clean{Path: "/tmp", OlderThan: -1}, []string{"older_than: older_than is needed"}},
		{Clean{Path: "/tmp", OlderThan: 1, Keep: -1}, []string{"keep: keep -1 is less than 0"}},
		{Clean{Path: "/tmp", OlderThan: 1, Match: []string{"[a", "*"}}, []string{`match: "[a" is not a pattern`}},
		{Clean{Path: "/tmp", OlderThan: 1, Match: []string{""}}, []string{`match: "" is not a pattern`}},
		{Clean{Path: "/tmp", OlderThan: 1, Match: []string{"logs/*.log"}}, []string{`match: pattern "logs/*.log" has a slash`}},
	} {
		wantProblems(t, test.clean, test.clean.Check(), test.want...)
	}
}
