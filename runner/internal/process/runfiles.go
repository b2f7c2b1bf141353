package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rota/internal/trust"
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
	if err := x.outside(as, l); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// outside makes the directory for another user.
func (x *runFiles) outside(as *Account, l Launch) (err error) {
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

// runtimeDir is where root keeps what is gone with a restart of the machine.
const runtimeDir = "/run/rota"

// filesBase returns a directory in which only rota can make directories, and
// which every user can enter: below /run, where no cleaner of temporary files
// comes by, or where there is none in the state directory.
func filesBase(stateDir string, trusting bool) (string, error) {
	dir := filepath.Join(runtimeDir, "tasks")
	if trust.RootAndSelf.MakeDir(runtimeDir, 0o755) == nil && trust.RootAndSelf.MakeDir(dir, 0o711) == nil {
		return dir, errors.Join(allowEntry(runtimeDir), allowEntry(dir))
	}
	if stateDir == "" { // of a notification
		return "", fmt.Errorf("no directory for it: %s must be a directory of root", dir)
	}
	dir = filepath.Join(stateDir, "tasks")
	if err := trust.For(trusting).MakeDir(dir, 0o711); err != nil {
		return "", err
	}
	return dir, allowEntry(dir)
}

// allowEntry lets every user enter a directory, whatever the umask was when it was made.
func allowEntry(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o011 == 0o011 {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// staleFiles returns the files of an attempt that no process carries any more, by the
// prefix of their names.
func staleFiles(stem string) *runFiles {
	x := &runFiles{stem: stem, used: true}
	directory, err := os.Readlink(stem + directorySuffix)
	if err != nil {
		return x
	}
	// It may have gone, and somebody who knew its name may have made another.
	w, err := trust.Follow(directory)
	if err != nil || w.Others() != nil || w.Path() != filepath.Clean(directory) {
		_ = os.Remove(stem + directorySuffix)
		if err == nil {
			w.Close()
		}
		return x
	}
	defer w.Close()
	if x.root, err = os.OpenRoot(directory); err != nil {
		_ = os.Remove(stem + directorySuffix)
		return x
	}
	x.directory = directory
	return x
}

// ownName is the directory in which the user may write.
const ownName = "own"

// result is where the command writes its result.
func (x *runFiles) result() string {
	if x.directory != "" {
		return filepath.Join(x.directory, ownName, "result")
	}
	return x.stem + resultSuffix
}

// stop is what the command looks for.
func (x *runFiles) stop() string {
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

// ask lets the command know that it is to stop.
func (x *runFiles) ask() {
	x.used = true
	if f, err := x.open(x.stop(), os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
		_ = f.Chmod(0o644)
		f.Close()
	}
}

// take moves the result to a file of rota's own, and returns how many bytes it
// has; 0 if there is none. What a command leaves there may be anything.
func (x *runFiles) take(to string, most int64) (int64, error) {
	if x.isLink() {
		return 0, errors.New("it is a symbolic link")
	}
	f, err := x.open(x.result(), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	x.used = true
	switch {
	case errors.Is(err, syscall.ELOOP):
		return 0, errors.New("it is a symbolic link")
	case err != nil:
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	switch s := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return 0, errors.New("it is no regular file")
	case s.Nlink != 1:
		return 0, errors.New("it has another name, too")
	case int(s.Uid) != x.owner:
		return 0, fmt.Errorf("it belongs to user %d, not %d", s.Uid, x.owner)
	case info.Size() == 0:
		return 0, nil
	case info.Size() > most:
		return 0, tooLarge(info.Size(), most)
	}
	return x.keep(f, to, most)
}

// keep copies a result to its place, whole or not at all.
func (x *runFiles) keep(f io.Reader, to string, most int64) (int64, error) {
	taken, err := os.OpenFile(x.stem+takenSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer os.Remove(taken.Name())
	// It may grow meanwhile: what the command left behind may still write.
	n, err := io.Copy(taken, io.LimitReader(f, most+1))
	if err == nil && n > most {
		err = tooLarge(n, most)
	}
	if err := errors.Join(err, taken.Sync(), taken.Close(), os.MkdirAll(filepath.Dir(to), 0o700)); err != nil {
		return 0, err
	}
	return n, os.Rename(taken.Name(), to)
}

func tooLarge(size, most int64) error {
	return fmt.Errorf("it has %d bytes or more, result_max is %d", size, most)
}

// isLink reports whether the command left a symbolic link for a result. [os.Root]
// would follow one that stays inside.
func (x *runFiles) isLink() bool {
	var info fs.FileInfo
	var err error
	switch {
	case x.directory == "":
		info, err = os.Lstat(x.result())
	case x.root != nil:
		info, err = x.root.Lstat(filepath.Join(ownName, "result"))
	}
	link := err == nil && info != nil && info.Mode()&fs.ModeSymlink != 0
	x.used = x.used || link
	return link
}

// close removes what there is. What cannot be removed at once, as when processes
// that the command left behind still make files there, is removed later and
// elsewhere, within bounds: the run does not wait for it.
func (x *runFiles) close() {
	if x.used && x.stem != "" {
		x.clear()
	}
	if x.root == nil {
		return
	}
	_ = x.root.Remove(filepath.Join(ownName, "result"))
	_ = x.root.Remove("stop")
	_ = x.root.Remove("script")
	if x.root.Remove(ownName) == nil {
		x.gone()
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
		x.gone()
	}, func() { x.root.Close() })
}

// gone removes the directory, once it is empty, and then the link to it.
func (x *runFiles) gone() {
	x.root.Close()
	err := os.Remove(x.directory)
	if x.stem != "" && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		_ = os.Remove(x.stem + directorySuffix)
	}
}

const (
	// resultPause is the time between two looks at a result that something left behind
	// writes to, and resultCalm the longest while nothing is written.
	resultPause = 20 * time.Millisecond
	resultCalm  = 10 * time.Second
)

// bound keeps small, in the background, the result that processes which the command
// left behind may still have open: it has no name any more soon, so that nobody would
// see how it fills the disk.
func (x *runFiles) bound(l Launch) {
	if x.isLink() {
		return
	}
	f, err := x.open(x.result(), os.O_RDWR, 0)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || int(info.Sys().(*syscall.Stat_t).Uid) != x.owner || info.Sys().(*syscall.Stat_t).Nlink != 1 || !openElsewhere(f) {
		f.Close()
		return
	}
	if l.Record != "" { // this process is a shim: the daemon does it
		_ = addLink(f, l.Attempt.Dir().path(leftResult))
		f.Close()
		return
	}
	boundFile(f, info.Size(), l)
}

// leftResult is, in the directory of a forked run, the result that something left behind
// still has open.
const leftResult = "left"

// BoundLeft keeps small, from now on, the result that processes which a forked run left
// behind may still have open. The directory may go then.
func (d Dir) BoundLeft(a Attempt) {
	f, err := os.OpenFile(d.path(leftResult), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || !openElsewhere(f) {
		f.Close()
		return
	}
	boundFile(f, info.Size(), Launch{Attempt: a})
}

// boundFile keeps a file small as long as others have it open.
func boundFile(f *os.File, size int64, l Launch) {
	left := l.leftover("result")
	go func() {
		defer f.Close()
		defer left.done()
		for pause := resultPause; openElsewhere(f); pause = min(2*pause, resultCalm) {
			<-time.After(pause)
			var now unix.Stat_t
			if unix.Fstat(int(f.Fd()), &now) != nil {
				return
			}
			if now.Size != size {
				left.wrote(max(now.Size-size, 0))
				pause = resultPause / 2
			}
			if size = now.Size; now.Blocks*512 > max(l.ResultMax, resultLeast) && f.Truncate(0) == nil {
				size = 0
			}
		}
	}()
}

// resultLeast is how much room a result may take that something left behind writes to,
// whatever result_max is.
const resultLeast = 64 << 10

// openElsewhere reports whether somebody else has a file open: else the kernel grants a
// lease of it.
func openElsewhere(f *os.File) bool {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return errors.Is(err, unix.EAGAIN)
	}
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}

// clear removes what is in the directory live but the link and the identity of the
// process, also what a command
// made there to become its result.
func (x *runFiles) clear() {
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

// RemoveStale removes what attempts left that were killed with their carrier,
// but for those of which something still lives, or which a forked run has.
func RemoveStale(stateDir string) {
	live := filepath.Join(stateDir, "live")
	table, err := tableOf(stateDir)
	recorded := []string(nil)
	if err == nil {
		recorded = table.names()
	}
	if entries, err := os.ReadDir(live); (err != nil || len(entries) == 0) && len(recorded) == 0 {
		return
	}
	busy := namesInUse(stateDir, live)
	for _, name := range recorded {
		if !slices.Contains(busy, name+".") {
			table.drop(name)
		}
	}
	var stubborn []string
	eachName(live, func(entry string) {
		if slices.ContainsFunc(busy, func(name string) bool { return strings.HasPrefix(entry, name) }) {
			return
		}
		if stem, ok := strings.CutSuffix(entry, directorySuffix); ok {
			staleFiles(filepath.Join(live, stem)).close()
		} else if err := os.Remove(filepath.Join(live, entry)); err != nil {
			stubborn = append(stubborn, entry)
		}
	})
	wipeFrom(live, stubborn)
}

// namesInUse are the prefixes of the names of files in use: of attempts with live
// processes, or forked ones.
func namesInUse(stateDir, live string) (busy []string) {
	for run := range runsAlive(stateDir) {
		busy = append(busy, liveName(run))
	}
	dirs, _ := Dirs(stateDir)
	for _, d := range dirs {
		if a, ok := d.Attempt(); ok {
			busy = append(busy, filepath.Base(a.stem())+".")
		}
	}
	if t, err := tableOf(stateDir); err == nil {
		for _, name := range t.names() {
			if id, err := t.get(name); err == nil {
				if _, leads := id.leads(); leads {
					busy = append(busy, name+".")
				}
			}
		}
	}
	eachName(live, func(entry string) {
		if stem, ok := strings.CutSuffix(entry, recordSuffix); ok {
			if id, err := readIdentity(filepath.Join(live, entry)); err == nil {
				if _, leads := id.leads(); leads {
					busy = append(busy, stem+".")
				}
			}
		}
	})
	return busy
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
