package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Way is a resolved path: an entry of an open directory, which may not exist. Its last
// element was not a symbolic link when it was resolved.
type Way struct {
	dir    *os.File
	name   string
	path   string
	kind   uint32 // its S_IFMT; 0: the entry does not exist
	rule   Rule
	others *Error
}

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// errLink is the reason why a symbolic link was not followed.
var errLink = errors.New("a symbolic link that others can change is not followed")

// Follow walks an absolute path by the rule [RootAndSelf].
func Follow(path string) (*Way, error) { return RootAndSelf.Follow(path) }

// Follow walks an absolute path. It does not follow a symbolic link that a user can change
// whom the rule does not accept, and returns an [*Error] instead. A missing directory on
// the way is an error; the last element may be missing. The caller must close the Way.
func (r Rule) Follow(path string) (*Way, error) { return r.follow(path, uint32(os.Geteuid()), nil) }

// ErrAvoided is the error for a path that leads into a directory to avoid.
var ErrAvoided = errors.New("the way leads into a directory to be avoided")

// FollowOutside is Follow for a path that must not lead into some directories, which it
// never touches. It calls avoid for each directory, named without symbolic links, and
// returns [ErrAvoided] if that returns true. avoid may be nil.
func (r Rule) FollowOutside(path string, avoid func(dir string) bool) (*Way, error) {
	return r.follow(path, uint32(os.Geteuid()), avoid)
}

func (r Rule) follow(path string, self uint32, avoid func(dir string) bool) (*Way, error) {
	if avoid != nil && avoid("/") {
		return nil, ErrAvoided
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("%s is not an absolute path", path)
	}
	root, err := openDir(unix.AT_FDCWD, "/", "/")
	if err != nil {
		return nil, err
	}
	w := &walk{Way: &Way{dir: root, rule: r}, whole: path, self: self, avoid: avoid, at: "/", rest: elements(path)}
	for {
		switch done, err := w.step(); {
		case err != nil:
			w.Close()
			return nil, err
		case done:
			return w.Way, nil
		}
	}
}

// walk is a way that is being followed, element by element. Its dir is the directory that it
// has come to.
type walk struct {
	*Way
	whole   string // the path
	self    uint32 // the user of this process
	avoid   func(dir string) bool
	at      string      // the name of dir
	rest    []string    // the elements that are left
	links   int         // how many symbolic links were followed
	dirStat unix.Stat_t // of dir
	// sticky: only the owner of an entry of dir can replace it, although others may make some.
	sticky bool
}

// step follows one element; done: it was the last one.
func (w *walk) step() (done bool, err error) {
	if err := w.checkDir(); err != nil {
		return false, err
	}
	if len(w.rest) == 0 {
		w.name, w.path, w.kind = ".", w.at, unix.S_IFDIR
		return true, nil
	}
	name := w.rest[0]
	w.rest = w.rest[1:]
	next := join(w.at, name)
	if w.avoid != nil && w.avoid(next) {
		return false, ErrAvoided
	}
	fd, err := unix.Openat(int(w.dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) && len(w.rest) == 0 {
		w.name, w.path = name, next
		return true, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: w.whole, Err: err}
	}
	f := os.NewFile(uintptr(fd), next)
	st, err := fstat(f)
	if err != nil {
		f.Close()
		return false, err
	}
	if w.sticky && w.isForeign(&st) {
		w.blame(Error{Path: next, Why: []string{fmt.Sprintf("it belongs to uid %d in the directory %s, where anybody may make files", st.Uid, w.at)}})
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.enter(f, name, next)
		return false, nil
	case unix.S_IFLNK:
		return false, w.followLink(f, next, &st)
	}
	f.Close()
	return true, w.endAt(name, next, &st)
}

// checkDir checks the directory that the way has come to.
func (w *walk) checkDir() (err error) {
	if w.dirStat, err = fstat(w.dir); err != nil {
		return err
	}
	w.sticky = w.dirStat.Mode&unix.S_ISVTX != 0 && !w.isForeign(&w.dirStat)
	if e := w.rule.check(w.at, &w.dirStat, w.self); e != nil && !w.sticky && w.others == nil {
		w.others = e
	}
	return nil
}

// isForeign reports whether a file belongs to a user whom the rule does not accept as owner.
func (w *walk) isForeign(st *unix.Stat_t) bool {
	return w.rule == RootAndSelf && st.Uid != 0 && st.Uid != w.self
}

// blame remembers that others can change the way, if that is not known yet.
func (w *walk) blame(e Error) {
	if w.others == nil {
		e.given = true
		w.others = &e
	}
}

// enter continues in a directory.
func (w *walk) enter(f *os.File, name, next string) {
	w.dir.Close()
	w.dir, w.at = f, next
	if name == ".." {
		w.at = realName(f, w.at)
	}
}

// followLink continues where a symbolic link leads to.
func (w *walk) followLink(f *os.File, next string, st *unix.Stat_t) error {
	target, err := readlink(f)
	f.Close()
	if w.links++; err == nil && w.links > maxLinks {
		err = unix.ELOOP
	}
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: next, Err: err}
	}
	if w.isForeign(st) {
		w.blame(Error{Path: next, Why: []string{fmt.Sprintf("the symbolic link belongs to uid %d", st.Uid)}, Cure: []string{"chown -h " + userOf(w.self) + " " + Quote(next)}})
	}
	if w.others != nil {
		e := *w.others
		if e.Path != next {
			e.Why = append(slices.Clip(e.Why), next+" on the way is a symbolic link")
		}
		return &e
	}
	if strings.HasPrefix(target, "/") {
		root, err := openDir(unix.AT_FDCWD, "/", "/")
		if err != nil {
			return err
		}
		w.enter(root, "", "/")
	}
	w.rest = append(elements(target), w.rest...)
	return nil
}

// endAt ends the way at a file that is not a directory.
func (w *walk) endAt(name, next string, st *unix.Stat_t) error {
	if w.rule == RootAndSelf && w.sticky && st.Nlink > 1 && w.rule.check(w.at, &w.dirStat, w.self) != nil {
		w.blame(Error{Path: next, Why: []string{fmt.Sprintf("it has another name, and may have been linked into the directory %s by anybody", w.at)}})
	}
	if len(w.rest) > 0 {
		return &fs.PathError{Op: "open", Path: next, Err: unix.ENOTDIR}
	}
	w.name, w.path, w.kind = name, next, st.Mode&unix.S_IFMT
	return nil
}

func userOf(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	return fmt.Sprint(uid)
}

// Others returns an error if a user whom the rule does not accept can make the path lead to
// another file. It does not cover changes of the file itself.
func (w *Way) Others() *Error { return w.others }

// Itself returns an [*Error] if a user whom the rule does not accept can change the file by
// its own permissions; nil if none can or if the file does not exist.
func (w *Way) Itself() (*Error, error) {
	var st unix.Stat_t
	switch err := unix.Fstatat(int(w.dir.Fd()), w.name, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case errors.Is(err, unix.ENOENT):
		return nil, nil
	case err != nil:
		return nil, &fs.PathError{Op: "stat", Path: w.path, Err: err}
	}
	return w.rule.check(w.path, &st, uint32(os.Geteuid())), nil
}

// Path returns the resolved path, without symbolic links.
func (w *Way) Path() string { return w.path }

// Kind returns the type of the file, such as S_IFREG; 0: the file does not exist.
func (w *Way) Kind() uint32 { return w.kind }

// Open opens the file, but not a symbolic link, and never waits for a FIFO or a lease. If
// flags has O_CREAT, it makes the file with perm, less the umask.
func (w *Way) Open(flags int, perm uint32) (*os.File, error) {
	fd, err := unix.Openat(int(w.dir.Fd()), w.name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, perm)
	switch {
	case errors.Is(err, unix.ELOOP):
		err = errLink
	case errors.Is(err, unix.EAGAIN):
		err = errors.New("another process holds a lease on it")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: w.path, Err: err}
	}
	return os.NewFile(uintptr(fd), w.path), nil
}

// Dir returns the directory that holds the file, and the name of the file there; "." if the
// file is a directory itself. Close closes the directory.
func (w *Way) Dir() (dir *os.File, name string) { return w.dir, w.name }

// Close closes the directory.
func (w *Way) Close() error { return w.dir.Close() }

func elements(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(e string) bool { return e == "" || e == "." })
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// realName returns the name of a directory that was reached by "..".
func realName(f *os.File, otherwise string) string {
	if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); err == nil {
		return name
	}
	return otherwise
}

func openDir(at int, name, path string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func fstat(f *os.File) (st unix.Stat_t, err error) {
	if err = unix.Fstat(int(f.Fd()), &st); err != nil {
		err = &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return st, err
}

func readlink(f *os.File) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
