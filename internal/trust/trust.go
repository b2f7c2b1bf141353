package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Rule is the set of users that may be able to change a file or the way to it. Each rule
// accepts everything that the rules before it accept.
type Rule int

const (
	// RootAndSelf accepts only root and the user of this process. Root accepts only root;
	// another user also accepts the members of the group of a file, which often has
	// only this user.
	RootAndSelf Rule = iota
	// KnownUsers accepts other users and groups, but not everybody.
	KnownUsers
	// NotEverybody accepts all users who can change a directory, so that only a file that
	// everybody can change is refused.
	NotEverybody
	// AnyUser accepts everything.
	AnyUser
)

// For returns the rule for files that the user of this process runs or reads: root accepts
// only root, unless trusted is set.
func For(trusted bool) Rule {
	switch {
	case trusted:
		return NotEverybody
	case os.Geteuid() != 0:
		return KnownUsers
	}
	return RootAndSelf
}

// Error is the error for a file or directory that another user can change, with the
// commands that correct it.
type Error struct {
	Path string
	Why  []string
	Cure []string // commands that correct it; none: only another path helps

	given bool // the rule NotEverybody accepts it
}

func (e *Error) Error() string {
	text := e.Reason()
	if hint := e.Hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

// Reason returns which users can change which file.
func (e *Error) Reason() string { return e.Path + ": " + strings.Join(e.Why, ", ") }

// Hint returns what to do; "": nothing to suggest.
func (e *Error) Hint() string { return e.hint(inContainer()) }

func (e *Error) hint(container bool) string {
	var ways []string
	if len(e.Cure) > 0 {
		ways = append(ways, "type: "+strings.Join(e.Cure, " && "))
	}
	if e.given && container {
		ways = append(ways, "give --trust-file, as rota runs in a container")
	}
	return strings.Join(ways, "; or ")
}

// inContainer reports whether this process seems to run in a container, where files
// often belong to the user who built the image or the volume. It is only used for the
// text of a hint, not for any decision on trust.
func inContainer() bool {
	for _, path := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return os.Getpid() == 1 || os.Getenv("container") != "" || os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

// check returns an error if a user whom the rule does not accept can change a file or
// directory. It checks the owner and permissions of the file itself.
func (r Rule) check(path string, st *unix.Stat_t, self uint32) *Error {
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if r == AnyUser || r == NotEverybody && isDir {
		return nil
	}
	e := &Error{Path: path, given: isDir || st.Mode&0o002 == 0}
	what, name := "file", Quote(path)
	if isDir {
		what = "directory"
	}
	if r == RootAndSelf && st.Uid != 0 && st.Uid != self {
		owner := "root"
		if self != 0 {
			owner = fmt.Sprint(self)
		}
		e.Why = append(e.Why, fmt.Sprintf("the %s belongs to uid %d, and rota runs as %s", what, st.Uid, userWord(self)))
		e.Cure = append(e.Cure, "chown "+owner+" "+name)
	}
	who := ""
	if r == RootAndSelf && self == 0 && st.Mode&0o020 != 0 && (st.Gid != 0 || hasACL(path)) {
		why := fmt.Sprintf("gid %d may change the %s, and rota runs as root", st.Gid, what)
		if st.Gid == 0 {
			why = fmt.Sprintf("an access control list may let others change the %s, and rota runs as root", what)
		}
		e.Why = append(e.Why, why)
		who = "g"
	}
	if st.Mode&0o002 != 0 {
		e.Why = append(e.Why, "anybody may change the "+what)
		who += "o"
	}
	if who != "" {
		e.Cure = append(e.Cure, "chmod "+who+"-w "+name)
	}
	if e.Why == nil {
		return nil
	}
	return e
}

func userWord(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	return fmt.Sprintf("uid %d", uid)
}

// hasACL reports whether a file has an access control list. Its permissions of
// the group are then the most that the list allows any user.
func hasACL(path string) bool {
	n, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

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
		return nil, fmt.Errorf("%s is no absolute path", path)
	}
	root, err := openDir(unix.AT_FDCWD, "/", "/")
	if err != nil {
		return nil, err
	}
	w := &Way{dir: root, rule: r}
	rest := elements(path)
	links := 0
	for at := "/"; ; {
		st, err := fstat(w.dir)
		if err != nil {
			w.Close()
			return nil, err
		}
		dirst := st
		sticky := st.Mode&unix.S_ISVTX != 0 && (r != RootAndSelf || st.Uid == 0 || st.Uid == self)
		if e := r.check(at, &st, self); e != nil && !sticky && w.others == nil {
			w.others = e
		}
		if len(rest) == 0 {
			w.name, w.path, w.kind = ".", at, unix.S_IFDIR
			return w, nil
		}
		name := rest[0]
		rest = rest[1:]
		next := join(at, name)
		if avoid != nil && avoid(next) {
			w.Close()
			return nil, ErrAvoided
		}
		fd, err := unix.Openat(int(w.dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) && len(rest) == 0 {
			w.name, w.path = name, next
			return w, nil
		}
		if err != nil {
			w.Close()
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		f := os.NewFile(uintptr(fd), next)
		if st, err = fstat(f); err != nil {
			f.Close()
			w.Close()
			return nil, err
		}
		foreign := r == RootAndSelf && st.Uid != 0 && st.Uid != self
		if sticky && foreign && w.others == nil {
			w.others = &Error{given: true, Path: next, Why: []string{fmt.Sprintf("it belongs to uid %d in the directory %s, where anybody may make files", st.Uid, at)}}
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			w.dir.Close()
			w.dir, at = f, next
			if name == ".." {
				at = realName(f, at)
			}
		case unix.S_IFLNK:
			target, err := readlink(f)
			f.Close()
			if links++; err == nil && links > maxLinks {
				err = unix.ELOOP
			}
			if err != nil {
				w.Close()
				return nil, &fs.PathError{Op: "readlink", Path: next, Err: err}
			}
			if w.others == nil && foreign {
				w.others = &Error{given: true, Path: next, Why: []string{fmt.Sprintf("the symbolic link belongs to uid %d", st.Uid)}, Cure: []string{"chown -h " + userOf(self) + " " + Quote(next)}}
			}
			if w.others != nil {
				e := *w.others
				if e.Path != next {
					e.Why = append(slices.Clip(e.Why), next+" on the way is a symbolic link")
				}
				w.Close()
				return nil, &e
			}
			if strings.HasPrefix(target, "/") {
				w.dir.Close()
				if w.dir, err = openDir(unix.AT_FDCWD, "/", "/"); err != nil {
					return nil, err
				}
				at = "/"
			}
			rest = append(elements(target), rest...)
		default:
			f.Close()
			if open := r.check(at, &dirst, self) != nil; open && sticky && r == RootAndSelf && st.Nlink > 1 && w.others == nil {
				w.others = &Error{given: true, Path: next, Why: []string{fmt.Sprintf("it has another name, and may have been linked into the directory %s by anybody", at)}}
			}
			if len(rest) > 0 {
				w.Close()
				return nil, &fs.PathError{Op: "open", Path: next, Err: unix.ENOTDIR}
			}
			w.name, w.path, w.kind = name, next, st.Mode&unix.S_IFMT
			return w, nil
		}
	}
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

// Open opens a regular file for reading by the rule [RootAndSelf].
func Open(path string) (*os.File, error) { return RootAndSelf.Open(path) }

// Open opens a regular file for reading. It returns an [*Error] if a user whom the rule does
// not accept can change the file or the way to it. The name of the file is the resolved
// path.
func (r Rule) Open(path string) (*os.File, error) {
	w, err := r.Follow(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if w.kind == unix.S_IFDIR { // whatever its permissions
		return nil, notRegular(w.path, w.kind)
	}
	if w.others != nil {
		return nil, w.others
	}
	if w.kind != unix.S_IFREG && w.kind != 0 {
		return nil, notRegular(w.path, w.kind) // before the open, which can have effects on a device
	}
	f, err := w.Open(unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := r.file(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Verify returns an [*Error] if a user whom the rule does not accept can change the file at
// a path, or the way to it. A file that does not exist is no error.
func (r Rule) Verify(path string) error {
	w, err := r.Follow(path)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if w.others != nil {
		return w.others
	}
	e, err := w.Itself()
	if e != nil {
		return e
	}
	return err
}

// file returns an error if an open file is not regular, or if a user can change it whom the
// rule does not accept.
func (r Rule) file(f *os.File) error {
	st, err := fstat(f)
	if err != nil {
		return err
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG {
		return notRegular(f.Name(), kind)
	}
	if e := r.check(f.Name(), &st, uint32(os.Geteuid())); e != nil {
		return e
	}
	return nil
}

// notRegular returns the error for a file that is not regular.
func notRegular(path string, kind uint32) error {
	err := errors.New("not a regular file")
	if kind == unix.S_IFDIR {
		err = unix.EISDIR
	}
	return &fs.PathError{Op: "read", Path: path, Err: err}
}

// MakeDir makes a directory, and those above it, if they do not exist. It returns an
// [*Error], and makes nothing, if a user can change the directory, or the way to it, whom
// the rule does not accept.
func (r Rule) MakeDir(path string, perm uint32) error {
	w, err := r.Follow(path)
	if errors.Is(err, unix.ENOENT) && path != "/" {
		if err := r.MakeDir(filepath.Dir(path), perm); err != nil {
			return err
		}
		w, err = r.Follow(path)
	}
	if err != nil {
		return err
	}
	defer w.Close()
	switch {
	case w.others != nil:
		return w.others
	case w.kind == unix.S_IFDIR:
		return nil
	case w.kind != 0:
		return &fs.PathError{Op: "mkdir", Path: w.path, Err: unix.ENOTDIR}
	}
	if err := unix.Mkdirat(int(w.dir.Fd()), w.name, perm); err != nil && !errors.Is(err, unix.EEXIST) {
		return &fs.PathError{Op: "mkdir", Path: w.path, Err: err}
	}
	return nil
}

// Quote returns a name quoted for a shell, if that is needed.
func Quote(name string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_/.,:@%+=", r)
	}
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

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
