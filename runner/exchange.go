package runner

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// exchange is the two files through which a command and rota speak while it
// runs: what the command writes to "result" is the run's result, and "stop" is
// there once rota asks it to stop.
//
// They lie in the folder live of the state folder, as NAME.result and NAME.stop,
// where NAME is that of the attempt; nothing is made before it is needed. There
// a command that runs as another user cannot reach them. It gets a folder among
// the temporary files, which the link NAME.folder points to, so that it is found
// after a kill: only rota can write in it, and so nobody can put another one in
// its place; the result is in a folder inside that is the user's.
type exchange struct {
	stem   string // what the names in the state folder begin with; "": nothing is there
	folder string // among the temporary files; "": none
	owner  int    // whose the result must be
	used   bool   // there is, or may be, more than the link
}

// The endings of the names in the folder live.
const (
	resultEnding = ".result"
	stopEnding   = ".stop"
	folderEnding = ".folder"
	takenEnding  = ".taken" // a result on its way to the outputs
)

// liveName is what the names of all attempts of a run begin with, and those of no
// other run: "," is in no id.
func liveName(run string) string { return fileName(run) + "," }

func exchangeStem(stateDir, run string, attempt int) string {
	return filepath.Join(stateDir, "live", liveName(run)+strconv.Itoa(attempt))
}

// newExchange prepares the exchange of an attempt by a command that runs as
// somebody else, or as rota itself if that is nil.
func newExchange(in Input, as *account) (*exchange, error) {
	x := &exchange{owner: os.Geteuid()}
	if !in.terminal {
		x.stem = exchangeStem(in.StateDir, in.Run, in.Attempt)
		if err := os.MkdirAll(filepath.Dir(x.stem), 0o700); err != nil {
			return nil, err
		}
		if in.Attempt > 1 {
			_ = os.Remove(resultPath(in.StateDir, in.Run)) // of the attempt before
		}
	}
	if as == nil && !in.terminal {
		return x, nil
	}
	if as != nil {
		x.owner = int(as.uid)
	}
	if err := x.outside(as); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// outside makes the folder among the temporary files.
func (x *exchange) outside(as *account) error {
	x.folder = filepath.Join(os.TempDir(), "rota-"+rand.Text())
	if x.stem != "" {
		_ = os.Remove(x.stem + folderEnding)
		if err := os.Symlink(x.folder, x.stem+folderEnding); err != nil {
			return err
		}
	}
	// By chmod too, because mkdir obeys the umask.
	if err := errors.Join(os.Mkdir(x.folder, 0o711), os.Chmod(x.folder, 0o711), os.Mkdir(x.own(), 0o700)); err != nil || as == nil {
		return err
	}
	return os.Lchown(x.own(), int(as.uid), int(as.gid))
}

// leftExchange returns the exchange of an attempt that nobody carries any more.
func leftExchange(stateDir, run string, attempt int) *exchange {
	return leftAt(exchangeStem(stateDir, run, attempt))
}

func leftAt(stem string) *exchange {
	x := &exchange{stem: stem, used: true}
	if folder, err := os.Readlink(stem + folderEnding); err == nil {
		if !onlyOurs(folder) {
			_ = os.Remove(stem + folderEnding)
			return x
		}
		x.folder = folder
	}
	return x
}

// onlyOurs reports whether a folder is there that nobody else can change. Among the
// temporary files one may have gone, as when the machine started again, and
// somebody who knew its name may have made another in its place.
func onlyOurs(folder string) bool {
	info, err := os.Lstat(folder)
	if err != nil || !info.IsDir() || info.Mode()&0o022 != 0 {
		return false
	}
	return int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}

// own is the folder in which the user may write.
func (x *exchange) own() string { return filepath.Join(x.folder, "own") }

// result is where the command writes its result.
func (x *exchange) result() string {
	if x.folder != "" {
		return filepath.Join(x.own(), "result")
	}
	return x.stem + resultEnding
}

// stop is what the command looks for.
func (x *exchange) stop() string {
	if x.folder != "" {
		return filepath.Join(x.folder, "stop")
	}
	return x.stem + stopEnding
}

// ask lets the command know that it is to stop.
func (x *exchange) ask() {
	x.used = true
	if f, err := os.OpenFile(x.stop(), os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644); err == nil {
		_ = f.Chmod(0o644)
		f.Close()
	}
}

// take moves the result to a file of rota's own, and returns how many bytes it
// has; 0 if there is none. What a command leaves there may be anything.
func (x *exchange) take(to string, most int64) (int64, error) {
	f, err := os.OpenFile(x.result(), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
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
func (x *exchange) keep(f io.Reader, to string, most int64) (int64, error) {
	taken, err := os.OpenFile(x.stem+takenEnding, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
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

// close removes all that there is.
func (x *exchange) close() {
	if x.used && x.stem != "" {
		x.clear()
	}
	if x.folder == "" {
		return
	}
	_ = os.Remove(x.result())
	_ = os.Remove(x.stop())
	if os.Remove(x.own()) != nil {
		if root, err := os.OpenRoot(x.own()); err == nil {
			empty(root, ".", 0)
			root.Close()
		}
		_ = os.Remove(x.own())
	}
	err := os.Remove(x.folder)
	if x.stem != "" && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		_ = os.Remove(x.stem + folderEnding)
	}
}

// clear removes what is in the folder live but the link, also what a command
// made there to become its result.
func (x *exchange) clear() {
	dir, name := filepath.Split(x.stem)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), name); ok && rest != folderEnding && strings.HasPrefix(rest, ".") {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// empty removes what is in a folder of somebody else, who may still be at work
// there: never outside of it, not deeper than anybody means to go, and not for
// ever.
func empty(root *os.Root, name string, depth int) {
	for range 1000 {
		dir, err := root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		entries, _ := dir.ReadDir(1000)
		dir.Close()
		removed := false
		for _, e := range entries {
			inner := filepath.Join(name, e.Name())
			if e.IsDir() && depth < 50 {
				empty(root, inner, depth+1)
			}
			removed = root.Remove(inner) == nil || removed
		}
		if !removed {
			return
		}
	}
}

// sweepExchanges removes what attempts left that were killed with their carrier,
// but for those of which something still lives, or which a forked run has.
func sweepExchanges(stateDir string) {
	live := filepath.Join(stateDir, "live")
	entries, _ := os.ReadDir(live)
	if len(entries) == 0 {
		return
	}
	var busy []string // what their names begin with
	for run := range runsAlive(stateDir) {
		busy = append(busy, liveName(run))
	}
	dirs, _ := runDirs(stateDir)
	for _, d := range dirs {
		if name := filepath.Base(string(d)); strings.Contains(name, ".") {
			i := strings.LastIndexByte(name, '.')
			busy = append(busy, name[:i]+","+name[i+1:]+".")
		}
	}
	for _, e := range entries {
		if slices.ContainsFunc(busy, func(name string) bool { return strings.HasPrefix(e.Name(), name) }) {
			continue
		}
		if stem, ok := strings.CutSuffix(e.Name(), folderEnding); ok {
			leftAt(filepath.Join(live, stem)).close()
		} else {
			_ = os.RemoveAll(filepath.Join(live, e.Name()))
		}
	}
}

// resultPath is where the result of a run is kept.
func resultPath(stateDir, run string) string {
	task, key := SplitID(run)
	return filepath.Join(stateDir, "logs", task, key+".result")
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
