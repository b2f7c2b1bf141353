package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
