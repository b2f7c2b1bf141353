package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"rota/internal/escape"
	"rota/internal/trust"
)

// targetFile is a file that an action writes: an entry of an open directory, so that it
// does not matter if a directory on the way is replaced meanwhile. It is a regular file
// or does not exist.
//
// Symbolic links on the way are followed as [trust.Follow] does. Where others can
// change the directory, they can change what is in it anyway; it must be their file, not
// a hard link to a file of another user.
type targetFile struct {
	dir   *trust.Way
	shown string // the path, as it was given
}

// openTarget opens the directory of a file that may not exist yet.
func openTarget(path string) (*targetFile, error) {
	p := &targetFile{shown: escape.Name(path)}
	var err error
	if p.dir, err = followPath(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("directory of %s: %w; make it first", p.shown, err)
		}
		return nil, err
	}
	switch st, err := p.stat(); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.close()
		return nil, err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		p.close()
		return nil, fmt.Errorf("%s is not a regular file and is left unchanged", p.shown)
	}
	return p, nil
}

// followPath is [trust.Follow] with an error for the authors of tasks: that a link is not
// followed often is due to its owner.
func followPath(path string) (*trust.Way, error) {
	w, err := trust.Follow(path)
	if e, ok := errors.AsType[*trust.Error](err); ok {
		return nil, fmt.Errorf("%s: a symbolic link that others can change is not followed (%s: %s); give the path without links, or the task the user",
			escape.Name(path), escape.Name(e.Path), strings.Join(e.Why, ", "))
	}
	return w, err
}

func (p *targetFile) close() { p.dir.Close() }

// stat returns what is there now.
func (p *targetFile) stat() (st unix.Stat_t, err error) {
	dir, name := p.dir.Dir()
	if err = unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		err = &fs.PathError{Op: "stat", Path: p.dir.Path(), Err: err}
	}
	return st, err
}

// hasContent reports whether the file has exactly this text and mode.
func (p *targetFile) hasContent(text string, mode fs.FileMode) bool {
	f, err := p.dir.Open(unix.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Mode() != mode || info.Size() != int64(len(text)) {
		return false
	}
	have, err := io.ReadAll(io.LimitReader(f, info.Size()+1))
	return err == nil && string(have) == text
}

// replace replaces the file by one with this text and mode.
func (p *targetFile) replace(text string, mode fs.FileMode) error {
	f, err := p.create(mode, false)
	if err != nil {
		return err
	}
	defer f.discard()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.commit()
}

// append adds a text to the file with one write, and syncs it. A new file gets
// the mode.
func (p *targetFile) append(text string, mode fs.FileMode) error {
	const flags = unix.O_WRONLY | unix.O_APPEND
	f, err := p.dir.Open(flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = p.dir.Open(flags|unix.O_CREAT|unix.O_EXCL, uint32(mode)); err == nil {
			err = f.Chmod(mode) // against the umask
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, dir, err := stats(f, p.dir)
	switch {
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is not a regular file and is left unchanged", p.shown)
	case p.dir.Others() == nil && !writableByOthers(dir):
	case st.Nlink > 1:
		return fmt.Errorf("%s has %d names in a directory that others can change, and stays as it is", p.shown, st.Nlink)
	case st.Uid != uint32(os.Geteuid()) && st.Uid != dir.Uid:
		return fmt.Errorf("%s belongs to uid %d in a directory that others can change, and stays as it is", p.shown, st.Uid)
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

// writableByOthers reports whether other users can create files in a directory. As for
// [trust.Rule], a group counts for root only.
func writableByOthers(dir unix.Stat_t) bool {
	return dir.Mode&0o002 != 0 || dir.Mode&0o020 != 0 && os.Geteuid() == 0
}

// stats looks at an open file, and at the directory that it was opened in.
func stats(f *os.File, w *trust.Way) (file, dir unix.Stat_t, err error) {
	if err = unix.Fstat(int(f.Fd()), &file); err == nil {
		d, _ := w.Dir()
		err = unix.Fstat(int(d.Fd()), &dir)
	}
	if err != nil {
		err = &fs.PathError{Op: "stat", Path: w.Path(), Err: err}
	}
	return file, dir, err
}

// pendingFile is a file that is being written beside its target. It belongs to the user of
// the process. A reader of the target sees the old file or the whole new one.
type pendingFile struct {
	*os.File
	at   *targetFile
	name string // "": it is committed, or removed
}

// create makes a file to be written. It has the permissions perm, or perm as the
// umask allows.
func (p *targetFile) create(perm fs.FileMode, umask bool) (*pendingFile, error) {
	dir, name := p.dir.Dir()
	for {
		temporary := fmt.Sprintf(".%s.%016x", name[:min(len(name), 200)], rand.Uint64())
		fd, err := unix.Openat(int(dir.Fd()), temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm))
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "create", Path: p.dir.Path(), Err: err}
		}
		f := &pendingFile{os.NewFile(uintptr(fd), p.dir.Path()), p, temporary}
		if !umask {
			if err := f.Chmod(perm); err != nil {
				f.discard()
				return nil, err
			}
		}
		return f, nil
	}
}

// commit gives the file its name, durably.
func (f *pendingFile) commit() error {
	dir, name := f.at.dir.Dir()
	err := errors.Join(f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := unix.Renameat(int(dir.Fd()), f.name, int(dir.Fd()), name); err != nil {
		return &fs.PathError{Op: "rename to", Path: f.at.dir.Path(), Err: err}
	}
	f.name = ""
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil { // a directory that can be written to but not read
		return nil
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil && !errors.Is(err, unix.EINVAL) { // which file systems say that need none
		return &fs.PathError{Op: "sync directory of", Path: f.at.dir.Path(), Err: err}
	}
	return nil
}

// discard removes the file unless it is committed.
func (f *pendingFile) discard() {
	if f.name == "" {
		return
	}
	f.Close()
	dir, _ := f.at.dir.Dir()
	_ = unix.Unlinkat(int(dir.Fd()), f.name, 0)
	f.name = ""
}

// openRead opens a regular file that an action reads for its task. Links are
// followed as for a target. A file that not everybody may read could have been linked or
// moved to where the task reads it: it must have one name and, in a directory that others
// can change, belong to the owner of the directory, who alone may write there, unless that
// is sticky.
func openRead(path string) (*os.File, fs.FileInfo, error) {
	w, err := followPath(path)
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	f, err := w.Open(unix.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	st, dir, err := stats(f, w)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = fmt.Errorf("%s is not a regular file", escape.Name(path))
	case st.Mode&0o004 != 0, w.Others() == nil && !writableByOthers(dir):
	case st.Nlink == 1 && (dir.Mode&unix.S_ISVTX != 0 || st.Uid == dir.Uid && !writableByOthers(dir)):
	default:
		err = fmt.Errorf("%s is private (uid %d, mode %04o) in a directory that others can change, and is not read", escape.Name(path), st.Uid, st.Mode&0o7777)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
