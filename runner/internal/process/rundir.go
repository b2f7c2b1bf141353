package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Dir is the directory of one attempt at a forked run. It is all that a daemon and
// the shim know of each other, in files:
//
//	run    what is being run, written by the daemon before a shim gets it
//	lock   held by the shim (flock) for as long as it executes the run
//	go     made by whoever comes first: by the shim, and the run begins, or by
//	       a later daemon, and it never does
//	errors what the shim itself has to complain of, if anything
//	stop   why a daemon stops the run, written before it notifies the shim
//	kill   there once a daemon has ended the grace of that stop
//	end    the result, complete or not there; before that end.reserved, with the process
//	       of the command, once it has one
//	left   the result, if something that outlives the run has it open
//
// What run, stop and end hold is up to package runner. As making a file costs much more
// than a link to one, run and lock are one file, and so is go for all runs of a shim.
type Dir string

// Dirs returns the directories of all forked runs.
func Dirs(stateDir string) ([]Dir, error) {
	entries, err := os.ReadDir(filepath.Join(stateDir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var dirs []Dir
	for _, e := range entries {
		dirs = append(dirs, Dir(filepath.Join(stateDir, "runs", e.Name())))
	}
	return dirs, nil
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Remove removes the directory.
func (d Dir) Remove() error { return os.RemoveAll(string(d)) }

// The files that package runner reads and writes.
const (
	RecordFile = "run"
	EndFile    = "end"
)

// Read reads a file as a whole.
func (d Dir) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

// Changed is when the last file was made in the directory.
func (d Dir) Changed() time.Time {
	info, err := os.Stat(string(d))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Complaints is what the shim itself had to complain of.
func (d Dir) Complaints() string {
	text, _ := os.ReadFile(d.path("errors"))
	return string(text)
}

// HasShim reports whether a shim executes the run: it holds the lock. If that cannot
// be told, one may.
func (d Dir) HasShim() bool {
	lock, err := d.lock()
	if err == nil {
		unlock(lock)
	}
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// Begun reports whether the run has begun, or will. If it has not and there is no
// shim, it never will from now on.
func (d Dir) Begun() bool {
	lock, err := d.lock()
	if err != nil {
		return true
	}
	defer unlock(lock)
	// Only who makes the file may start the run, or say that it never did.
	return d.begin() != nil
}

// lock takes the lock of the directory. Whoever inherits the descriptor of the
// file holds it too.
func (d Dir) lock() (*os.File, error) {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unlock gives up a lock that nobody else is to have. To close the file is not enough: a
// process that is being started has it, too, until it executes its program.
func unlock(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	f.Close()
}

// beginFile is the file "go".
const beginFile = "go"

// beginning is its content: which shim executes the run, and on which signal that checks its
// stop files; 0, of an older shim: on TERM.
type beginning struct {
	identityFile
	Signal syscall.Signal
}

// checkSignal is not TERM, which others send, too, so that a shim ends.
const checkSignal = syscall.SIGUSR1

// self is this process as a beginning.
var self = sync.OnceValues(func() (b beginning, err error) {
	id, err := identify(os.Getpid())
	return beginning{identityFile{id.PID, id.Started, BootID()}, checkSignal}, err
})

// begun is the file "go" of this process, which may have links in many directories.
var begun struct {
	sync.Mutex
	file *os.File // nil: there is none yet
}

// begin makes the file "go", or reports that it is there already.
func (d Dir) begin() error {
	begun.Lock()
	defer begun.Unlock()
	if begun.file != nil {
		// That fails, too, if all links are removed.
		if err := addLink(begun.file, d.path(beginFile)); err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	f, err := os.OpenFile(d.path(beginFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	self, err := self()
	if err == nil {
		err = json.NewEncoder(f).Encode(self)
	}
	if err != nil {
		f.Close()
		return err
	}
	if begun.file != nil {
		begun.file.Close()
	}
	begun.file = f
	return nil
}

// addLink makes one more link to an open file.
func addLink(f *os.File, path string) error {
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// make makes the directory, with what is recorded of the run. That need not be synced:
// after a crash of the machine the run is lost, and its start is in the ledger.
func (d Dir) make(record any) error {
	forkedFiles <- struct{}{}
	defer func() { <-forkedFiles }()
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	lock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock(lock)
	return errors.Join(d.record(lock, record), d.reserve())
}

// record writes the file "run", which is the lock as well.
func (d Dir) record(lock *os.File, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := lock.WriteAt(text, 0); err != nil {
		return err
	}
	if addLink(lock, d.path(RecordFile)) == nil {
		return nil
	}
	return os.WriteFile(d.path(RecordFile), text, 0o600) // a file system without links
}

// write replaces a file as a whole.
func (d Dir) write(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return renameio.WriteFile(d.path(name), text, 0o600, renameio.WithTempDir(string(d)))
}

// complain writes the file "errors".
func (d Dir) complain(text string) {
	_ = os.WriteFile(d.path("errors"), []byte(text), 0o600)
}

// reserved is where the end is written: room for it is taken before the shim is
// started, so that a disk which is full by then does not cost the result.
const reserved = "end.reserved"

// endRoom is enough for any result.
const endRoom = 32 << 10

var noEnd [endRoom]byte

func (d Dir) reserve() error { return os.WriteFile(d.path(reserved), noEnd[:], 0o600) }

// finish writes the end as a whole; durable also asks the disk to keep it.
func (d Dir) finish(r any, durable bool) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(text) > endRoom {
		return d.write(EndFile, r)
	}
	f, err := os.OpenFile(d.path(reserved), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	err = errors.Join(err, f.Truncate(int64(len(text))))
	if err == nil && durable {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(d.path(reserved), d.path(EndFile))
	}
	if err != nil || !durable {
		return err
	}
	return d.sync()
}

// sync asks the disk to keep the names in the directory.
func (d Dir) sync() error {
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
