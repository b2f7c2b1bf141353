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

// Error says that somebody else can change a file or directory, and which
// commands mend it.
type Error struct {
	Path string
	Why  []string
	Cure []string // commands to type; none: there is none but another path
}

func (e *Error) Error() string {
	text := e.Path + ": " + strings.Join(e.Why, ", ")
	if len(e.Cure) > 0 {
		text += "; type: " + strings.Join(e.Cure, " && ")
	}
	return text
}

// Check returns what lets somebody else change a file or directory, nil if
// nothing does. It looks at owner and permissions of the thing itself. Root
// trusts root alone; another user trusts itself, root, and the members of the
// group of a file, which are often the user alone.
func Check(path string, st *unix.Stat_t) *Error {
	return check(path, st, uint32(os.Geteuid()))
}

func check(path string, st *unix.Stat_t, self uint32) *Error {
	e := &Error{Path: path}
	what, name := "file", Quote(path)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		what = "directory"
	}
	if st.Uid != 0 && st.Uid != self {
		owner := "root"
		if self != 0 {
			owner = fmt.Sprint(self)
		}
		e.Why = append(e.Why, fmt.Sprintf("the %s belongs to uid %d, and rota runs as %s", what, st.Uid, userWord(self)))
		e.Cure = append(e.Cure, "chown "+owner+" "+name)
	}
	who := ""
	if self == 0 && st.Mode&0o020 != 0 && (st.Gid != 0 || hasACL(path)) {
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
// the group are then the most that the list allows to anybody.
func hasACL(path string) bool {
	n, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

// Way is where a path leads to: an entry of an open directory, which may not
// exist. The last element is no symbolic link, or was none a moment ago.
type Way struct {
	dir    *os.File
	name   string
	path   string
	others *Error
}

// maxLinks is how many symbolic links the kernel follows on one way.
const maxLinks = 40

// errLink is why a symbolic link was not followed.
var errLink = errors.New("a symbolic link that others can change is not followed")

// Follow walks an absolute path. A symbolic link that somebody else can change
// is an [*Error]; so that it is never followed, whoever that is. What is
// missing on the way is an error, the last element may be. The caller closes
// the Way.
func Follow(path string) (*Way, error) { return follow(path, uint32(os.Geteuid())) }

func follow(path string, self uint32) (*Way, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("%s is no absolute path", path)
	}
	root, err := openDir(unix.AT_FDCWD, "/", "/")
	if err != nil {
		return nil, err
	}
	w := &Way{dir: root, name: ".", path: "/"}
	rest := elements(path)
	links := 0
	for at := "/"; ; {
		st, err := fstat(w.dir)
		if err != nil {
			w.Close()
			return nil, err
		}
		sticky := st.Mode&unix.S_ISVTX != 0 && (st.Uid == 0 || st.Uid == self)
		if e := check(at, &st, self); e != nil && !sticky && w.others == nil {
			w.others = e
		}
		if len(rest) == 0 {
			w.name, w.path = ".", at
			return w, nil
		}
		name := rest[0]
		rest = rest[1:]
		next := join(at, name)
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
		if sticky && st.Uid != 0 && st.Uid != self && w.others == nil {
			w.others = &Error{Path: next, Why: []string{fmt.Sprintf("it belongs to uid %d in the directory %s, where anybody may make files", st.Uid, at)}}
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
			if w.others == nil && st.Uid != 0 && st.Uid != self {
				w.others = &Error{Path: next, Why: []string{fmt.Sprintf("the symbolic link belongs to uid %d", st.Uid)}, Cure: []string{"chown -h " + userOf(self) + " " + Quote(next)}}
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
			if len(rest) > 0 {
				w.Close()
				return nil, &fs.PathError{Op: "open", Path: next, Err: unix.ENOTDIR}
			}
			w.name, w.path = name, next
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

// Others returns how somebody else can change which file the path leads to, nil
// if nobody can. It says nothing of who can change the file itself.
func (w *Way) Others() *Error { return w.others }

// Path is where the path leads to, without symbolic links.
func (w *Way) Path() string { return w.path }

// Open opens what the way leads to, but no symbolic link, and never waits for a
// FIFO or a lease. If flags has O_CREAT the file is made with perm, as the umask
// allows.
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

// Dir returns the directory that holds what the way leads to, and its name
// there; "." if it is a directory itself. It is closed with the Way.
func (w *Way) Dir() (dir *os.File, name string) { return w.dir, w.name }

// Close gives up the directory.
func (w *Way) Close() error { return w.dir.Close() }

// Open opens a regular file to read that nobody else can change, by the file
// itself or anything on the way to it.
func Open(path string) (*os.File, error) {
	w, err := Follow(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if w.others != nil {
		return nil, w.others
	}
	f, err := w.Open(unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	st, err := fstat(f)
	if err == nil {
		err = regular(w.path, &st)
	}
	if err == nil {
		if e := Check(w.path, &st); e != nil {
			err = e
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// regular returns an error for what is no regular file.
func regular(path string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return &fs.PathError{Op: "read", Path: path, Err: unix.EISDIR}
	}
	return &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
}

// Quote returns a name as a shell has to be given it.
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

// realName is the name of a directory that was reached by "..".
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
