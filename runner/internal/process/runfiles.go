package process

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// runFiles is the two files through which a command and rota speak while it
// runs: what the command writes to "result" is the run's result, and "stop" is
// there once rota asks it to stop. A third one, "script", is what its interpreter reads.
//
// They lie in the directory live of the state directory, as NAME.result and
// NAME.stop, where NAME is that of the attempt; nothing is made before it is
// needed. There a command that runs as another user cannot reach them. It gets a
// directory in a place where only rota can make any, which the link NAME.directory
// points to, so that it is found after a kill; the result is in a directory inside
// that is the user's. rota keeps it open and never looks for it by its name again.
type runFiles struct {
	stem      string   // what the names in the state directory begin with; "": nothing is there
	directory string   // the directory for another user; "": none
	root      *os.Root // that directory, open; nil: it has gone
	owner     int      // whose the result must be
	used      bool     // there is, or may be, more than the link
}

// The suffixes of the names in the directory live.
const (
	resultSuffix    = ".result"
	stopSuffix      = ".stop"
	scriptSuffix    = ".script"
	directorySuffix = ".folder"
	takenSuffix     = ".taken" // a result on its way to the outputs
)

// newFiles prepares the files of an attempt by a command that runs as somebody
// else, or as rota itself if that is nil.
func (l Launch) newFiles(as *Account) (*runFiles, error) {
	x := &runFiles{owner: os.Geteuid()}
	if !l.Terminal && l.Attempt != (Attempt{}) {
		x.stem = l.Attempt.stem()
		if err := os.MkdirAll(filepath.Dir(x.stem), 0o700); err != nil {
			return nil, err
		}
		if l.Attempt.Number > 1 && l.ResultTo != "" {
			_ = os.Remove(l.ResultTo) // of the attempt before
		}
	}
	if as == nil && x.stem != "" {
		return x, nil
	}
	if as != nil {
		x.owner = int(as.UID)
	}
	if err := x.makeUserDirectory(as, l); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// makeUserDirectory makes the directory for another user.
func (x *runFiles) makeUserDirectory(as *Account, l Launch) (err error) {
	base := os.TempDir() // of rota's own user, who alone can remove it there
	if as != nil {
		if base, err = filesBase(l.Attempt.StateDir, l.Trust); err != nil {
			return err
		}
	}
	x.directory = filepath.Join(base, "rota-"+rand.Text())
	if x.stem != "" {
		_ = os.Remove(x.stem + directorySuffix)
		if err := os.Symlink(x.directory, x.stem+directorySuffix); err != nil {
			return err
		}
	}
	if err := os.Mkdir(x.directory, 0o711); err != nil {
		return err
	}
	if x.root, err = os.OpenRoot(x.directory); err != nil {
		return err
	}
	// By chmod too, because mkdir obeys the umask.
	if err := errors.Join(x.root.Chmod(".", 0o711), x.root.Mkdir(ownName, 0o700)); err != nil || as == nil {
		return err
	}
	return x.root.Lchown(ownName, int(as.UID), int(as.GID))
}

// ownName is the directory in which the user may write.
const ownName = "own"

// stopPath is the file that the command looks for.
func (x *runFiles) stopPath() string {
	if x.directory != "" {
		return filepath.Join(x.directory, "stop")
	}
	return x.stem + stopSuffix
}

// open opens the result or the stop file, as only rota may name it.
func (x *runFiles) open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	flags |= syscall.O_NONBLOCK | syscall.O_NOFOLLOW
	if x.directory == "" {
		return os.OpenFile(path, flags, mode)
	}
	if x.root == nil {
		return nil, fs.ErrNotExist
	}
	name, err := filepath.Rel(x.directory, path)
	if err != nil {
		return nil, err
	}
	return x.root.OpenFile(name, flags, mode)
}

// placeScript writes a script for a command, which its user alone can read, and returns its
// path. rota makes it where only rota can make files, and then gives it away.
func (x *runFiles) placeScript(text string, as *Account) (path string, err error) {
	path = x.stem + scriptSuffix
	if x.directory != "" {
		path = filepath.Join(x.directory, "script")
	}
	x.used = true
	f, err := x.open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o700))
	if as != nil {
		err = errors.Join(err, f.Chown(int(as.UID), int(as.GID)))
	}
	return path, errors.Join(err, f.Close())
}

// requestStop lets the command know that it is to stop; x may be nil.
func (x *runFiles) requestStop() {
	if x == nil {
		return
	}
	x.used = true
	if f, err := x.open(x.stopPath(), os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
		_ = f.Chmod(0o644)
		f.Close()
	}
}

// close removes what there is. What cannot be removed at once, as when processes
// that the command left behind still make files there, is removed later and
// elsewhere, within bounds: the run does not wait for it.
func (x *runFiles) close() {
	if x.used && x.stem != "" {
		x.removeLive()
	}
	if x.root == nil {
		return
	}
	_ = x.root.Remove(filepath.Join(ownName, "result"))
	_ = x.root.Remove("stop")
	_ = x.root.Remove("script")
	if x.root.Remove(ownName) == nil {
		x.removeDirectory()
		return
	}
	wipe(func(w *wiper) {
		if info, err := x.root.Lstat(ownName); err == nil {
			owner := int(info.Sys().(*syscall.Stat_t).Uid)
			if owner == os.Geteuid() {
				owner = anyOwner // a task of rota's own, or of root
			}
			w.empty(x.root, ownName, owner, 0)
		}
		_ = x.root.Remove(ownName)
		x.removeDirectory()
	}, func() { x.root.Close() })
}

// removeDirectory removes the directory, once it is empty, and then the link to it.
func (x *runFiles) removeDirectory() {
	x.root.Close()
	err := os.Remove(x.directory)
	if x.stem != "" && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		_ = os.Remove(x.stem + directorySuffix)
	}
}

// removeLive removes what is in the directory live but the link and the identity of the
// process, also what a command
// made there to become its result.
func (x *runFiles) removeLive() {
	dir, name := filepath.Split(x.stem)
	var stubborn []string
	eachName(dir, func(entry string) {
		rest, ok := strings.CutPrefix(entry, name)
		if !ok || rest == directorySuffix || rest == recordSuffix || !strings.HasPrefix(rest, ".") {
			return
		}
		if err := os.Remove(filepath.Join(dir, entry)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			stubborn = append(stubborn, entry)
		}
	})
	wipeFrom(dir, stubborn)
}

// StopAsked tells a command, from its environment, whether rota has asked it to
// stop. It needs no daemon.
func StopAsked(environ func(string) string) (bool, error) {
	path := environ("ROTA_STOP_FILE")
	if path == "" {
		return false, errors.New("ROTA_STOP_FILE is not set: only a command that rota started can be asked to stop")
	}
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
