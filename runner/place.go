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

// place is where an action writes a file: an entry of a directory that is open,
// so that a directory on the way that somebody exchanges meanwhile changes
// nothing. Nothing is there, or a regular file.
//
// Symbolic links on the way are followed as [trust.Follow] does. Where others can
// change the directory, they can change what is in it anyway; it has to be
// their file, not one that they put there, by a link, to have it changed.
type place struct {
	way   *trust.Way
	shown string // the path, as it was given
}

// openPlace opens the directory of a file that may not exist yet.
func openPlace(path string) (*place, error) {
	p := &place{shown: escape.Name(path)}
	var err error
	if p.way, err = follow(path); err != nil {
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
		return nil, fmt.Errorf("%s is no regular file and stays as it is", p.shown)
	}
	return p, nil
}

// follow is [trust.Follow] with an error for those who write tasks: what keeps
// a link from being followed is often another user's, and has to be.
func follow(path string) (*trust.Way, error) {
	w, err := trust.Follow(path)
	if e, ok := errors.AsType[*trust.Error](err); ok {
		return nil, fmt.Errorf("%s: a symbolic link that others can change is not followed (%s: %s); give the path without links, or the task the user",
			escape.Name(path), escape.Name(e.Path), strings.Join(e.Why, ", "))
	}
	return w, err
}

func (p *place) close() { p.way.Close() }

// stat tells what is there now.
func (p *place) stat() (st unix.Stat_t, err error) {
	dir, name := p.way.Dir()
	if err = unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		err = &fs.PathError{Op: "stat", Path: p.way.Path(), Err: err}
	}
	return st, err
}

// holds reports whether a file with just this text and mode is there.
func (p *place) holds(text string, mode fs.FileMode) bool {
	f, err := p.way.Open(unix.O_RDONLY, 0)
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

// replace puts a file with this text and mode there.
func (p *place) replace(text string, mode fs.FileMode) error {
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
func (p *place) append(text string, mode fs.FileMode) error {
	const flags = unix.O_WRONLY | unix.O_APPEND
	f, err := p.way.Open(flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = p.way.Open(flags|unix.O_CREAT|unix.O_EXCL, uint32(mode)); err == nil {
			err = f.Chmod(mode) // against the umask
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, dir, err := stats(f, p.way)
	switch {
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is no regular file and stays as it is", p.shown)
	case p.way.Others() == nil && !shared(dir):
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

// shared reports whether others can put a file into a directory. As for
// [trust.Check], a group counts for root only.
func shared(dir unix.Stat_t) bool {
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

// pending is a file that is being written beside its place. It belongs to the
// user of the process. Who reads the place finds what was there before, or all
// of it.
type pending struct {
	*os.File
	at   *place
	name string // "": it is in its place, or removed
}

// create makes a file to be written. It has the permissions perm, or perm as the
// umask allows.
func (p *place) create(perm fs.FileMode, umask bool) (*pending, error) {
	dir, name := p.way.Dir()
	for {
		temporary := fmt.Sprintf(".%s.%016x", name[:min(len(name), 200)], rand.Uint64())
		fd, err := unix.Openat(int(dir.Fd()), temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm))
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "create", Path: p.way.Path(), Err: err}
		}
		f := &pending{os.NewFile(uintptr(fd), p.way.Path()), p, temporary}
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
func (f *pending) commit() error {
	dir, name := f.at.way.Dir()
	err := errors.Join(f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := unix.Renameat(int(dir.Fd()), f.name, int(dir.Fd()), name); err != nil {
		return &fs.PathError{Op: "rename to", Path: f.at.way.Path(), Err: err}
	}
	f.name = ""
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil { // a directory that can be written to but not read
		return nil
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil && !errors.Is(err, unix.EINVAL) { // which file systems say that need none
		return &fs.PathError{Op: "sync directory of", Path: f.at.way.Path(), Err: err}
	}
	return nil
}

// discard removes the file unless it is in its place.
func (f *pending) discard() {
	if f.name == "" {
		return
	}
	f.Close()
	dir, _ := f.at.way.Dir()
	_ = unix.Unlinkat(int(dir.Fd()), f.name, 0)
	f.name = ""
}

// openRead opens a regular file that an action reads for its task. Links are
// followed as for a place. A file that not everybody may read could be one that
// somebody gave a second name, or moved, to where the task reads it: it has to
// have one name and, in a directory that others can change, to belong to the
// owner of the directory, who alone may write there, unless that is sticky.
func openRead(path string) (*os.File, fs.FileInfo, error) {
	w, err := follow(path)
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
		err = fmt.Errorf("%s is no regular file", escape.Name(path))
	case st.Mode&0o004 != 0, w.Others() == nil && !shared(dir):
	case st.Nlink == 1 && (dir.Mode&unix.S_ISVTX != 0 || st.Uid == dir.Uid && !shared(dir)):
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
